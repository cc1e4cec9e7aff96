using Lakou.Core.Faults;

namespace Lakou.Gateway.Routing;

/// <summary>What can be wrong with a request before any route has it.</summary>
internal static class RoutingFaults
{
    /// <summary>The target is in none of the forms of RFC 9112 §3.2 that a gateway serves.</summary>
    public static readonly FaultCode BadTarget = new("request/bad-target", FaultParty.Client, 400, "The request target is malformed");

    /// <summary>The path cannot be decoded to one meaning (RFC 3986 §3.3, RFC 3629).</summary>
    public static readonly FaultCode BadPath = new("request/bad-path", FaultParty.Client, 400, "The path of the request is malformed");

    /// <summary>The query holds a character that RFC 3986 §3.4 does not allow on the wire.</summary>
    public static readonly FaultCode BadQuery = new("request/bad-query", FaultParty.Client, 400, "The query of the request is malformed");

    public static readonly FaultCode NotFound = new("route/not-found", FaultParty.Client, 404, "No route matches this request");

    /// <summary>Routes match but for the method; the answer carries <c>Allow</c> (RFC 9110 §15.5.6).</summary>
    public static readonly FaultCode MethodNotAllowed = new("route/method-not-allowed", FaultParty.Client, 405, "This method is not allowed here");
}
