using Lakou.Log;
using Lakou.Messaging.Store;
using Lakou.Messaging.Subscriptions;
using Lakou.Messaging.Topics;
using Microsoft.Extensions.Logging;

namespace Lakou.Messaging;

/// <summary>
/// What goes by age and size: whole segments, and none that a queue still needs. An event that was accepted is kept until every queue has finished it, whatever
/// the retention; a reader of a log has until the retention is over.
/// </summary>
internal sealed partial class Backbone
{
    private readonly HashSet<string> _deadFull = new(StringComparer.Ordinal);
    private bool _isFull;
    private bool _toldOfEviction;

    internal void Housekeep()
    {
        var now = Store.Now;
        if (Store.Files.IsStuck)
        {
            Store.GiveRoom();
            Store.Files.Unstick();
        }

        foreach (var topic in Volatile.Read(ref _served))
        {
            Trim(topic, now);
            CutHeld(topic);
        }

        lock (Store.Gate)
        {
            foreach (var queue in _queues.Values.Where(_ => Store.Room(DueBytes, bringsData: false) == JournalRoom.Yes))
            {
                queue.RecordSkips();
                queue.DropOld(now);
            }
        }

        RedriveMore();
        Store.Files.Outcomes.CutBefore(OutcomesFrom());
        Warn();
        Tick();
    }

    /// <summary>A second's worth of every redrive that has a pace, in steps between which others have the gate.</summary>
    private void RedriveMore()
    {
        QueueRuntime[] queues;
        lock (Store.Gate)
        {
            queues = [.. _queues.Values.Where(queue => queue.LastRedrive is { GoesOn: true })];
        }

        foreach (var queue in queues)
        {
            var (left, moved) = (queue.LastRedrive!.PerSecond, 0);
            do
            {
                lock (Store.Gate)
                {
                    var hasRoom = Store.Room(DeadChoice.StepMost * DeadChoice.EntryBytes, bringsData: false) == JournalRoom.Yes;
                    moved = hasRoom ? queue.RedriveMore(left) : 0;
                    left -= moved;
                }
            }
            while (moved > 0 && left > 0);
        }
    }

    /// <summary>Once when it begins, once when it is over.</summary>
    private void Warn()
    {
        if (_isFull != Store.IsFull)
        {
            _isFull = !_isFull;
            if (_isFull && Store.IsReadOnly)
            {
                _log.LogError("The disk of the store is read-only: all that changes something is refused (507), reading of topics goes on. Look at the disk, and make it writable");
            }
            else if (_isFull)
            {
                _log.LogError("The disk has no room for more events: publishing is refused (507), large batches first; reading and acknowledging go on. Free some of it, or lower the retention of topics");
            }
            else
            {
                _log.LogInformation("The disk can be written again: events are accepted");
            }
        }

        QueueRuntime[] queues;
        lock (Store.Gate)
        {
            queues = [.. _queues.Values];
        }

        foreach (var queue in queues)
        {
            if (queue.IsDeadFull != _deadFull.Contains(queue.State.Name))
            {
                if (queue.IsDeadFull && _deadFull.Add(queue.State.Name))
                {
                    _log.LogError("Subscription {Subscription} gives nothing out any more: {Count} events are dead, as many as may be. Look at them (lakou subscriptions dead {Subscription}), redrive or drop them", queue.State.Name, queue.State.Queue.Dead.Count, queue.State.Name);
                }
                else if (_deadFull.Remove(queue.State.Name))
                {
                    _log.LogInformation("Subscription {Subscription} gives out events again", queue.State.Name);
                }
            }
        }

        if (Store.State.Keys.Evicted > 0 && !_toldOfEviction)
        {
            _toldOfEviction = true;
            _log.LogWarning("More than {Max} ids and keys are known at a time: the oldest ids of events are forgotten before their 'dedup' is over, so one that is sent again late may be stored twice. Raise store.keys, or lower 'dedup'", Store.State.Keys.Max);
        }
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
                if (wanted[partition] > topic.State.Partitions[partition].Start && _topics.ContainsKey(topic.State.Name) && Store.Room(DueBytes, bringsData: false) == JournalRoom.Yes)
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
