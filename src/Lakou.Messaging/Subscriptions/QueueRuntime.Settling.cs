using Lakou.Messaging.Store;

namespace Lakou.Messaging.Subscriptions;

/// <summary>What becomes of events that were given out. Under the store's gate.</summary>
internal sealed partial class QueueRuntime
{
    // In one record of what time brings, so that there is room for it; the next turn takes the rest.
    private const int DueMost = 1_000;

    private readonly List<(QueueEntry Entry, long Due)> _again = [];
    private readonly List<QueueEntry> _dying = [];

    private readonly long[] _failures = new long[Enum.GetValues<AttemptEnd>().Length];

    /// <summary>Attempts since the start that came to nothing in this way.</summary>
    public long Failures(AttemptEnd end) => _failures[(int)end];

    /// <summary>The entries that these leases still hold.</summary>
    /// <param name="gone">Gets those that hold nothing any more.</param>
    public List<QueueEntry> Held(IReadOnlyList<LeaseToken> leases, List<LeaseToken> gone)
    {
        var held = new List<QueueEntry>(leases.Count);
        foreach (var lease in leases.Distinct())
        {
            if (!IsGone && State.Queue.Live.TryGetValue(lease.Place, out var entry) && entry.State == EntryState.Leased && entry.Lease == lease.Lsn)
            {
                held.Add(entry);
            }
            else
            {
                gone.Add(lease);
            }
        }

        return held;
    }

    public void Acknowledge(IReadOnlyList<QueueEntry> entries)
    {
        if (entries.Count == 0)
        {
            return;
        }

        var record = _store.Begin(RecordKind.Acknowledged).Int(State.Id).Int(entries.Count);
        foreach (var entry in entries)
        {
            record.Long(entry.Place.Value);
        }

        _store.Append();
        Acknowledged += entries.Count;
        foreach (var entry in entries)
        {
            Leased--;
            _ready.Unblock(entry.Key, entry.Priority);
        }

        Pump();
    }

    public void Extend(IReadOnlyList<QueueEntry> entries, TimeSpan by)
    {
        if (entries.Count == 0)
        {
            return;
        }

        var deadline = _store.Now + (long)by.TotalMicroseconds;
        var record = _store.Begin(RecordKind.Extended).Int(State.Id).Long(deadline).Int(entries.Count);
        foreach (var entry in entries)
        {
            record.Long(entry.Place.Value);
        }

        _store.Append();
        foreach (var entry in entries)
        {
            _due.Enqueue((entry.Place, entry.Lease), deadline);
        }
    }

    /// <summary>Attempts that came to nothing: the events come again as the retry policy says, or are dead.</summary>
    /// <param name="delay">In place of the policy's.</param>
    public void Fail(IReadOnlyList<QueueEntry> entries, AttemptEnd end, string reason, TimeSpan? delay = null)
    {
        var now = _store.Now;
        _failures[(int)end] += entries.Count;
        _again.Clear();
        _dying.Clear();
        foreach (var entry in entries)
        {
            if (end == AttemptEnd.Unreadable || (end != AttemptEnd.Undelivered && entry.Attempts >= Plan.Retry.Attempts))
            {
                _dying.Add(entry);
            }
            else
            {
                var wait = end == AttemptEnd.Undelivered ? TimeSpan.Zero : delay ?? Plan.Retry.DelayAfter(entry.Attempts, _random);
                _again.Add((entry, now + (long)wait.TotalMicroseconds));
            }
        }

        reason = QueueEntry.Clip(reason);
        RecordRetried(now, end, reason);
        RecordDied(now, end, reason);
        Pump();
    }

    /// <summary>Dead events go out again.</summary>
    /// <param name="entries">Dead.</param>
    /// <param name="toEnd">Behind all that was accepted until now, instead of where they were.</param>
    public void Redrive(IReadOnlyList<QueueEntry> entries, bool toEnd)
    {
        if (entries.Count == 0)
        {
            return;
        }

        var now = _store.Now;
        var record = _store.Begin(RecordKind.Redriven).Int(State.Id).Long(now).Int(entries.Count);
        foreach (var entry in entries)
        {
            var rank = toEnd ? State.Topic.Partitions[entry.Place.Partition].End : entry.Place.Offset;
            record.Long(entry.Place.Value).Long(rank);
        }

        _store.Append();
        foreach (var entry in entries)
        {
            _readyAgain++;
            _ready.Add(new(entry.Place, entry.Key, entry.Priority, entry.Rank));
        }

        Pump();
    }

