using System.Collections.Concurrent;
using System.IO.Pipelines;
using Lakou.Core.Configuration;
using Lakou.Core.Disk;
using Lakou.Core.Faults;
using Lakou.Log;
using Lakou.Messaging.Store;
using Lakou.Messaging.Subscriptions;
using Lakou.Messaging.Topics;
using Microsoft.Extensions.Logging;

namespace Lakou.Messaging;

/// <summary>What a backbone gets from outside its configuration.</summary>
internal sealed record BackboneSettings
{
    public IDisk Disk { get; init; } = SystemDisk.Instance;

    public TimeProvider Time { get; init; } = TimeProvider.System;

    public required ILoggerFactory Loggers { get; init; }

    /// <summary>Null: nobody watches.</summary>
    public BackboneMetrics? Metrics { get; init; }

    /// <summary>For jitter.</summary>
    public Random Random { get; init; } = Random.Shared;

    /// <summary>False for tests that decide when things are written: no thread, no timer, work in the queue of <see cref="Run"/>.</summary>
    public bool IsBackground { get; init; } = true;

    /// <summary>Runs work on another thread.</summary>
    public Action<Action> Run { get; init; } = static work => ThreadPool.UnsafeQueueUserWorkItem(static state => state(), work, preferLocal: false);
}

/// <summary>
/// The running backbone: topics and subscriptions of the file and those made by hand, over one store. What it does for publishers, workers and readers is in the
/// rooms of these; here is what they share.
/// </summary>
internal sealed partial class Backbone : IAsyncDisposable
{
    // What is not due at a time of its own: retention, dead events that are old, what was passed over.
    private static readonly TimeSpan HousekeepingInterval = TimeSpan.FromSeconds(1);

    // Of the records of what is due at a time: as many ended leases as a tick takes.
    private const int DueBytes = 32 << 10;

    private readonly BackboneSettings _settings;
    private readonly ConcurrentDictionary<string, long> _segmentBytes;
    private readonly ILogger _log;
    private readonly Dictionary<string, TopicRuntime> _topics = new(StringComparer.Ordinal);
    private readonly Dictionary<string, QueueRuntime> _queues = new(StringComparer.Ordinal);
    private readonly Dictionary<string, LogRuntime> _logs = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stopping = new();
    private ITimer? _dueTimer;
    private ITimer? _housekeeping;
    private TopicRuntime[] _served = [];
    private long _timerDue = long.MaxValue;

    private Backbone(BackboneSettings settings, BackboneStore store, ConcurrentDictionary<string, long> segmentBytes)
    {
        (_settings, _segmentBytes) = (settings, segmentBytes);
        Store = store;
        _log = settings.Loggers.CreateLogger("Lakou.Backbone");
        store.Committed = TellReaders;
        settings.Metrics?.Follow(store);
    }

    public BackboneStore Store { get; }

    /// <summary>Set when Lakou stops: those who wait are answered.</summary>
    public CancellationToken Stopping => _stopping.Token;

    /// <summary>Opens the store and begins to serve what the plan says.</summary>
    /// <param name="plan">With a store.</param>
    /// <param name="problems">Gets what the store says against the plan.</param>
    /// <exception cref="StoreException">The store cannot be opened.</exception>
    public static async Task<Backbone?> OpenAsync(BackbonePlan plan, BackboneSettings settings, Problems problems)
    {
        ConcurrentDictionary<string, long> segmentBytes = new(plan.Topics.Select(pair => KeyValuePair.Create(pair.Key, pair.Value.SegmentBytes)), StringComparer.Ordinal);
        var store = BackboneStore.Open(new(plan.Store!, settings.Disk, settings.Time, settings.Loggers, name => segmentBytes.GetValueOrDefault(name, TopicPlan.DefaultSegmentBytes))
        {
            IsBackground = settings.IsBackground,
        });
        var backbone = new Backbone(settings, store, segmentBytes);
        await backbone.ApplyAsync(plan, problems);
        if (problems.Any)
        {
            await backbone.DisposeAsync();
            return null;
        }

        if (settings.IsBackground)
        {
            backbone._dueTimer = settings.Time.CreateTimer(_ => backbone.Guard(backbone.Tick), null, TimeSpan.Zero, Timeout.InfiniteTimeSpan);
            backbone._housekeeping = settings.Time.CreateTimer(_ => backbone.Guard(backbone.Housekeep), null, HousekeepingInterval, HousekeepingInterval);
        }

        return backbone;
    }

