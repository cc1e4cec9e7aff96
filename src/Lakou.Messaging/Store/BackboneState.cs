using Lakou.Log;
using Lakou.Log.Frames;
using Lakou.Log.Segments;
using Lakou.Messaging.Keys;
using Lakou.Messaging.Subscriptions;
using Lakou.Messaging.Topics;

namespace Lakou.Messaging.Store;

/// <summary>
/// Everything that the journal says, as it stands after a record. Changed by <see cref="Apply"/> alone, with the very same bytes while Lakou runs, at its start, and
/// when a snapshot is made: what runs cannot differ from what a restart would find.
/// </summary>
internal sealed partial class BackboneState
{
    private readonly Dictionary<int, TopicState> _topics = [];
    private readonly Dictionary<int, SubscriptionState> _subscriptions = [];

    /// <summary>The last record that was applied.</summary>
    public ulong Lsn { get; private set; }

    /// <summary>The latest time that a record says, µs since 1970. Times of acceptance never go back.</summary>
    public long Time { get; private set; }

    /// <summary>Ids are given once.</summary>
    public int NextId { get; private set; } = 1;

    public IReadOnlyDictionary<int, TopicState> Topics => _topics;

    public IReadOnlyDictionary<int, SubscriptionState> Subscriptions => _subscriptions;

    public KeyTable Keys { get; } = new();

    /// <summary>What could not be read at starts, in words.</summary>
    public List<string> Damages { get; } = [];

    public void Apply(in JournalRecord journalled)
    {
        var record = new RecordReader(journalled.Payload);
        switch (record.Kind)
        {
            case RecordKind.TopicDeclared:
                ApplyTopicDeclared(ref record);
                break;
            case RecordKind.TopicDeleted:
                _topics.Remove(record.Int());
                break;
            case RecordKind.Published:
                ApplyPublished(ref record);
                break;
            case RecordKind.Held:
                ApplyHeld(ref record);
                break;
            case RecordKind.Trimmed:
                ApplyTrimmed(ref record);
                break;
            case RecordKind.SubscriptionDeclared:
                ApplySubscriptionDeclared(ref record);
                break;
            case RecordKind.SubscriptionDeleted:
                _subscriptions.Remove(record.Int());
                break;
            case RecordKind.KeyReserved:
                Keys.ApplyReserved(ref record, journalled.Lsn);
                break;
            case RecordKind.KeyCompleted:
                Keys.ApplyCompleted(ref record);
                break;
            case RecordKind.KeyAborted:
                Keys.ApplyAborted(ref record);
                break;
            case RecordKind.Damaged:
                Damages.Add(record.Text());
                break;
            default:
                ApplyToSubscription(ref record, journalled.Lsn);
                break;
        }

        Lsn = journalled.Lsn;
    }

    private void ApplyToSubscription(ref RecordReader record, ulong lsn)
    {
        // One that is not there was deleted, or the record that declared it is damaged.
        if (!_subscriptions.TryGetValue(record.Int(), out var subscription))
        {
            return;
        }

        switch (record.Kind)
        {
            case RecordKind.Paused:
                subscription.IsPaused = record.Flag();
                break;
            case RecordKind.Leased:
                subscription.Queue.ApplyLeased(ref record, lsn);
                break;
            case RecordKind.Extended:
                subscription.Queue.ApplyExtended(ref record);
                break;
            case RecordKind.Acknowledged:
                subscription.Queue.ApplyAcknowledged(ref record);
                break;
            case RecordKind.Retried:
                subscription.Queue.ApplyRetried(ref record);
                break;
            case RecordKind.Died:
                subscription.Queue.ApplyDied(ref record);
                break;
            case RecordKind.Redriven:
                subscription.Queue.ApplyRedriven(ref record);
                break;
            case RecordKind.Dropped:
                subscription.Queue.ApplyDropped(ref record);
                break;
            case RecordKind.Skipped:
                subscription.Queue.ApplySkipped(ref record);
                break;
            case RecordKind.Sought or RecordKind.Committed:
                subscription.Seek(ref record);
                break;
            default:
                throw new JournalException($"the journal has a record of kind {(int)record.Kind}, which this Lakou does not know; use the version that wrote it");
        }
    }

    /// <summary><code>u32 id, text name, u16 partitions, u8 by hand, text options</code></summary>
    private void ApplyTopicDeclared(ref RecordReader record)
    {
        var (id, name, partitions) = (record.Int(), record.Text(), record.Short());
        if (!_topics.TryGetValue(id, out var topic))
        {
            _topics.Add(id, topic = new(id, name, partitions));
        }

        topic.IsByHand = record.Flag();
        topic.Options = record.Text();
        NextId = Math.Max(NextId, id + 1);
    }

