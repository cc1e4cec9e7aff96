using System.IO.Pipelines;
using Lakou.Core.Configuration;
using Lakou.Core.Events;
using Lakou.Core.Faults;
using Lakou.Log.Frames;
using Lakou.Messaging.Events;
using Lakou.Messaging.Store;
using Lakou.Messaging.Topics;

namespace Lakou.Messaging;

/// <summary>Where events come in.</summary>
internal sealed partial class Backbone
{
    /// <summary>The longest that an event may be held.</summary>
    public static readonly TimeSpan LongestDelay = TimeSpan.FromDays(366);

    /// <summary>A topic that is served, by name.</summary>
    /// <returns>Why there is none; null when there is.</returns>
    public Fault? FindTopic(string name, out TopicRuntime topic)
    {
        lock (Store.Gate)
        {
            return _topics.TryGetValue(name, out topic!) ? null
                : BackboneFaults.NoSuchTopic.With($"unknown topic '{name}'{Nearest.Suggest(name, _topics.Keys)}");
        }
    }

    /// <summary>Stores events, all or none, and ends when they are durable.</summary>
    /// <param name="batch">Read with the terms of the topic; not touched after the end.</param>
    /// <param name="delay">How long they are held; zero for not at all.</param>
    /// <param name="accepted">Gets where each is, in order.</param>
    /// <param name="scheduler">Where to continue; null for the thread pool.</param>
    /// <returns>Why nothing was stored; null when all was.</returns>
    public async ValueTask<Fault?> PublishAsync(
        TopicRuntime topic, EventBatch batch, TimeSpan delay, IList<AcceptedEvent> accepted, PipeScheduler? scheduler, CancellationToken cancellation)
    {
        if (delay < TimeSpan.Zero || delay > LongestDelay)
        {
            return BackboneFaults.BadRequest.With($"a delay of {Durations.Format(delay)} is not allowed; at most {Durations.Format(LongestDelay)}");
        }

        Fault? gone = null;
        return await DecideAsync(batch.Frames.Length + (batch.Events.Length * PublishedBytes), bringsData: true, Decide, scheduler, cancellation) ?? gone;

        void Decide()
        {
            if (topic.IsGone)
            {
                gone = BackboneFaults.NoSuchTopic.With($"topic '{topic.State.Name}' was deleted");
                return;
            }

            Publish(topic, batch, delay, accepted);
        }
    }

    // Of an event in the list of a record: partition, flags, hash.
    private const int PublishedBytes = 2 + 1 + 16;

    private void Publish(TopicRuntime topic, EventBatch batch, TimeSpan delay, IList<AcceptedEvent> accepted)
    {
        // 1. Which of them are new. One that was accepted before may not be on disk yet, so its answer waits with the others.
        var now = Store.Now;
        var due = delay == TimeSpan.Zero ? (DateTimeOffset?)null : Core.Time.UnixTime.FromMicroseconds(now + (long)delay.TotalMicroseconds);
        var knowsFor = (long)topic.Plan.Dedup.TotalMicroseconds;
        var isKnown = batch.Events.Length > MostOnStack ? new bool[batch.Events.Length] : stackalloc bool[batch.Events.Length];
        var fresh = 0;
        HashSet<UInt128>? inBatch = null;
        for (var i = 0; i < isKnown.Length; i++)
        {
            var hash = batch.Events[i].DedupHash;
            isKnown[i] = knowsFor > 0 && hash != 0 && (Store.State.Keys.TryGet(InTopic(hash, topic), now, out _) || (isKnown.Length > 1 && !(inBatch ??= []).Add(hash)));
            fresh += isKnown[i] ? 0 : 1;
        }

        topic.Count(fresh, fresh == 0 ? 0 : batch.Frames.Length, isKnown.Length - fresh);
        if (fresh == 0)
        {
            Report(topic, batch, isKnown, [], now, accepted);
            return;
        }

        // 2. Places.
        Span<EventPlace> places = fresh > MostOnStack ? new EventPlace[isKnown.Length] : stackalloc EventPlace[isKnown.Length];
        var record = due is null
            ? Store.Begin(RecordKind.Published).Int(topic.State.Id).Long(now).Long(now + knowsFor).Int(fresh)
            : Store.Begin(RecordKind.Held).Int(topic.State.Id).Long(now).Long(now + knowsFor).Long(Core.Time.UnixTime.Microseconds(due.Value)).Int(fresh);
        Place(topic, batch, isKnown, due is not null, now, record, places, knowsFor > 0);

        // 3. One record for all, and then the frames.
        for (var i = 0; i < isKnown.Length; i++)
        {
            if (!isKnown[i])
            {
                record.Raw(batch.FrameOf(batch.Events[i]));
            }
        }

        Store.Append();

        // 4. To those who want them.
        for (var i = 0; i < isKnown.Length; i++)
        {
            if (isKnown[i])
            {
                continue;
            }

            if (due is not null)
            {
                Hold(topic, places[i].Offset, Core.Time.UnixTime.Microseconds(due.Value));
                continue;
            }

            foreach (var queue in topic.Queues)
            {
                queue.Offer(batch.FrameOf(batch.Events[i]), places[i].Partition);
            }
        }

        foreach (var queue in topic.Queues)
        {
            queue.Pump();
        }

        Report(topic, batch, isKnown, places, now, accepted);
    }

