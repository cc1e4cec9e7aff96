using Lakou.Messaging.Events;

namespace Lakou.Messaging.Subscriptions;

/// <summary>A subscription, checked and immutable. What stands from <paramref name="Lease"/> to <paramref name="DeadMax"/> counts for queues alone.</summary>
/// <param name="Name">Its key in the file.</param>
/// <param name="Topic">Name of the topic.</param>
/// <param name="Start">Where it begins when it is new.</param>
/// <param name="Filter">What it sees; null for everything.</param>
/// <param name="InFlight">Most events that are leased at a time.</param>
/// <param name="Window">Most events in view: that could be given out, are leased, or wait.</param>
/// <param name="DeadKeep">How long dead events are kept.</param>
/// <param name="DeadMax">Most dead events.</param>
/// <param name="Paused">Nothing is given out.</param>
/// <param name="Fingerprint">Equal for subscriptions that mean the same.</param>
internal sealed record SubscriptionPlan(
    string Name,
    string Topic,
    SubscriptionMode Mode,
    SubscriptionOrder Order,
    StartOptions Start,
    EventFilter? Filter,
    TimeSpan Lease,
    RetryPlan Retry,
    int InFlight,
    int Window,
    TimeSpan DeadKeep,
    int DeadMax,
    bool Paused,
    string Fingerprint)
{
    public static SubscriptionPlan Build(string name, SubscriptionOptions options, string fingerprint) => new(
        name,
        options.Topic,
        options.Mode,
        options.Order,
        options.Start,
        options.Filter is null ? null : new EventFilter(options.Filter),
        options.Lease,
        RetryPlan.Build(options.Retry),
        options.InFlight,
        options.Window,
        options.Dead.Keep,
        options.Dead.Max,
        options.Paused,
        fingerprint);
}
