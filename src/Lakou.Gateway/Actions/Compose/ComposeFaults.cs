using Lakou.Core.Faults;

namespace Lakou.Gateway.Actions.Compose;

/// <summary>What ends a composed answer when a required part is to blame, besides the faults of its upstream.</summary>
internal static class ComposeFaults
{
    /// <summary>Ends a request with the status of the part.</summary>
    public static readonly FaultCode PartRefused = new("compose/part-refused", FaultParty.Client, 400, "A part of the answer refused the request, with this status");
    public static readonly FaultCode PartStatus = new("compose/part-status", FaultParty.Upstream, 502, "A part of the answer came with a status that is of no use here", RetryAdvice.IfIdempotent);
    public static readonly FaultCode PartInvalid = new("compose/part-invalid", FaultParty.Upstream, 502, "A part of the answer is not one JSON value");
    public static readonly FaultCode PartTooLarge = new("compose/part-too-large", FaultParty.Upstream, 502, "A part of the answer is larger than allowed");
    public static readonly FaultCode PartTimeout = new("compose/part-timeout", FaultParty.Upstream, 504, "A part of the answer did not come in time", RetryAdvice.IfIdempotent);
}
