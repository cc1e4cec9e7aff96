namespace Lakou.Client;

/// <summary>An event that a worker has for a while.</summary>
public sealed class Delivery
{
    internal Delivery(string subscription, string lease, int attempt, int partition, long offset, CloudEvent delivered)
        => (Subscription, Lease, Attempt, Partition, Offset, Event) = (subscription, lease, attempt, partition, offset, delivered);

    /// <summary>Where it came from.</summary>
    public string Subscription { get; }

    /// <summary>Shown to finish it.</summary>
    public string Lease { get; }

    /// <summary>From 1; after a failure or a lease that ended, the event comes again with the next number.</summary>
    public int Attempt { get; }

    /// <summary>Of its topic.</summary>
    public int Partition { get; }

    /// <summary>In its partition.</summary>
    public long Offset { get; }

    /// <summary>What happened.</summary>
    public CloudEvent Event { get; }
}

/// <summary>Events that were leased together.</summary>
/// <param name="Events">None when the wait was over before there was one.</param>
/// <param name="Lease">How long their leases were when Lakou answered; null without events.</param>
public sealed record Received(IReadOnlyList<Delivery> Events, TimeSpan? Lease);

/// <summary>Thrown by a handler that knows why it refuses an event, and when to try again. Any other exception refuses with its message, and the subscription's own wait.</summary>
/// <param name="reason">Kept with the attempt, and of the last one shown beside the dead event; at most 256 characters.</param>
/// <param name="delay">When it comes again; null for what the subscription's <c>retry</c> says.</param>
public sealed class EventRefusedException(string reason, TimeSpan? delay = null) : Exception(reason)
{
    /// <summary>When it comes again; null for what the subscription's <c>retry</c> says.</summary>
    public TimeSpan? Delay { get; } = delay;
}