    /// <summary>
    /// <code>
    /// u32 topic, i64 time, i64 known until, u32 count, count × { u16 partition, u8 flags, [1: u128 hash of source and id], [2: u64 held place] }, frames
    /// </code>
    /// </summary>
    private void ApplyPublished(ref RecordReader record)
    {
        var known = _topics.TryGetValue(record.Int(), out var topic);
        Time = Math.Max(Time, record.Long());
        Keys.Sweep(Time);
        var expires = record.Long();
        var count = record.Int();
        if (!known)
        {
            return;
        }

        var frames = FramesOf(record, count);
        for (; count > 0; count--)
        {
            var partition = record.Short();
            var flags = (PublishedFlags)record.Byte();
            var hash = flags.HasFlag(PublishedFlags.Known) ? record.Hash() : 0;
            if (flags.HasFlag(PublishedFlags.Held))
            {
                topic!.Held.Remove(record.ULong());
            }

            var offset = FrameHead.Offset(frames);
            frames = frames[FrameHead.Length(frames)..];
            topic!.Partitions[partition].End = offset + 1;
            if (hash != 0)
            {
                Keys.AddEvent(hash, expires, new(partition, offset));
            }
        }
    }

    /// <summary><code>u32 topic, i64 time, i64 known until, i64 due, u32 count, count × { u8 flags, [1: u128 hash] }, frames</code></summary>
    private void ApplyHeld(ref RecordReader record)
    {
        var known = _topics.TryGetValue(record.Int(), out var topic);
        Time = Math.Max(Time, record.Long());
        var expires = record.Long();
        var due = record.Long();
        var count = record.Int();
        if (!known)
        {
            return;
        }

        var meta = record;
        for (var left = count; left > 0; left--)
        {
            if (((PublishedFlags)record.Byte()).HasFlag(PublishedFlags.Known))
            {
                record.Hash();
            }
        }

        for (var frames = record.Rest; count > 0; count--)
        {
            var (offset, length) = (FrameHead.Offset(frames), FrameHead.Length(frames));
            frames = frames[length..];
            topic!.Held[offset] = new(due, length);
            topic.HeldEnd = offset + 1;
            if (((PublishedFlags)meta.Byte()).HasFlag(PublishedFlags.Known))
            {
                Keys.AddEvent(meta.Hash(), expires, EventPlace.Held(offset));
            }
        }
    }

    /// <summary><code>u32 topic, u16 partition, u64 start</code></summary>
    private void ApplyTrimmed(ref RecordReader record)
    {
        if (_topics.TryGetValue(record.Int(), out var topic))
        {
            topic.Partitions[record.Short()].Start = record.ULong();
        }
    }

    /// <summary><code>u32 id, text name, u32 topic, u8 mode, u8 by hand, text options, [new: u16 count, count × u64 offset]</code></summary>
    private void ApplySubscriptionDeclared(ref RecordReader record)
    {
        var (id, name) = (record.Int(), record.Text());
        NextId = Math.Max(NextId, id + 1);
        if (!_topics.TryGetValue(record.Int(), out var topic))
        {
            return;
        }

        var mode = (SubscriptionMode)record.Byte();
        var (byHand, options) = (record.Flag(), record.Text());
        if (!_subscriptions.TryGetValue(id, out var subscription))
        {
            _subscriptions.Add(id, subscription = new(id, name, topic, mode));
            subscription.Seek(ref record);
        }

        subscription.IsByHand = byHand;
        subscription.Options = options;
    }

    /// <summary>The frames of a record stand behind its list.</summary>
    internal static ReadOnlySpan<byte> FramesOf(RecordReader record, int count)
    {
        for (; count > 0; count--)
        {
            record.Short();
            var flags = (PublishedFlags)record.Byte();
            _ = flags.HasFlag(PublishedFlags.Known) ? record.Hash() : 0;
            _ = flags.HasFlag(PublishedFlags.Held) ? record.ULong() : 0;
        }

        return record.Rest;
    }
}

/// <summary>What stands behind an event's partition in a record.</summary>
[Flags]
internal enum PublishedFlags : byte
{
    None = 0,

    /// <summary>The sender gave its id: it is known by it for a while.</summary>
    Known = 1,

    /// <summary>It was held until it was due.</summary>
    Held = 2,
}
