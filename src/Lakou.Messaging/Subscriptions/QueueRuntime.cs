using Lakou.Log;
using Lakou.Log.Frames;
using Lakou.Messaging.Events;
using Lakou.Messaging.Store;
using Lakou.Messaging.Topics;

namespace Lakou.Messaging.Subscriptions;

/// <summary>
/// A queue that is served: from its facts it knows what is out, from the topic it takes what may go out next. Everything here is under the store's gate but
/// <see cref="Load"/>.
/// </summary>
internal sealed partial class QueueRuntime
{
    // As many are looked up ahead as a large receive takes.
    private const int LowWater = 1_000;
    private const int LoadBytes = 256 << 10;
    private const int SkipsMost = 512;

    // Of an event in a lease record.
    private const int GrantedBytes = 17;

    private readonly BackboneStore _store;
    private readonly Random _random;
    private readonly Action<Action> _run;
    private readonly ReadyEvents _ready = new();
    private readonly PriorityQueue<(EventPlace Place, ulong Lease), long> _due = new();
    private readonly LinkedList<ReceiveWaiter> _waiters = [];
    private readonly List<(int Partition, ulong From, ulong To)> _skips = [];
    private readonly ulong[] _cursors;
    private int _loadNext;
    private bool _isLoading;
    private int _epoch;

    /// <param name="run">Runs work elsewhere, outside the gate.</param>
    public QueueRuntime(BackboneStore store, SubscriptionState state, SubscriptionPlan plan, TopicRuntime topic, Random random, Action<Action> run)
    {
        (_store, State, Plan, Topic, _random, _run) = (store, state, plan, topic, random, run);
        _cursors = new ulong[state.Topic.Partitions.Length];
        Rebuild();
    }

    public SubscriptionState State { get; }

    public SubscriptionPlan Plan { get; private set; }

    public TopicRuntime Topic { get; }

    /// <summary>Events with workers.</summary>
    public int Leased { get; private set; }

    /// <summary>Events that failed and come again later.</summary>
    public int Waiting => State.Queue.Live.Count - Leased;

    /// <summary>Workers that wait for events.</summary>
    public int Waiters => _waiters.Count;

    /// <summary>Events given out since the start, each time.</summary>
    public long Delivered { get; private set; }

    public long Acknowledged { get; private set; }

    public long Died { get; private set; }

    /// <summary>Events passed over because they cannot be read.</summary>
    public long Unreadable { get; private set; }

    /// <summary>Not served any more, while somebody still held it.</summary>
    public bool IsGone { get; set; }

    /// <summary>The redrive with a pace that goes on, or was the last to; null when there was none since the start.</summary>
    public RedriveJob? LastRedrive { get; set; }

    public bool IsPaused => Plan.Paused || State.IsPaused;

    /// <summary>So many events are dead that no more may die: nothing goes out until some are redriven or dropped.</summary>
    public bool IsDeadFull => State.Queue.Dead.Count >= Plan.DeadMax;

    /// <summary>Events not finished, dead ones left out.</summary>
    public long Lag
    {
        get
        {
            var lag = (long)State.Queue.Live.Count;
            for (var partition = 0; partition < _cursors.Length; partition++)
            {
                lag += (long)(State.Topic.Partitions[partition].End - _cursors[partition]);
            }

            return lag + _ready.Count - _readyAgain;
        }
    }

    // Of those that are ready, how many have an entry: they failed before.
    private int _readyAgain;

    /// <summary>The first end of a lease or of a wait for the next attempt, µs since 1970.</summary>
    public long NextEntryDue => _due.TryPeek(out _, out var due) ? due : long.MaxValue;

    /// <summary>The first due time of anything, µs since 1970. Looks at every worker that waits.</summary>
    public long NextDue
    {
        get
        {
            var next = NextEntryDue;
            foreach (var waiter in _waiters)
            {
                next = Math.Min(next, waiter.Until);
            }

            return next;
        }
    }

    public void Change(SubscriptionPlan plan)
    {
        var isRebuilt = plan.Fingerprint != Plan.Fingerprint;
        Plan = plan;
        if (isRebuilt)
        {
            Rebuild();
        }

        Pump();
    }

    /// <summary>Begins from the facts: after a start, a seek, a change of order.</summary>
    public void Rebuild()
    {
        _epoch++;
        _ready.Clear();
        _ready.IsOrdered = Plan.Order == SubscriptionOrder.Key;
        _due.Clear();
        _skips.Clear();
        (Leased, _readyAgain) = (0, 0);
        for (var partition = 0; partition < _cursors.Length; partition++)
        {
            _cursors[partition] = Math.Max(State.Queue.Considered[partition].Floor, State.Topic.Partitions[partition].Start);
        }

        foreach (var entry in State.Queue.Live.Values)
        {
            Leased += entry.State == EntryState.Leased ? 1 : 0;
            _ready.Block(entry.Key, entry.Priority);
            _due.Enqueue((entry.Place, entry.Lease), entry.Due);
        }
    }

    /// <summary>An event was just accepted: when the queue is not behind, it needs not be read again.</summary>
    public void Offer(ReadOnlySpan<byte> frame, int partition)
    {
        if (_cursors[partition] == FrameHead.Offset(frame) && HasWindow)
        {
            Consider(frame, partition);
        }
    }

    /// <summary>Gives events to those who wait, and looks for more when there are too few.</summary>
    public void Pump()
    {
        while (_waiters.First is { } first && Grant(first.Value.Max) is { Events.Count: > 0 } grant)
        {
            _waiters.RemoveFirst();
            first.Value.SetResult(grant);
        }

        if (_waiters.Count > 0)
        {
            LoadMore();
        }
    }

