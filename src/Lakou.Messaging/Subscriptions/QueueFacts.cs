using Lakou.Messaging.Store;
using Lakou.Messaging.Topics;

namespace Lakou.Messaging.Subscriptions;

/// <summary>
/// What a queue has done with the events of its topic. An event is one of these:
/// <code>
///  not looked at ──► leased ──► finished (acknowledged)
///        │             │ ▲
///        │  refused or │ │ leased
///        │     expired ▼ │
///        │           waiting ──► dead ──► dropped
///        └► passed over            └─ redriven ─► waiting
/// </code>
/// Only those that are leased, waiting or dead have an entry.
/// </summary>
internal sealed class QueueFacts
{
    // A million entries with their history may be gigabytes.
    private const int ChunkBytes = 1 << 20;

    private readonly Dictionary<EventPlace, QueueEntry> _live = [];
    private readonly Dictionary<EventPlace, QueueEntry> _dead = [];

    public QueueFacts(int partitions) => Considered = [.. Enumerable.Range(0, partitions).Select(_ => new ConsideredSet())];

    /// <summary>For each partition.</summary>
    public ConsideredSet[] Considered { get; }

    /// <summary>Leased or waiting.</summary>
    public IReadOnlyDictionary<EventPlace, QueueEntry> Live => _live;

    public IReadOnlyDictionary<EventPlace, QueueEntry> Dead => _dead;

    /// <summary>
    /// <code>u32 subscription, u64 time, u64 deadline, u32 count, count × { u64 place, u64 key, u8 priority }</code>
    /// </summary>
    public void ApplyLeased(ref RecordReader record, ulong lsn)
    {
        _ = record.Long();
        var deadline = record.Long();
        for (var left = record.Int(); left > 0; left--)
        {
            var place = new EventPlace(record.ULong());
            var key = record.ULong();
            var priority = record.Byte();
            Considered[place.Partition].Add(place.Offset);
            if (!_live.TryGetValue(place, out var entry))
            {
                _live.Add(place, entry = new QueueEntry(place, key, priority));
            }

            entry.State = EntryState.Leased;
            entry.Attempts++;
            entry.Lease = lsn;
            entry.Due = deadline;
        }
    }

    /// <summary><code>u32 subscription, u64 deadline, u32 count, count × u64 place</code></summary>
    public void ApplyExtended(ref RecordReader record)
    {
        var deadline = record.Long();
        for (var left = record.Int(); left > 0; left--)
        {
            if (_live.TryGetValue(new(record.ULong()), out var entry))
            {
                entry.Due = deadline;
            }
        }
    }

    /// <summary><code>u32 subscription, u32 count, count × u64 place</code></summary>
    public void ApplyAcknowledged(ref RecordReader record)
    {
        for (var left = record.Int(); left > 0; left--)
        {
            _live.Remove(new(record.ULong()));
        }
    }

    /// <summary><code>u32 subscription, u64 time, u8 end, text reason, u32 count, count × { u64 place, u64 due }</code></summary>
    public void ApplyRetried(ref RecordReader record)
    {
        var (time, end, reason) = (record.Long(), (AttemptEnd)record.Byte(), record.Text());
        for (var left = record.Int(); left > 0; left--)
        {
            var place = new EventPlace(record.ULong());
            var due = record.Long();
            if (!_live.TryGetValue(place, out var entry))
            {
                continue;
            }

            entry.State = EntryState.Waiting;
            entry.Due = due;
            if (end == AttemptEnd.Undelivered)
            {
                entry.Attempts--;
            }
            else
            {
                entry.Note(new(time, end, reason));
            }
        }
    }

    /// <summary><code>u32 subscription, u64 time, u8 end, text reason, u32 count, count × { u64 place, u64 key, u8 priority }</code></summary>
    public void ApplyDied(ref RecordReader record)
    {
        var (time, end, reason) = (record.Long(), (AttemptEnd)record.Byte(), record.Text());
        for (var left = record.Int(); left > 0; left--)
        {
            var place = new EventPlace(record.ULong());
            var (key, priority) = (record.ULong(), record.Byte());
            Considered[place.Partition].Add(place.Offset);
            if (!_live.Remove(place, out var entry))
            {
                entry = new QueueEntry(place, key, priority);
            }

            entry.State = EntryState.Dead;
            entry.Due = time;
            entry.Note(new(time, end, reason));
            _dead[place] = entry;
        }
    }

