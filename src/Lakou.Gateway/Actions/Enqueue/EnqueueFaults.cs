using Lakou.Core.Faults;

namespace Lakou.Gateway.Actions.Enqueue;

/// <summary>Why a request does not become an event, besides what its backbone says of it.</summary>
internal static class EnqueueFaults
{
    public static readonly FaultCode Encoded = new("enqueue/encoded", FaultParty.Client, 415, "The body is compressed, and events are stored as they are read");
    public static readonly FaultCode NoRoom = new("enqueue/no-room", FaultParty.Operator, 503, "The bodies that wait to become events take all the memory that they may", RetryAdvice.Later);
    public static readonly FaultCode NoBackbone = new("enqueue/no-backbone", FaultParty.Operator, 503, "The backbone takes no events now", RetryAdvice.Later);
}
