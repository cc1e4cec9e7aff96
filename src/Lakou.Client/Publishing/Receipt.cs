namespace Lakou.Client;

/// <summary>An event that is on disk.</summary>
/// <param name="Id">The event's.</param>
/// <param name="Partition">Where it is.</param>
/// <param name="Offset">In its partition; null for an event that is held until it is due.</param>
/// <param name="Duplicate">It was accepted before, and is there once.</param>
/// <param name="Due">When it will be seen; null for at once.</param>
public sealed record Receipt(string Id, int Partition, long? Offset = null, bool Duplicate = false, DateTimeOffset? Due = null);

/// <summary>When events are to be seen. One of the two.</summary>
public sealed record PublishOptions
{
    /// <summary>After this time; at most a year.</summary>
    public TimeSpan? In { get; init; }

    /// <summary>At this time; one that has passed is now.</summary>
    public DateTimeOffset? At { get; init; }
}
