using Lakou.Log;
using Lakou.Log.Frames;
using Lakou.Messaging.Events;
using Lakou.Messaging.Store;
using Lakou.Messaging.Topics;

namespace Lakou.Messaging;

/// <summary>Events that wait until they are due, in a file of their topic; then they get a place like others, and are seen.</summary>
internal sealed partial class Backbone
{
    // In one record: what is due at the same moment is released in turns of this many.
    private const int ReleasedMost = 256;
    private const int ReleasedBytes = 1 << 20;

    private readonly Dictionary<TopicState, PriorityQueue<ulong, long>> _held = [];

    private long NextHeld() => _held.Values.Select(held => held.TryPeek(out _, out var due) ? due : long.MaxValue).DefaultIfEmpty(long.MaxValue).Min();

    private void Hold(TopicRuntime topic, ulong place, long due)
    {
        HeldOf(topic).Enqueue(place, due);
        Schedule(due);
    }

    /// <summary>Files of held events that all have their place by now. That has to be durable first: a cut is told by nothing else.</summary>
    private void CutHeld(TopicRuntime topic)
    {
        ulong needed;
        lock (Store.Gate)
        {
            if (Store.State.Lsn > Store.CommittedLsn)
            {
                return; // the next time
            }

            needed = topic.State.Held.Count == 0 ? topic.State.HeldEnd : topic.State.Held.Keys.Min();
        }

        Store.Files.Held(topic.State.Id)?.CutBefore(needed);
    }

    private PriorityQueue<ulong, long> HeldOf(TopicRuntime topic)
    {
        if (!_held.TryGetValue(topic.State, out var held))
        {
            _held.Add(topic.State, held = new(topic.State.Held.Select(pair => (pair.Key, pair.Value.Due))));
        }

        return held;
    }

    /// <summary>Under the gate.</summary>
    private void ReleaseHeld(long now)
    {
        foreach (var topic in _served)
        {
            var held = HeldOf(topic);
            while (held.TryPeek(out _, out var due) && due <= now)
            {
                if (!Release(topic, held, now))
                {
                    return; // not on disk yet, or no room: the next tick
                }
            }
        }
    }

    private bool Release(TopicRuntime topic, PriorityQueue<ulong, long> held, long now)
    {
        // 1. What is due, as much as one record takes. What was accepted a moment ago is in its file only when it is committed.
        if (Store.Files.Held(topic.State.Id) is not { } log)
        {
            return false;
        }

        List<(ulong Place, long Due)> places = [];
        var bytes = 0;
        while (places.Count < ReleasedMost && bytes < ReleasedBytes && held.TryPeek(out var place, out var at) && at <= now && place < log.End)
        {
            held.Dequeue();
            if (topic.State.Held.TryGetValue(place, out var one) && !places.Contains((place, at)))
            {
                places.Add((place, at));
                bytes += one.Bytes;
            }
        }

        if (places.Count == 0 || Store.Room(bytes + (places.Count * PublishedBytes), bringsData: true) != JournalRoom.Yes)
        {
            held.EnqueueRange(places.Select(one => (one.Place, one.Due)));
            return places.Count == 0 && !(held.TryPeek(out var next, out _) && next >= log.End);
        }

        List<(ulong Place, byte[] Frame)> due = [];
        foreach (var (place, _) in places)
        {
            using var block = log.Read(place, 1, 1);
            if (block.Count > 0)
            {
                due.Add((place, block.Frames.ToArray()));
            }
        }

        if (due.Count == 0)
        {
            return true; // damaged: nothing is left of them
        }

        // 2. One record that gives each its place.
        var record = Store.Begin(RecordKind.Published).Int(topic.State.Id).Long(now).Long(0L).Int(due.Count);
        var ends = topic.State.Partitions.Select(partition => partition.End).ToArray();
        List<int> partitions = [];
        foreach (var (place, frame) in due)
        {
            var read = new EventFrame(frame);
            var partition = PartitionOf(topic, read.HasKey, read.KeyHash);
            partitions.Add(partition);
            FrameHead.Seal(frame, ends[partition]++, now);
            record.Short(partition).Byte((byte)PublishedFlags.Held).Long(place);
        }

        due.ForEach(one => record.Raw(one.Frame));
        Store.Append();

        // 3. To those who want them.
        for (var i = 0; i < due.Count; i++)
        {
            topic.Queues.ForEach(queue => queue.Offer(due[i].Frame, partitions[i]));
        }

        topic.Queues.ForEach(queue => queue.Pump());
        return true;
    }

    private static int PartitionOf(TopicRuntime topic, bool hasKey, ulong key)
    {
        var count = topic.State.Partitions.Length;
        if (hasKey)
        {
            return (int)(key % (ulong)count);
        }

        topic.NextPartition = (topic.NextPartition + 1) % count;
        return topic.NextPartition;
    }
}