    /// <summary>Up to so many events, under one lease record; none when there are none, or none may go out.</summary>
    public Grant Grant(int max)
    {
        max = Math.Min(max, Plan.InFlight - Leased);
        if (max <= 0 || IsGone || IsPaused || IsDeadFull || _ready.Count == 0 || _store.Room(max * GrantedBytes, bringsData: false) != JournalRoom.Yes)
        {
            return Subscriptions.Grant.None;
        }

        List<ReadyEvent> taken = [];
        while (taken.Count < max && _ready.TryTake(out var ready))
        {
            taken.Add(ready);
        }

        if (taken.Count == 0)
        {
            return Subscriptions.Grant.None;
        }

        // Recorded before anybody has them: a restart knows who holds what.
        var now = _store.Now;
        var deadline = now + (long)Plan.Lease.TotalMicroseconds;
        var record = _store.Begin(RecordKind.Leased).Int(State.Id).Long(now).Long(deadline).Int(taken.Count);
        foreach (var ready in taken)
        {
            _readyAgain -= State.Queue.Live.ContainsKey(ready.Place) ? 1 : 0;
            record.Long(ready.Place.Value).Long(ready.Key).Byte(ready.Priority);
        }

        var lsn = _store.Append();
        Leased += taken.Count;
        Delivered += taken.Count;
        var granted = new Granted[taken.Count];
        for (var i = 0; i < granted.Length; i++)
        {
            granted[i] = new(taken[i].Place, State.Queue.Live[taken[i].Place].Attempts);
            _due.Enqueue((taken[i].Place, lsn), deadline);
        }

        LoadMore();
        return new(lsn, deadline, granted);
    }

    public void Wait(ReceiveWaiter waiter)
    {
        _waiters.AddLast(waiter);
        LoadMore();
    }

    /// <returns>False when it was answered before.</returns>
    public bool StopWaiting(ReceiveWaiter waiter) => _waiters.Remove(waiter);

    /// <summary>Answers with nothing those who waited long enough.</summary>
    /// <param name="now">All, when it is the end of time: Lakou stops, or the subscription is gone.</param>
    public void EndWaits(long now)
    {
        for (var node = _waiters.First; node is not null;)
        {
            var (waiter, next) = (node.Value, node.Next);
            if (waiter.Until <= now)
            {
                _waiters.Remove(node);
                waiter.SetResult(Subscriptions.Grant.None);
            }

            node = next;
        }
    }

    private bool HasWindow => _ready.Count + State.Queue.Live.Count < Plan.Window;

    private void Consider(ReadOnlySpan<byte> frame, int partition)
    {
        var offset = FrameHead.Offset(frame);
        _cursors[partition] = offset + 1;
        if (State.Queue.Considered[partition].Contains(offset))
        {
            return;
        }

        var read = new EventFrame(frame);
        if (Plan.Filter?.Matches(read) == false)
        {
            Skip(partition, offset, offset + 1);
            return;
        }

        _ready.Add(new(new(partition, offset), read.KeyHash, read.Priority, offset));
    }

    private void Skip(int partition, ulong from, ulong to)
    {
        if (_skips.Count > 0 && _skips[^1].Partition == partition && _skips[^1].To == from)
        {
            _skips[^1] = (partition, _skips[^1].From, to);
            return;
        }

        _skips.Add((partition, from, to));
        if (_skips.Count >= SkipsMost)
        {
            RecordSkips();
        }
    }

    /// <summary>What was passed over is found again after a crash, so this is only written now and then.</summary>
    public void RecordSkips()
    {
        if (_skips.Count == 0)
        {
            return;
        }

        var record = _store.Begin(RecordKind.Skipped).Int(State.Id).Int(_skips.Count);
        foreach (var (partition, from, to) in _skips)
        {
            record.Short(partition).Long(from).Long(to);
        }

        _store.Append();
        _skips.Clear();
    }

    private void LoadMore()
    {
        if (_isLoading || IsPaused || _ready.Count >= LowWater || !HasWindow || PartitionToLoad() < 0)
        {
            return;
        }

        _isLoading = true;
        _run(Load);
    }

    private int PartitionToLoad()
    {
        for (var i = 0; i < _cursors.Length; i++)
        {
            var partition = (_loadNext + i) % _cursors.Length;
            if (_store.Files.TryGet(State.Topic.Id, partition, out var log) && _cursors[partition] < log.End)
            {
                return partition;
            }
        }

        return -1;
    }

    /// <summary>Reads on in a partition. Outside the gate while it reads.</summary>
    private void Load()
    {
        while (true)
        {
            int partition, epoch;
            ulong from;
            lock (_store.Gate)
            {
                partition = PartitionToLoad();
                if (partition < 0 || _ready.Count >= LowWater || !HasWindow)
                {
                    _isLoading = false;
                    Pump();
                    EndWaits(_store.Now);
                    return;
                }

                (from, epoch, _loadNext) = (_cursors[partition], _epoch, partition + 1);
            }

            if (!_store.Files.TryGet(State.Topic.Id, partition, out var log))
            {
                lock (_store.Gate)
                {
                    _isLoading = false;
                }

                return; // deleted meanwhile
            }

            using var block = log.Read(from, LoadBytes);
            lock (_store.Gate)
            {
                if (_cursors[partition] == from && _epoch == epoch)
                {
                    Take(block, partition, from);
                }
            }
        }
    }

    private void Take(FrameBlock block, int partition, ulong from)
    {
        foreach (var frame in block)
        {
            if (!HasWindow)
            {
                return;
            }

            Consider(frame, partition);
        }

        if (block.LostUntil is { } lost)
        {
            Unreadable += lost > State.Topic.Partitions[partition].Start ? (long)(lost - from) : 0; // what retention took is not damaged
            Skip(partition, from, lost);
            _cursors[partition] = lost;
        }
    }
}
