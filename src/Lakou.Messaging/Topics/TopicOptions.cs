using Lakou.Core.Configuration;

namespace Lakou.Messaging.Topics;

internal sealed record TopicOptions
{
    public int Partitions { get; init; } = 4;

    public string Key { get; init; } = "subject";

    public TimeSpan Retention { get; init; } = TimeSpan.FromDays(7); // Kafka's log.retention.hours

    public long? RetentionSize { get; init; }

    public TimeSpan Dedup { get; init; } = TimeSpan.FromHours(1); // Outpost's

    public long Segment { get; init; } = 16 << 20;

    private static readonly Shape<string> KeyShape = Shapes.Text(1, 64, "[a-z0-9]+", "the name of an attribute, such as subject: a-z and 0-9")
        .Where(name => name is not ("data" or "specversion"), "an attribute that tells events apart, such as subject");

    public static Shape<TopicOptions> Shape { get; } = Shapes.Object("topic", "A durable, partitioned sequence of events.", () => new TopicOptions())
        .Field("partitions", Shapes.Integer(1, 256), o => o.Partitions, (o, v) => o with { Partitions = v }, "Sequences of their own, each with its offsets. Events with one key are in one of them, in the order in which they were accepted. Their number is for ever: of a topic that exists it cannot change.")
        .Field("key", KeyShape, o => o.Key, (o, v) => o with { Key = v }, "The attribute of an event that decides its partition; an event without it goes to any.")
        .Field("retention", Shapes.Duration(TimeSpan.FromMinutes(1), TimeSpan.FromDays(3650)), o => o.Retention, (o, v) => o with { Retention = v }, "How long events are kept. They go in whole segments, and none before each queue is through with it, its dead events among them.")
        .Field("retention-size", Shapes.Size(1 << 20, 1L << 50), o => o.RetentionSize, (o, v) => o with { RetentionSize = v }, "Most bytes of all partitions together, each an equal part, where that is reached before `retention`; the oldest go, under the same rule.")
        .Field("dedup", Shapes.Duration(TimeSpan.Zero, TimeSpan.FromDays(7)), o => o.Dedup, (o, v) => o with { Dedup = v }, "How long an event is known by its `source` and `id`, so that one that is sent again is stored once; `0s` for not at all.")
        .Field("segment", Shapes.Size(1 << 20, 1 << 30), o => o.Segment, (o, v) => o with { Segment = v }, "Size of one file of a partition.")
        .Check((o, node, problems) =>
        {
            if (o.RetentionSize < o.Partitions * o.Segment)
            {
                problems.Add($"{node.Path}.retention-size", $"{o.Partitions} partitions of one segment of {Sizes.Format(o.Segment)} are {Sizes.Format(o.Partitions * o.Segment)}; raise it to that, or lower 'partitions' or 'segment'");
            }
        });
}
