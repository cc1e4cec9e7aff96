using Lakou.Messaging.Store;
using Lakou.Messaging.Topics;

namespace Lakou.Messaging;

/// <summary>
/// What goes by age and size: whole segments, and none that a queue still needs. An event that was accepted is kept until every queue has finished it, whatever
/// the retention; a reader of a log has until the retention is over.
/// </summary>
internal sealed partial class Backbone
{
    internal void Housekeep()
    {
        var now = Store.Now;
        foreach (var topic in Volatile.Read(ref _served))
        {
            Trim(topic, now);
        }

        lock (Store.Gate)
        {
            foreach (var queue in _queues.Values)
            {
                queue.RecordSkips();
                queue.DropOld(now);
                queue.RedriveMore();
            }
        }

        Store.Files.Outcomes.CutBefore(OutcomesFrom());
        Tick();
    }

    private ulong OutcomesFrom()
    {
        lock (Store.Gate)
        {
            return Store.State.Keys.OutcomesFrom();
        }
    }

    private void Trim(TopicRuntime topic, long now)
    {
        // 1. What may go by age or size. Reads files, so outside the gate.
        var wanted = new ulong[topic.State.Partitions.Length];
        var before = now - (long)topic.Plan.Retention.TotalMicroseconds;
        var bytes = topic.Plan.RetentionBytes / wanted.Length;
        var any = false;
        for (var partition = 0; partition < wanted.Length; partition++)
        {
            if (Store.Files.TryGet(topic.State.Id, partition, out var log))
            {
                wanted[partition] = StartWanted(log, before, bytes);
                any |= wanted[partition] > log.Start;
            }
        }

        if (!any)
        {
            return;
        }

        // 2. What no queue needs any more.
        lock (Store.Gate)
        {
            foreach (var queue in topic.Queues)
            {
                var needed = queue.State.Queue.NeededFrom();
                for (var partition = 0; partition < wanted.Length; partition++)
                {
                    wanted[partition] = Math.Min(wanted[partition], needed[partition]);
                }
            }

            for (var partition = 0; partition < wanted.Length; partition++)
            {
                if (wanted[partition] > topic.State.Partitions[partition].Start && _topics.ContainsKey(topic.State.Name))
                {
                    Store.Begin(RecordKind.Trimmed).Int(topic.State.Id).Short(partition).Long(wanted[partition]);
                    Store.Append();
                }
            }
        }
    }

    /// <summary>The first offset of the oldest segment that is to be kept.</summary>
    private static ulong StartWanted(Log.Frames.FrameLog log, long before, long? mostBytes)
    {
        var segments = log.Segments();
        var bytes = segments.Sum(segment => segment.Bytes);
        var start = log.Start;
        for (var i = 0; i + 1 < segments.Count; i++)
        {
            var isOld = log.TimeOf(segments[i + 1].First) is { } next && next <= before;
            if (!isOld && !(bytes > mostBytes))
            {
                break;
            }

            bytes -= segments[i].Bytes;
            start = Math.Max(start, segments[i + 1].First);
        }

        return start;
    }
}
