using Lakou.Core.Faults;

namespace Lakou.Gateway.Layer4;

/// <summary>What ends a connection or a session early. Nobody gets a status: the peer sees an end or a reset.</summary>
internal static class Layer4Faults
{
    public static readonly FaultCode HeadTimeout = new("layer4/head-timeout", FaultParty.Client, 0, "The PROXY header or the ClientHello did not arrive in time", RetryAdvice.Now);
    public static readonly FaultCode BadProxyHeader = new("layer4/bad-proxy-header", FaultParty.Operator, 0, "The connection does not begin with a PROXY header");
    public static readonly FaultCode BadClientHello = new("layer4/bad-client-hello", FaultParty.Client, 0, "The connection does not begin with a valid ClientHello");
    public static readonly FaultCode NoServerName = new("layer4/no-server-name", FaultParty.Client, 0, "No upstream is configured for the server name");
    public static readonly FaultCode IdleTimeout = new("layer4/idle-timeout", FaultParty.Client, 0, "Nothing was sent in either direction for too long", RetryAdvice.Now);
    public static readonly FaultCode ClientReset = new("layer4/client-reset", FaultParty.Client, 0, "The client broke the connection", RetryAdvice.IfIdempotent);
    public static readonly FaultCode EndpointReset = new("layer4/endpoint-reset", FaultParty.Upstream, 0, "The endpoint broke the connection", RetryAdvice.IfIdempotent);
    public static readonly FaultCode Drained = new("layer4/drained", FaultParty.Operator, 0, "The connection outlasted its listener", RetryAdvice.Now);
}
