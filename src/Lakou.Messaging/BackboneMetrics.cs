using Lakou.Core.Metrics;
using Lakou.Messaging.Store;
using Lakou.Messaging.Subscriptions;
using Lakou.Messaging.Topics;

namespace Lakou.Messaging;

/// <summary>What operators watch. Counts are plain numbers of what they count, read when they are written.</summary>
internal sealed class BackboneMetrics
{
    // Seconds. A flash disk syncs in 0.1 ms, a spinning one in 10; above a second something is wrong.
    private static readonly HistogramBuckets s_syncs = new(0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5);

    private static readonly AttemptEnd[] s_ends = [AttemptEnd.Refused, AttemptEnd.Expired, AttemptEnd.Undelivered, AttemptEnd.Unreadable];

    private readonly MetricFamily<Counter> _accepted;
    private readonly MetricFamily<Counter> _acceptedBytes;
    private readonly MetricFamily<Counter> _duplicates;
    private readonly MetricFamily<Gauge> _kept;
    private readonly MetricFamily<Gauge> _keptBytes;
    private readonly MetricFamily<Gauge> _held;
    private readonly MetricFamily<Gauge> _lag;
    private readonly MetricFamily<Gauge> _leased;
    private readonly MetricFamily<Gauge> _retrying;
    private readonly MetricFamily<Gauge> _dead;
    private readonly MetricFamily<Gauge> _blocked;
    private readonly MetricFamily<Gauge> _waiting;
    private readonly MetricFamily<Counter> _delivered;
    private readonly MetricFamily<Counter> _acknowledged;
    private readonly MetricFamily<Counter> _failures;
    private readonly MetricFamily<Counter> _died;
    private readonly MetricFamily<Counter> _unreadable;
    private readonly MetricFamily<Histogram> _syncs;
    private readonly MetricFamily<Counter> _records;
    private readonly MetricFamily<Counter> _bytes;
    private readonly MetricFamily<Gauge> _full;
    private readonly MetricFamily<Gauge> _damages;
    private readonly MetricFamily<Gauge> _keys;
    private readonly MetricFamily<Counter> _evicted;

    public BackboneMetrics(MetricRegistry registry)
    {
        string[] topic = ["topic"], subscription = ["subscription"];
        _accepted = registry.CounterFamily("lakou_topic_events_total", "Events accepted", topic);
        _acceptedBytes = registry.CounterFamily("lakou_topic_bytes_total", "Bytes of accepted events, as they are stored", topic);
        _duplicates = registry.CounterFamily("lakou_topic_duplicates_total", "Events that were accepted before and sent again", topic);
        _kept = registry.GaugeFamily("lakou_topic_events", "Events that are kept", topic);
        _keptBytes = registry.GaugeFamily("lakou_topic_size_bytes", "Bytes of the events that are kept", topic);
        _held = registry.GaugeFamily("lakou_topic_held_events", "Events that are not due yet", topic);
        _lag = registry.GaugeFamily("lakou_subscription_lag_events", "Events that are not finished, dead ones left out", subscription);
        _leased = registry.GaugeFamily("lakou_subscription_leased_events", "Events that workers have", subscription);
        _retrying = registry.GaugeFamily("lakou_subscription_retrying_events", "Events that failed and come again", subscription);
        _dead = registry.GaugeFamily("lakou_subscription_dead_events", "Events that were given up on", subscription);
        _blocked = registry.GaugeFamily("lakou_subscription_blocked", "1 while nothing is given out, because it is paused or as many events are dead as may be", ["subscription", "reason"]);
        _waiting = registry.GaugeFamily("lakou_subscription_waiting_workers", "Workers that wait for an event", subscription);
        _delivered = registry.CounterFamily("lakou_subscription_deliveries_total", "Events given to workers, each time", subscription);
        _acknowledged = registry.CounterFamily("lakou_subscription_acknowledged_total", "Events that workers finished", subscription);
        _failures = registry.CounterFamily("lakou_subscription_failures_total", "Attempts that came to nothing, by how they ended", ["subscription", "end"]);
        _died = registry.CounterFamily("lakou_subscription_died_total", "Events that were given up on", subscription);
        _unreadable = registry.CounterFamily("lakou_subscription_unreadable_total", "Events passed over because their file is damaged", subscription);
        _syncs = registry.HistogramFamily("lakou_store_sync_seconds", "Time of a write of the journal with its sync", [], s_syncs);
        _records = registry.CounterFamily("lakou_store_records_total", "Records written to the journal", []);
        _bytes = registry.CounterFamily("lakou_store_written_bytes_total", "Bytes written to the journal", []);
        _full = registry.GaugeFamily("lakou_store_full", "1 while large batches, and in the end all events, are refused because the disk is full", []);
        _damages = registry.GaugeFamily("lakou_store_damages", "Places of the store that could not be read at a start", []);
        _keys = registry.GaugeFamily("lakou_store_keys", "Keys that are known: of events, and of work that is done once", []);
        _evicted = registry.CounterFamily("lakou_store_keys_evicted_total", "Keys of events that were forgotten before their time because there were too many", []);
    }

