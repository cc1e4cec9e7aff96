using Lakou.Core.Faults;

namespace Lakou.Messaging.Store;

internal static class StoreFaults
{
    public static readonly FaultCode Full = new("store/full", FaultParty.Operator, 507, "The disk has no room for more events", RetryAdvice.Later);

    public static readonly FaultCode Failed = new("store/failed", FaultParty.Disk, 500, "The store could not be written, and whether this was stored is not known", RetryAdvice.IfIdempotent);

    public static readonly FaultCode Stopping = new("store/stopping", FaultParty.Lakou, 503, "Lakou is stopping", RetryAdvice.Later);
}