    /// <summary><code>u32 subscription, u64 time, u32 count, count × { u64 place, u64 rank }</code></summary>
    public void ApplyRedriven(ref RecordReader record)
    {
        var time = record.Long();
        for (var left = record.Int(); left > 0; left--)
        {
            var place = new EventPlace(record.ULong());
            var rank = record.ULong();
            if (_dead.Remove(place, out var entry))
            {
                entry.State = EntryState.Waiting;
                entry.Attempts = 0;
                entry.Due = time;
                entry.Rank = rank;
                _live[place] = entry;
            }
        }
    }

    /// <summary><code>u32 subscription, u32 count, count × u64 place</code></summary>
    public void ApplyDropped(ref RecordReader record)
    {
        for (var left = record.Int(); left > 0; left--)
        {
            _dead.Remove(new(record.ULong()));
        }
    }

    /// <summary><code>u32 subscription, u32 count, count × { u16 partition, u64 from, u64 to }</code></summary>
    public void ApplySkipped(ref RecordReader record)
    {
        for (var left = record.Int(); left > 0; left--)
        {
            var partition = record.Short();
            var from = record.ULong();
            Considered[partition].Add(from, record.ULong());
        }
    }

    /// <summary>Begins again; what was given out is forgotten, what is dead stays. <code>u32 subscription, u16 count, count × u64 offset</code></summary>
    public void ApplySought(ref RecordReader record)
    {
        _live.Clear();
        var count = record.Short();
        for (var partition = 0; partition < count; partition++)
        {
            Considered[partition].Reset(record.ULong());
        }

        // Else they were out and dead at once.
        foreach (var place in _dead.Keys)
        {
            Considered[place.Partition].Add(place.Offset);
        }
    }

    /// <summary>For each partition the first offset that is still needed: below it everything is finished, and nothing dead.</summary>
    public ulong[] NeededFrom()
    {
        ulong[] needed = [.. Considered.Select(considered => considered.Floor)];
        foreach (var place in _live.Keys.Concat(_dead.Keys))
        {
            needed[place.Partition] = Math.Min(needed[place.Partition], place.Offset);
        }

        return needed;
    }

    /// <param name="next">Ends a chunk and begins another: for the entries that are too many for one.</param>
    public void Write(RecordWriter to, Action next)
    {
        foreach (var considered in Considered)
        {
            considered.Write(to);
        }

        var (count, countAt) = (0, to.Length);
        to.Int(0);
        foreach (var entry in _live.Values.Concat(_dead.Values))
        {
            if (to.Length >= ChunkBytes)
            {
                to.PutInt(countAt, count);
                next();
                (count, countAt) = (0, to.Length);
                to.Int(0);
            }

            count++;
            to.Long(entry.Place.Value).Long(entry.Key).Byte(entry.Priority).Byte((byte)entry.State).Int(entry.Attempts).Long(entry.Lease).Long(entry.Due).Long(entry.Rank).Byte((byte)entry.History.Count);
            foreach (var attempt in entry.History)
            {
                to.Long(attempt.At).Byte((byte)attempt.End).Text(attempt.Reason);
            }
        }

        to.PutInt(countAt, count);
    }

    public void Read(ref RecordReader from)
    {
        foreach (var considered in Considered)
        {
            considered.Read(ref from);
        }

        ReadEntries(ref from);
    }

    /// <summary>Those of another chunk.</summary>
    public void ReadEntries(ref RecordReader from)
    {
        for (var left = from.Int(); left > 0; left--)
        {
            var entry = new QueueEntry(new(from.ULong()), from.ULong(), from.Byte())
            {
                State = (EntryState)from.Byte(),
                Attempts = from.Int(),
                Lease = from.ULong(),
                Due = from.Long(),
                Rank = from.ULong(),
            };
            for (var attempts = from.Byte(); attempts > 0; attempts--)
            {
                entry.Note(new(from.Long(), (AttemptEnd)from.Byte(), from.Text()));
            }

            (entry.State == EntryState.Dead ? _dead : _live).Add(entry.Place, entry);
        }
    }
}
