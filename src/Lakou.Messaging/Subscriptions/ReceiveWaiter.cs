namespace Lakou.Messaging.Subscriptions;

/// <param name="Place">Of the event.</param>
/// <param name="Attempt">From 1.</param>
internal readonly record struct Granted(Topics.EventPlace Place, int Attempt);

/// <summary>Events that a worker got together, under one record.</summary>
/// <param name="Lsn">Of the record; with a place, the lease.</param>
/// <param name="Deadline">µs since 1970.</param>
internal sealed record Grant(ulong Lsn, long Deadline, IReadOnlyList<Granted> Events)
{
    public static readonly Grant None = new(0, 0, []);
}

/// <summary>A worker that waits for events. Completed under the store's gate, continues elsewhere.</summary>
internal sealed class ReceiveWaiter(int max, long until)
    : TaskCompletionSource<Grant>(TaskCreationOptions.RunContinuationsAsynchronously)
{
    public int Max => max;

    /// <summary>When it is answered with nothing, µs since 1970.</summary>
    public long Until => until;
}
