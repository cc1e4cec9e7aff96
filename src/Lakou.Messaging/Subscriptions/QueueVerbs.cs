using System.IO.Pipelines;
using Lakou.Core.Configuration;
using Lakou.Core.Faults;
using Lakou.Log;
using Lakou.Log.Frames;
using Lakou.Messaging.Store;
using Lakou.Messaging.Subscriptions;

namespace Lakou.Messaging;

/// <summary>What workers of a queue ask for.</summary>
internal sealed partial class Backbone
{
    /// <summary>Most events that one request gets.</summary>
    public const int ReceiveMost = 1_000;

    /// <summary>Longest wait of one request: below what proxies between allow, mostly 60 s.</summary>
    public static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(50);

    // Bytes of events that one answer may hold, the first event apart.
    private const int ReceiveBytes = 8 << 20;

    public Fault? FindQueue(string name, out QueueRuntime queue)
    {
        lock (Store.Gate)
        {
            return _queues.TryGetValue(name, out queue!) ? null : Unknown(name, "log");
        }
    }

    public Fault? FindLog(string name, out LogRuntime log)
    {
        lock (Store.Gate)
        {
            return _logs.TryGetValue(name, out log!) ? null : Unknown(name, "queue");
        }
    }

    /// <summary>Leases events, and waits for them if there are none.</summary>
    /// <param name="max">1 to <see cref="ReceiveMost"/>.</param>
    /// <param name="wait">At most <see cref="LongestWait"/>.</param>
    /// <param name="scheduler">Where to continue; null for the thread pool.</param>
    /// <param name="cancellation">When the worker leaves: what it would have got goes to others at once.</param>
    /// <returns>The events; or the fault for which there are none.</returns>
    public async ValueTask<(Delivery Delivery, Fault? Fault)> ReceiveAsync(QueueRuntime queue, int max, TimeSpan wait, PipeScheduler? scheduler, CancellationToken cancellation)
    {
        // 1. What is there, or a place in the line of those who wait.
        Grant grant;
        ReceiveWaiter? waiter = null;
        lock (Store.Gate)
        {
            if (queue.IsGone)
            {
                return (Delivery.None, BackboneFaults.NoSuchSubscription.With($"subscription '{queue.State.Name}' is not served any more"));
            }

            grant = queue.Grant(max);
            if (grant.Events.Count == 0 && !_stopping.IsCancellationRequested)
            {
                waiter = new ReceiveWaiter(max, Store.Now + (long)wait.TotalMicroseconds);
                queue.Wait(waiter);
                Schedule(waiter.Until);
            }
            else
            {
                Schedule(grant.Deadline);
            }
        }

        if (waiter is not null)
        {
            grant = await WaitAsync(queue, waiter, cancellation);
        }

        if (grant.Events.Count == 0)
        {
            return (Delivery.None, null);
        }

        // 2. The leases are durable, and the events can be read.
        try
        {
            await Store.CommittedAsync(grant.Lsn, scheduler);
        }
        catch (JournalException e)
        {
            return (Delivery.None, BackboneStore.FaultOf(e));
        }

        if (!cancellation.IsCancellationRequested)
        {
            return (Read(queue, grant), null);
        }

        await GiveBackAsync(queue, grant);
        return (Delivery.None, null);
    }

    /// <summary>Events that were finished.</summary>
    public ValueTask<(Settlement Settlement, Fault? Fault)> AcknowledgeAsync(QueueRuntime queue, IReadOnlyList<LeaseToken> leases, PipeScheduler? scheduler, CancellationToken cancellation)
        => SettleAsync(queue, leases, queue.Acknowledge, scheduler, cancellation);

    /// <summary>Events that failed: they come again, or are dead.</summary>
    /// <param name="delay">In place of the retry policy's.</param>
    public ValueTask<(Settlement Settlement, Fault? Fault)> RefuseAsync(
        QueueRuntime queue, IReadOnlyList<LeaseToken> leases, TimeSpan? delay, string reason, PipeScheduler? scheduler, CancellationToken cancellation)
        => SettleAsync(queue, leases, entries => queue.Fail(entries, AttemptEnd.Refused, reason, delay), scheduler, cancellation);

    /// <summary>Events that take longer.</summary>
    /// <param name="by">From now on; null for the subscription's <c>lease</c>.</param>
    public ValueTask<(Settlement Settlement, Fault? Fault)> ExtendAsync(QueueRuntime queue, IReadOnlyList<LeaseToken> leases, TimeSpan? by, PipeScheduler? scheduler, CancellationToken cancellation)
        => SettleAsync(queue, leases, entries => queue.Extend(entries, by ?? queue.Plan.Lease), scheduler, cancellation);

