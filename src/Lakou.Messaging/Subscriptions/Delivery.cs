using Lakou.Log.Frames;

namespace Lakou.Messaging.Subscriptions;

/// <param name="Lease">What the worker shows to finish it.</param>
/// <param name="Attempt">From 1.</param>
/// <param name="Frame">The event; good until the delivery is disposed.</param>
internal readonly record struct Delivered(LeaseToken Lease, int Attempt, ReadOnlyMemory<byte> Frame);

/// <summary>Events as a worker gets them.</summary>
internal sealed class Delivery(IReadOnlyList<Delivered> events, long deadline, IReadOnlyList<FrameBlock> blocks) : IDisposable
{
    public static Delivery None => new([], 0, []);

    public IReadOnlyList<Delivered> Events => events;

    /// <summary>When the leases end unless they are extended, µs since 1970.</summary>
    public long Deadline => deadline;

    public void Dispose()
    {
        foreach (var block in blocks)
        {
            block.Dispose();
        }
    }
}

/// <summary>What became of leases that a worker showed.</summary>
/// <param name="Done">How many held their event.</param>
/// <param name="Gone">Those that did not: finished before, or ended and given to another.</param>
internal sealed record Settlement(int Done, IReadOnlyList<LeaseToken> Gone);
