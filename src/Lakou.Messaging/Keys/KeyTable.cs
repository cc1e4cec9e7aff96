using Lakou.Messaging.Store;
using Lakou.Messaging.Topics;

namespace Lakou.Messaging.Keys;

/// <summary>What is known under a key.</summary>
/// <param name="Expires">µs since 1970.</param>
/// <param name="Place">Of the event that was accepted with it, for publishing.</param>
/// <param name="Work">For work that is reserved or done; null for an event.</param>
internal readonly record struct Key(long Expires, EventPlace Place, KeyWork? Work);

/// <param name="Fingerprint">Of what is to be done.</param>
/// <param name="Token">LSN of the record that reserved it.</param>
/// <param name="Outcome">Offset of what came of it in the file of outcomes; null while it is being done.</param>
internal sealed record KeyWork(UInt128 Fingerprint, ulong Token, ulong? Outcome);

/// <summary>
/// All keys in one table: those by which events are known that were accepted, and those of work that is to be done once. A key is the first half of a SHA-256
/// over its scope and name, so that nobody can make two of them meet. Bounded: when it is full, events are forgotten before their time, those first
/// that would be first.
/// </summary>
internal sealed class KeyTable
{
    private const long BucketMicroseconds = 10_000_000;

    // The chunk's kind in a snapshot.
    private const RecordKind KeysChunk = (RecordKind)5;

    private readonly Dictionary<UInt128, Key> _keys = [];

    // Work that is being done, by its token.
    private readonly Dictionary<ulong, UInt128> _reserved = [];

    // By when they end, in steps; a key that was renewed is in an older one too, where it is passed over.
    private readonly SortedDictionary<long, List<UInt128>> _buckets = [];

    private long _nextSweep = long.MaxValue;

    public int Count => _keys.Count;

    /// <summary>Most keys.</summary>
    public int Max { get; set; } = 1_000_000;

    /// <summary>Keys of events that ended before their time because the table was full.</summary>
    public long Evicted { get; private set; }

    /// <summary>Whether another piece of work may be reserved.</summary>
    public bool HasRoomForWork => _reserved.Count < Max;

    /// <summary>Where the next outcome goes, in the file of outcomes.</summary>
    public ulong OutcomeEnd { get; private set; }


    public bool TryGet(UInt128 hash, long now, out Key key) => _keys.TryGetValue(hash, out key) && key.Expires > now;

    /// <summary>The key that is reserved under a token.</summary>
    public bool TryGetHeld(ulong token, long now, out UInt128 hash)
        => _reserved.TryGetValue(token, out hash) && TryGet(hash, now, out var key) && key.Work is { Outcome: null } work && work.Token == token;

    public void AddEvent(UInt128 hash, long expires, EventPlace place) => Put(hash, new(expires, place, null));

    /// <summary><code>u128 hash, u128 fingerprint, i64 lease end</code></summary>
    public void ApplyReserved(ref RecordReader record, ulong lsn)
    {
        var hash = record.Hash();
        var fingerprint = record.Hash();
        Put(hash, new(record.Long(), default, new(fingerprint, lsn, null)));
    }

    /// <summary><code>u128 hash, u64 token, i64 expires, u64 outcome offset, frame with the outcome</code></summary>
    public void ApplyCompleted(ref RecordReader record)
    {
        var hash = record.Hash();
        var token = record.ULong();
        var expires = record.Long();
        var outcome = record.ULong();
        OutcomeEnd = Math.Max(OutcomeEnd, outcome + 1);
        if (_keys.TryGetValue(hash, out var key) && key.Work is { } work && work.Token == token)
        {
            Put(hash, new(expires, default, work with { Outcome = outcome }));
        }
    }

    /// <summary><code>u128 hash, u64 token</code></summary>
    public void ApplyAborted(ref RecordReader record)
    {
        var hash = record.Hash();
        if (_keys.TryGetValue(hash, out var key) && key.Work?.Token == record.ULong())
        {
            Remove(hash, key);
        }
    }

