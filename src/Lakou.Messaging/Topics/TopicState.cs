namespace Lakou.Messaging.Topics;

/// <summary>What is known of a topic for good: it is replayed from the journal.</summary>
internal sealed class TopicState(int id, string name, int partitions)
{
    public int Id => id;

    public string Name => name;

    /// <summary>Whether a request of the admin API made it, and not the file.</summary>
    public bool IsByHand { get; set; }

    /// <summary>As YAML or JSON text, when it was made by hand.</summary>
    public string Options { get; set; } = "";

    /// <summary>Their number never changes: the hash of a key modulo it is where the key's events are.</summary>
    public PartitionState[] Partitions { get; } = new PartitionState[partitions];

    /// <summary>Place of the next event that is held until it is due, in the topic's file of those.</summary>
    public ulong HeldEnd { get; set; }

    /// <summary>Events that are not due yet: place to due time (µs since 1970).</summary>
    public Dictionary<ulong, HeldEvent> Held { get; } = [];
}

/// <param name="Due">µs since 1970.</param>
/// <param name="Bytes">Of its frame.</param>
internal readonly record struct HeldEvent(long Due, int Bytes);

/// <summary>Offsets of one partition.</summary>
internal struct PartitionState
{
    /// <summary>The first that is kept.</summary>
    public ulong Start { get; set; }

    /// <summary>The next.</summary>
    public ulong End { get; set; }
}