    /// <summary>Goes on with a redrive that has a pace.</summary>
    /// <returns>How many it brought back; 0 when there are no more.</returns>
    public int RedriveMore(int most)
    {
        if (LastRedrive is not { GoesOn: true } job)
        {
            return 0;
        }

        var entries = job.Choice.Take(Math.Min(most, DeadChoice.StepMost));
        job.Moved += entries.Count;
        Redrive(entries, job.ToEnd);
        return entries.Count;
    }

    /// <summary>Dead events are forgotten.</summary>
    public void Drop(IReadOnlyList<QueueEntry> entries)
    {
        if (entries.Count == 0)
        {
            return;
        }

        var record = _store.Begin(RecordKind.Dropped).Int(State.Id).Int(entries.Count);
        foreach (var entry in entries)
        {
            record.Long(entry.Place.Value);
        }

        _store.Append();
        Pump();
    }

    /// <summary>Begins again at these offsets, one for each partition. What is out is not known any more; what is dead stays.</summary>
    public void Seek(ReadOnlySpan<ulong> offsets)
    {
        var record = _store.Begin(RecordKind.Sought).Int(State.Id).Short(offsets.Length);
        foreach (var offset in offsets)
        {
            record.Long(offset);
        }

        _store.Append();
        Rebuild();
        Pump();
    }

    public void Pause(bool isPaused)
    {
        _store.Begin(RecordKind.Paused).Int(State.Id).Flag(isPaused);
        _store.Append();
        Pump();
    }

    /// <summary>Does what time brings: leases that ended, waits that are over, workers who waited long enough.</summary>
    /// <param name="hasRoom">Whether it may be recorded; workers are answered anyway.</param>
    public void Tick(long now, bool hasRoom)
    {
        List<QueueEntry>? expired = null;
        while (hasRoom && expired is not { Count: >= DueMost } && _due.TryPeek(out var item, out var due) && due <= now)
        {
            _due.Dequeue();
            if (!State.Queue.Live.TryGetValue(item.Place, out var entry) || entry.Due != due || entry.Lease != item.Lease)
            {
                continue; // finished, extended, or given out anew
            }

            if (entry.State == EntryState.Leased)
            {
                (expired ??= []).Add(entry);
            }
            else
            {
                _readyAgain++;
                _ready.Add(new(entry.Place, entry.Key, entry.Priority, entry.Rank));
                _ready.Unblock(entry.Key, entry.Priority);
            }
        }

        if (expired is not null)
        {
            Fail(expired, AttemptEnd.Expired, "");
        }

        Pump();
        if (!_isLoading)
        {
            EndWaits(now);
        }
    }

    /// <summary>Forgets dead events that were kept long enough.</summary>
    public void DropOld(long now)
    {
        var before = now - (long)Plan.DeadKeep.TotalMicroseconds;
        Drop([.. State.Queue.Dead.Values.Where(entry => entry.Due < before).Take(DueMost)]);
    }

    private void RecordRetried(long now, AttemptEnd end, string reason)
    {
        if (_again.Count == 0)
        {
            return;
        }

        var record = _store.Begin(RecordKind.Retried).Int(State.Id).Long(now).Byte((byte)end).Text(reason).Int(_again.Count);
        foreach (var (entry, due) in _again)
        {
            record.Long(entry.Place.Value).Long(due);
        }

        _store.Append();
        foreach (var (entry, due) in _again)
        {
            // Its key stays blocked: what comes after it must not overtake.
            Leased--;
            _due.Enqueue((entry.Place, entry.Lease), due);
        }
    }

    private void RecordDied(long now, AttemptEnd end, string reason)
    {
        if (_dying.Count == 0)
        {
            return;
        }

        Died += _dying.Count;
        var record = _store.Begin(RecordKind.Died).Int(State.Id).Long(now).Byte((byte)end).Text(reason).Int(_dying.Count);
        foreach (var entry in _dying)
        {
            record.Long(entry.Place.Value).Long(entry.Key).Byte(entry.Priority);
        }

        _store.Append();
        foreach (var entry in _dying)
        {
            Leased--;
            _ready.Unblock(entry.Key, entry.Priority);
        }
    }
}
