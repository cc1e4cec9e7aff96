using Lakou.Messaging.Store;
using Lakou.Messaging.Topics;

namespace Lakou.Messaging.Subscriptions;

/// <summary>A log that is served: how far its reader is. Under the store's gate.</summary>
internal sealed class LogRuntime(BackboneStore store, SubscriptionState state, SubscriptionPlan plan, TopicRuntime topic)
{
    public SubscriptionState State => state;

    public SubscriptionPlan Plan { get; set; } = plan;

    public TopicRuntime Topic => topic;

    public bool IsPaused => Plan.Paused || State.IsPaused;

    /// <summary>Events that its reader is not through with.</summary>
    public long Lag
    {
        get
        {
            var lag = 0L;
            for (var partition = 0; partition < state.Committed.Length; partition++)
            {
                var (start, end) = (state.Topic.Partitions[partition].Start, state.Topic.Partitions[partition].End);
                lag += (long)(end - Math.Min(end, Math.Max(start, state.Committed[partition])));
            }

            return lag;
        }
    }

    /// <summary>For each partition the first offset that the reader is not through with.</summary>
    /// <param name="isSeek">Whether it may also go back.</param>
    public ulong Commit(ReadOnlySpan<ulong> offsets, bool isSeek)
    {
        var record = store.Begin(isSeek ? RecordKind.Sought : RecordKind.Committed).Int(state.Id).Short(offsets.Length);
        foreach (var offset in offsets)
        {
            record.Long(offset);
        }

        return store.Append();
    }

    public void Pause(bool isPaused)
    {
        store.Begin(RecordKind.Paused).Int(state.Id).Flag(isPaused);
        store.Append();
    }
}