    /// <summary>Forgets what has ended.</summary>
    public void Sweep(long now)
    {
        // Asked with every record, and due once in a while.
        while (now >= _nextSweep)
        {
            if (_buckets.Count == 0)
            {
                _nextSweep = long.MaxValue;
                return;
            }

            var bucket = _buckets.First();
            _nextSweep = (bucket.Key + 1) * BucketMicroseconds;
            if (_nextSweep <= now)
            {
                RemoveBucket(bucket.Key, bucket.Value, now);
            }
        }
    }

    /// <summary>The oldest outcome that is still known; <see cref="OutcomeEnd"/> when there is none.</summary>
    public ulong OutcomesFrom() => _keys.Values.Where(key => key.Work?.Outcome is not null).Select(key => key.Work!.Outcome!.Value).DefaultIfEmpty(OutcomeEnd).Min();

    public void Write(RecordWriter to, Action flush)
    {
        const int PerChunk = 10_000;
        to.Long(OutcomeEnd);
        flush();
        foreach (var chunk in _keys.Chunk(PerChunk))
        {
            to.Begin(KeysChunk).Int(chunk.Length);
            foreach (var (hash, key) in chunk)
            {
                to.Hash(hash).Long(key.Expires).Long(key.Place.Value).Flag(key.Work is not null);
                if (key.Work is { } work)
                {
                    to.Hash(work.Fingerprint).Long(work.Token).Long(work.Outcome ?? ulong.MaxValue);
                }
            }

            flush();
        }
    }

    public void ReadHead(ref RecordReader from) => OutcomeEnd = from.ULong();

    public void ReadChunk(ref RecordReader from)
    {
        for (var left = from.Int(); left > 0; left--)
        {
            var hash = from.Hash();
            var (expires, place) = (from.Long(), new EventPlace(from.ULong()));
            KeyWork? work = null;
            if (from.Flag())
            {
                work = new(from.Hash(), from.ULong(), from.ULong() is var outcome && outcome != ulong.MaxValue ? outcome : null);
            }

            Put(hash, new(expires, place, work));
        }
    }

    private void Put(UInt128 hash, in Key key)
    {
        if (_keys.TryGetValue(hash, out var old) && old.Work is { } done)
        {
            _reserved.Remove(done.Token);
        }

        _keys[hash] = key;
        if (key.Work is { Outcome: null } work)
        {
            _reserved[work.Token] = hash;
        }

        var step = key.Expires / BucketMicroseconds;
        if (!_buckets.TryGetValue(step, out var bucket))
        {
            _buckets.Add(step, bucket = []);
            _nextSweep = Math.Min(_nextSweep, (step + 1) * BucketMicroseconds);
        }

        bucket.Add(hash);
        if (_keys.Count > Max)
        {
            Evict();
        }
    }

    /// <summary>Keys of events leave, those first that would end first; who takes work twice may be wrong, so its keys stay.</summary>
    private void Evict()
    {
        foreach (var hash in _buckets.Values.SelectMany(bucket => bucket).Where(hash => _keys.TryGetValue(hash, out var key) && key.Work is null).Take(Math.Max(1, Max / 100)).ToArray())
        {
            _keys.Remove(hash);
            Evicted++;
        }
    }

    private void RemoveBucket(long step, List<UInt128> hashes, long now)
    {
        foreach (var hash in hashes)
        {
            if (_keys.TryGetValue(hash, out var key) && key.Expires <= now && key.Expires / BucketMicroseconds <= step)
            {
                Remove(hash, key);
            }
        }

        _buckets.Remove(step);
    }

    private void Remove(UInt128 hash, in Key key)
    {
        _keys.Remove(hash);
        if (key.Work is { } work)
        {
            _reserved.Remove(work.Token);
        }
    }
}