    /// <summary>A change of a subscription by an operator: pause, seek, redrive.</summary>
    /// <param name="bytes">About the size of what it records, where that is not small.</param>
    /// <param name="bringsData">As of <see cref="DecideAsync"/>.</param>
    public ValueTask<Fault?> ChangeAsync(Action change, CancellationToken cancellation, int bytes = 0, bool bringsData = false)
        => DecideAsync(
            bytes,
            bringsData,
            () =>
            {
                change();
                ScheduleNext(Store.Now);
            },
            null,
            cancellation);

    private Fault Unknown(string name, string otherMode)
        => _queues.ContainsKey(name) || _logs.ContainsKey(name)
            ? BackboneFaults.WrongMode.With($"subscription '{name}' is a {otherMode}")
            : BackboneFaults.NoSuchSubscription.With($"unknown subscription '{name}'{Nearest.Suggest(name, _queues.Keys.Concat(_logs.Keys))}");

    private async ValueTask<Grant> WaitAsync(QueueRuntime queue, ReceiveWaiter waiter, CancellationToken cancellation)
    {
        await using var left = cancellation.UnsafeRegister(
            _ =>
            {
                lock (Store.Gate)
                {
                    if (queue.StopWaiting(waiter))
                    {
                        waiter.SetResult(Grant.None);
                    }
                }
            },
            null);
        return await waiter.Task;
    }

    private async ValueTask<(Settlement Settlement, Fault? Fault)> SettleAsync(
        QueueRuntime queue, IReadOnlyList<LeaseToken> leases, Action<IReadOnlyList<QueueEntry>> settle, PipeScheduler? scheduler, CancellationToken cancellation)
    {
        List<LeaseToken> gone = [];
        var done = 0;
        var fault = await DecideAsync(
            leases.Count * sizeof(ulong),
            bringsData: false,
            () =>
            {
                var held = queue.Held(leases, gone);
                done = held.Count;
                settle(held);
                Schedule(queue.NextEntryDue); // when a wait ends is scheduled since it began
            },
            scheduler,
            cancellation);
        return (fault is null ? new(done, gone) : new(0, []), fault);
    }

    private ValueTask<(Settlement Settlement, Fault? Fault)> GiveBackAsync(QueueRuntime queue, Grant grant)
        => SettleAsync(
            queue,
            [.. grant.Events.Select(granted => new LeaseToken(granted.Place, grant.Lsn))],
            entries => queue.Fail(entries, AttemptEnd.Undelivered, ""),
            null,
            CancellationToken.None);

    /// <summary>
    /// Reads the events of a grant, neighbours together, and hands them out in the order of the grant. What cannot be read is dead at once, and what is too much for one answer
    /// goes back.
    /// </summary>
    private Delivery Read(QueueRuntime queue, Grant grant)
    {
        int[] order = [.. Enumerable.Range(0, grant.Events.Count).OrderBy(i => grant.Events[i].Place.Value)];
        var delivered = new Delivered[order.Length];
        var blocks = new List<FrameBlock>();
        var unread = new List<LeaseToken>();
        var unreadable = new List<LeaseToken>();
        var bytes = 0;
        for (var i = 0; i < order.Length;)
        {
            // 1. How many stand one behind the other.
            var place = grant.Events[order[i]].Place;
            var row = 1;
            while (i + row < order.Length && grant.Events[order[i + row]].Place.Value == place.Value + (ulong)row)
            {
                row++;
            }

            if (bytes >= ReceiveBytes)
            {
                unread.AddRange(order.Skip(i).Select(at => new LeaseToken(grant.Events[at].Place, grant.Lsn)));
                break;
            }

            // 2. Read them; fewer when they are large, and then once more from where it ended.
            if (!Store.Files.TryGet(queue.State.Topic.Id, place.Partition, out var log) || log.Read(place.Offset, ReceiveBytes - bytes, row) is not { Count: > 0 } block)
            {
                unreadable.Add(new(place, grant.Lsn));
                i++;
                continue;
            }

            blocks.Add(block);
            var start = 0;
            foreach (var frame in block)
            {
                var (at, attempt) = grant.Events[order[i]];
                delivered[order[i]] = new(new(at, grant.Lsn), attempt, block.Memory.Slice(start, frame.Length));
                start += frame.Length;
                i++;
            }

            bytes += start;
        }

        Return(queue, unread, AttemptEnd.Undelivered, "");
        Return(queue, unreadable, AttemptEnd.Unreadable, "the event cannot be read: its file is damaged or gone");
        return new([.. delivered.Where(one => !one.Frame.IsEmpty)], grant.Deadline, blocks);
    }

    private void Return(QueueRuntime queue, List<LeaseToken> leases, AttemptEnd end, string reason)
    {
        if (leases.Count == 0)
        {
            return;
        }

        lock (Store.Gate)
        {
            queue.Fail(queue.Held(leases, []), end, reason);
            Schedule(queue.NextEntryDue);
        }
    }
}