    private const int MostOnStack = 64;

    private static void Place(TopicRuntime topic, EventBatch batch, ReadOnlySpan<bool> isKnown, bool isHeld, long now, RecordWriter record, Span<EventPlace> places, bool isDeduplicated)
    {
        Span<ulong> ends = stackalloc ulong[topic.State.Partitions.Length];
        for (var partition = 0; partition < ends.Length; partition++)
        {
            ends[partition] = topic.State.Partitions[partition].End;
        }

        var heldEnd = topic.State.HeldEnd;
        for (var i = 0; i < isKnown.Length; i++)
        {
            if (isKnown[i])
            {
                continue;
            }

            var one = batch.Events[i];
            var partition = isHeld ? 0 : PartitionOf(topic, one.HasKey, one.KeyHash);
            var offset = isHeld ? heldEnd++ : ends[partition]++;
            places[i] = isHeld ? EventPlace.Held(offset) : new(partition, offset);
            FrameHead.Seal(batch.FrameOf(one), offset, now);
            if (!isHeld)
            {
                record.Short(partition);
            }

            if (isDeduplicated && one.DedupHash != 0)
            {
                record.Byte((byte)PublishedFlags.Known).Hash(InTopic(one.DedupHash, topic));
            }
            else
            {
                record.Byte((byte)PublishedFlags.None);
            }
        }
    }

    /// <summary>An event is known in its topic alone. The hash cannot be chosen, so one topic's cannot be made another's.</summary>
    private static UInt128 InTopic(UInt128 hash, TopicRuntime topic) => hash ^ ((UInt128)(uint)topic.State.Id << 96);

    private void Report(TopicRuntime topic, EventBatch batch, ReadOnlySpan<bool> isKnown, ReadOnlySpan<EventPlace> places, long now, IList<AcceptedEvent> accepted)
    {
        for (var i = 0; i < isKnown.Length; i++)
        {
            var one = batch.Events[i];
            var place = isKnown[i] && Store.State.Keys.TryGet(InTopic(one.DedupHash, topic), now, out var known) ? known.Place : places[i];

            // One that is there already has a due of its own, and none any more once it was released.
            var isHeld = place.IsHeld & topic.State.Held.TryGetValue(place.Offset, out var held);
            accepted.Add(new AcceptedEvent(IdOf(batch, one), place.IsHeld ? 0 : place.Partition, place.IsHeld ? null : place.Offset)
            {
                IsDuplicate = isKnown[i],
                Due = isHeld ? Core.Time.UnixTime.FromMicroseconds(held.Due) : null,
            });
        }
    }

    /// <summary>The id stands first in a frame: no bytes are copied.</summary>
    private static ReadOnlyMemory<byte> IdOf(EventBatch batch, in BatchedEvent one)
    {
        const int NameAt = EventFrame.HeadLength + EventFrame.BodyHeadLength;
        const int LengthAt = NameAt + 1 + 2 + 1; // name length, "id", type
        var frame = batch.Frames.Slice(one.Start, one.Length);
        return frame.Slice(LengthAt + sizeof(int), System.Buffers.Binary.BinaryPrimitives.ReadInt32LittleEndian(frame.Span[LengthAt..]));
    }
}