    /// <summary>Ends what waits, and then the store; leases and all else are as they were at the next start.</summary>
    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await (_dueTimer?.DisposeAsync() ?? ValueTask.CompletedTask);
        await (_housekeeping?.DisposeAsync() ?? ValueTask.CompletedTask);
        await Store.DisposeAsync();
        _stopping.Dispose();
    }

    /// <summary>Those who wait for events are answered; others may still publish and finish.</summary>
    public async Task StopAsync()
    {
        await _stopping.CancelAsync();
        lock (Store.Gate)
        {
            foreach (var queue in _queues.Values)
            {
                queue.EndWaits(long.MaxValue);
            }
        }
    }

    /// <summary>Those that are served, by name.</summary>
    public IReadOnlyList<TopicRuntime> Topics()
    {
        lock (Store.Gate)
        {
            return [.. _topics.Values.OrderBy(topic => topic.State.Name, StringComparer.Ordinal)];
        }
    }

    /// <summary>Names of those that are served.</summary>
    public IReadOnlyList<string> Subscriptions()
    {
        lock (Store.Gate)
        {
            return [.. _queues.Keys.Concat(_logs.Keys).Order(StringComparer.Ordinal)];
        }
    }

    public Http.StoreView StoreView()
    {
        lock (Store.Gate)
        {
            return Store.View();
        }
    }

    /// <summary>Under the gate: makes sure that <see cref="Tick"/> comes when something is due.</summary>
    private void Schedule(long due)
    {
        if (due < _timerDue && _dueTimer is not null)
        {
            _timerDue = due;
            var wait = Math.Clamp((due - Store.Now) / 1000, 0, (long)HousekeepingInterval.TotalMilliseconds);
            _dueTimer.Change(TimeSpan.FromMilliseconds(wait + 1), Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>
    /// Every change goes this way: decided under the gate once there is room for its record, and answered when that is durable.
    /// </summary>
    /// <param name="bytes">About the size of what it records.</param>
    /// <param name="bringsData">What does is refused while the disk is full; what ends work goes on.</param>
    /// <param name="decide">Runs once, under the gate; it may record nothing.</param>
    /// <param name="scheduler">Where to continue; null for the thread pool.</param>
    /// <returns>Why nothing was decided, or is not known to be durable; null when all is well.</returns>
    private async ValueTask<Fault?> DecideAsync(int bytes, bool bringsData, Action decide, PipeScheduler? scheduler, CancellationToken cancellation)
    {
        try
        {
            while (true)
            {
                JournalRoom room;
                var lsn = 0ul;
                lock (Store.Gate)
                {
                    room = Store.Room(bytes, bringsData);
                    if (room == JournalRoom.Yes)
                    {
                        decide();
                        lsn = Store.State.Lsn;
                    }
                }

                if (room == JournalRoom.Yes)
                {
                    await Store.CommittedAsync(lsn, scheduler);
                    return null;
                }

                if (await Store.RoomAsync(room, cancellation) is { } full)
                {
                    return full;
                }
            }
        }
        catch (Exception e) when (e is JournalException or DiskException or ObjectDisposedException)
        {
            return BackboneStore.FaultOf(e);
        }
    }

    /// <summary>Runs what nobody waits for. When the store has failed it is its failure that ends the process, and a file that cannot be read is said and passed over.</summary>
    private void Guard(Action work)
    {
        try
        {
            work();
        }
        catch (JournalException) when (Store.Failed.IsCompleted)
        {
            // Told by the store.
        }
        catch (DiskException e)
        {
            _log.LogError("{Reason}; what was to be done is tried again", e.Message);
        }
    }

    /// <summary>Does what is due.</summary>
    internal void Tick()
    {
        lock (Store.Gate)
        {
            _timerDue = long.MaxValue;
            var now = Store.Now;
            var hasRoom = Store.Room(DueBytes, bringsData: false) == JournalRoom.Yes;
            if (hasRoom)
            {
                ReleaseHeld(now);
            }

            foreach (var queue in _queues.Values)
            {
                queue.Tick(now, hasRoom);
            }

            ScheduleNext(now);
        }
    }

    private void ScheduleNext(long now)
    {
        var next = NextHeld();
        foreach (var queue in _queues.Values)
        {
            next = Math.Min(next, queue.NextDue);
        }

        if (next != long.MaxValue)
        {
            Schedule(Math.Max(next, now));
        }
    }

    /// <summary>On the writer thread, after a commit.</summary>
    private void TellReaders()
    {
        Interlocked.MemoryBarrier(); // what was appended is seen by whoever begins to wait after the look for waiters
        foreach (var topic in Volatile.Read(ref _served))
        {
            topic.Appended();
        }
    }
}
