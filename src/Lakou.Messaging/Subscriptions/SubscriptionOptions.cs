using Lakou.Core.Configuration;
using Lakou.Messaging.Events;

namespace Lakou.Messaging.Subscriptions;

internal enum SubscriptionMode
{
    /// <summary>Events are leased, and acknowledged one by one.</summary>
    Queue,

    /// <summary>Events are read in order, and an offset is committed.</summary>
    Log,
}

internal enum SubscriptionOrder
{
    None,

    /// <summary>Events with one key one after the other, also while the first of them is being retried.</summary>
    Key,
}

internal sealed record DeadOptions
{
    public TimeSpan Keep { get; init; } = TimeSpan.FromDays(14);

    public int Max { get; init; } = 100_000;

    public static Shape<DeadOptions> Shape { get; } = Shapes.Object("dead", "Events that a subscription gave up on, kept to be looked at and brought back.", () => new DeadOptions())
        .Field("keep", Shapes.Duration(TimeSpan.FromMinutes(1), TimeSpan.FromDays(3650)), o => o.Keep, (o, v) => o with { Keep = v }, "How long, whatever the retention of the topic.")
        .Field("max", Shapes.Integer(1, 10_000_000), o => o.Max, (o, v) => o with { Max = v }, "Most at a time; with so many, nothing is given out until some were brought back, dropped or kept long enough: no event is lost unseen.");
}

internal sealed record SubscriptionOptions
{
    public string Topic { get; init; } = "";

    public SubscriptionMode Mode { get; init; }

    public SubscriptionOrder Order { get; init; }

    public StartOptions Start { get; init; } = StartOptions.Earliest;

    public EventFilterOptions? Filter { get; init; }

    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(30); // NATS JetStream's ack wait

    public RetryOptions Retry { get; init; } = new();

    public int InFlight { get; init; } = 1_000; // NATS JetStream's max ack pending

    public int Window { get; init; } = 65_536;

    public DeadOptions Dead { get; init; } = new();

    public bool Paused { get; init; }

    // Of leases and what becomes of them: a log has none.
    private static readonly string[] s_queueKeys = ["order", "lease", "retry", "in-flight", "window", "dead"];

    public static Shape<SubscriptionOptions> Shape { get; } = Shapes.Object("subscription", "A durable reader of a topic.", () => new SubscriptionOptions())
        .Required("topic", Shapes.Text(1, 63), o => o.Topic, (o, v) => o with { Topic = v }, "The topic that it reads, one of `topics`.")
        .Field("mode", Shapes.Choice(("queue", SubscriptionMode.Queue), ("log", SubscriptionMode.Log)), o => o.Mode, (o, v) => o with { Mode = v }, "`queue`: workers lease events and acknowledge each; `log`: readers go through each partition in order and commit how far they are.")
        .Field("order", Shapes.Choice(("none", SubscriptionOrder.None), ("key", SubscriptionOrder.Key)), o => o.Order, (o, v) => o with { Order = v }, "`key`: events with one key are given out one after the other, also while the first of them is being retried; other keys go on. A log has the order of its partitions.")
        .Field("start", StartOptions.Shape, o => o.Start, (o, v) => o with { Start = v }, "Where it begins when it is new. `earliest`, because a subscription that was renamed or came late then sees too much, which `seek` passes over, and never too little, which nobody would notice.")
        .Field("filter", EventFilterOptions.Shape, o => o.Filter, (o, v) => o with { Filter = v }, "Attributes that an event must have to be seen here, each with a value, a beginning such as `order.*`, or a list of these; all must match.")
        .Field("lease", Shapes.Duration(TimeSpan.FromSeconds(1), TimeSpan.FromHours(12)), o => o.Lease, (o, v) => o with { Lease = v }, "How long a worker has an event before another gets it, unless it extends the lease.")
        .Field("retry", RetryOptions.Shape, o => o.Retry, (o, v) => o with { Retry = v }, "When an event comes again that was not acknowledged, and when it is dead. A list is a `schedule`.")
        .Field("in-flight", Shapes.Integer(1, 100_000), o => o.InFlight, (o, v) => o with { InFlight = v }, "Most events that are leased at a time.")
        .Field("window", Shapes.Integer(1_024, 1_000_000), o => o.Window, (o, v) => o with { Window = v }, "Most events in view: those that could be given out, are leased, or wait to be tried again. Behind them nothing is looked at.")
        .Field("dead", DeadOptions.Shape, o => o.Dead, (o, v) => o with { Dead = v }, "Events that it gave up on.")
        .Field("paused", Shapes.Flag(), o => o.Paused, (o, v) => o with { Paused = v }, "Nothing is given out while it is so; events wait.")
        .Check((o, node, problems) =>
        {
            foreach (var entry in o.Mode == SubscriptionMode.Log ? ((ConfigMap)node).Entries.Where(entry => s_queueKeys.Contains(entry.Name, StringComparer.Ordinal)) : [])
            {
                problems.Add(entry.Key, $"a log has no '{entry.Name}'; remove it, or write mode: queue");
            }

            if (o.InFlight > o.Window)
            {
                problems.Add(node, $"'in-flight' {o.InFlight} is more than 'window' {o.Window}, and none is leased that is not in view; raise 'window' or lower 'in-flight'");
            }
        });
}
