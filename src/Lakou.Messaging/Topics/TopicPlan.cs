namespace Lakou.Messaging.Topics;

/// <summary>A topic, checked and immutable.</summary>
/// <param name="Name">Its key in the file.</param>
/// <param name="Key">The attribute that decides an event's partition.</param>
/// <param name="RetentionBytes">Of all partitions together; null for no bound but age.</param>
/// <param name="Dedup">Zero for none.</param>
/// <param name="SegmentBytes">Size of one file of a partition.</param>
/// <param name="Fingerprint">Equal for topics that mean the same.</param>
internal sealed record TopicPlan(
    string Name, int Partitions, string Key, TimeSpan Retention, long? RetentionBytes, TimeSpan Dedup, long SegmentBytes, string Fingerprint)
{
    /// <summary>Of topics that nothing is said of.</summary>
    public const long DefaultSegmentBytes = 16 << 20;

    public static TopicPlan Build(string name, TopicOptions options, string fingerprint)
        => new(name, options.Partitions, options.Key, options.Retention, options.RetentionSize, options.Dedup, options.Segment, fingerprint);
}
