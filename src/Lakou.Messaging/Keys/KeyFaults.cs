using Lakou.Core.Faults;

namespace Lakou.Messaging.Keys;

internal static class KeyFaults
{
    public static readonly FaultCode Full = new("keys/full", FaultParty.Operator, 507, "The store keeps as many keys as it may", RetryAdvice.Later);
}