    public void Follow(BackboneStore store)
    {
        var syncs = _syncs.With();
        store.Statistics.Synced = took => syncs.Observe(took.TotalSeconds);
        _records.With().Follow(() => store.Statistics.Records);
        _bytes.With().Follow(() => store.Statistics.Bytes);
        _full.With().Follow(() => store.IsFull ? 1 : 0);
        _damages.With().Follow(() => store.State.Damages.Count);
        _keys.With().Follow(() => store.State.Keys.Count);
        _evicted.With().Follow(() => store.State.Keys.Evicted);
    }

    public void Follow(TopicRuntime topic, Func<long> bytes)
    {
        var name = topic.State.Name;
        _accepted.With(name).Follow(() => topic.Accepted);
        _acceptedBytes.With(name).Follow(() => topic.AcceptedBytes);
        _duplicates.With(name).Follow(() => topic.Duplicates);
        _kept.With(name).Follow(() => topic.State.Partitions.Sum(partition => (double)(partition.End - partition.Start)));
        _keptBytes.With(name).Follow(() => bytes());
        _held.With(name).Follow(() => topic.State.Held.Count);
    }

    public void Follow(QueueRuntime queue)
    {
        var name = queue.State.Name;
        _lag.With(name).Follow(() => queue.Lag);
        _leased.With(name).Follow(() => queue.Leased);
        _retrying.With(name).Follow(() => queue.Waiting);
        _dead.With(name).Follow(() => queue.State.Queue.Dead.Count);
        _blocked.With(name, "paused").Follow(() => queue.IsPaused ? 1 : 0);
        _blocked.With(name, "dead-full").Follow(() => queue.IsDeadFull ? 1 : 0);
        _waiting.With(name).Follow(() => queue.Waiters);
        _delivered.With(name).Follow(() => queue.Delivered);
        _acknowledged.With(name).Follow(() => queue.Acknowledged);
        _died.With(name).Follow(() => queue.Died);
        _unreadable.With(name).Follow(() => queue.Unreadable);
        foreach (var end in s_ends)
        {
            _failures.With(name, end.ToString().ToLowerInvariant()).Follow(() => queue.Failures(end));
        }
    }

    public void Follow(LogRuntime log)
    {
        _lag.With(log.State.Name).Follow(() => log.Lag);
        _blocked.With(log.State.Name, "paused").Follow(() => log.IsPaused ? 1 : 0);
    }

    public void ForgetTopic(string name)
    {
        foreach (var family in (MetricFamily<Counter>[])[_accepted, _acceptedBytes, _duplicates])
        {
            family.Remove(name);
        }

        foreach (var family in (MetricFamily<Gauge>[])[_kept, _keptBytes, _held])
        {
            family.Remove(name);
        }
    }

    public void ForgetSubscription(string name)
    {
        foreach (var family in (MetricFamily<Gauge>[])[_lag, _leased, _retrying, _dead, _waiting])
        {
            family.Remove(name);
        }

        foreach (var family in (MetricFamily<Counter>[])[_delivered, _acknowledged, _died, _unreadable])
        {
            family.Remove(name);
        }

        _blocked.Remove(name, "paused");
        _blocked.Remove(name, "dead-full");
        Array.ForEach(s_ends, end => _failures.Remove(name, end.ToString().ToLowerInvariant()));
    }
}
