using Lakou.Core.Disk;
using Lakou.Log.Segments;

namespace Lakou.Log.Recovery;

/// <summary>Takes one batch that was read; its records are valid during the call only.</summary>
/// <param name="time">When it was committed, µs since 1970.</param>
/// <param name="records">From the first that was asked for on.</param>
public delegate void BatchReader(long time, BatchRecords records);

/// <summary>
/// Reads segments in order, from a given record on. A batch counts when its checksum, those of its records, its LSN and the checksum of the one before
/// it are right. What is wrong is looked behind: with a whole batch of the same or a later LSN after it, it is damage, and reading goes on there; with none, it
/// is the end that a crash tore.
/// </summary>
internal sealed class JournalScan
{
    private readonly IDisk _disk;
    private readonly string _directory;
    private readonly List<(ulong FirstLsn, string Name)> _segments = [];
    private readonly List<string> _unused = [];
    private readonly BatchReader _read;
    private readonly Action<Damage> _damaged;
    private readonly bool _isDirect;
    private ulong _from;
    private bool _isChained;

    /// <param name="disk">Where.</param>
    /// <param name="directory">Of the journal.</param>
    /// <param name="read">Gets every batch.</param>
    /// <param name="damaged">Gets what is missing in between, before the batches after it.</param>
    /// <param name="isDirect">Whether it reads past the page cache, as what was written past it.</param>
    /// <param name="identity">Of the journal; 0 to find it.</param>
    public JournalScan(IDisk disk, string directory, BatchReader read, Action<Damage> damaged, bool isDirect, ulong identity = 0)
    {
        (_disk, _directory, _read, _damaged, _isDirect) = (disk, directory, read, damaged, isDirect);
        foreach (var name in disk.Files(directory))
        {
            if (SegmentFormat.TryParseName(name, out var firstLsn))
            {
                _segments.Add((firstLsn, name));
            }
        }

        Identity = identity == 0 ? FindIdentity() : identity;
    }

    /// <summary>What all batches carry, so that those of another journal are none here; 0 when nothing was ever committed.</summary>
    public ulong Identity { get; }

    /// <summary>Of the last batch read.</summary>
    public ulong Epoch { get; private set; }

    public ulong NextLsn { get; private set; }

    /// <summary>Of the last batch read.</summary>
    public uint Checksum { get; private set; }

    /// <summary>Where the next batch goes; null when a new segment is to be begun.</summary>
    public JournalTail? Tail { get; private set; }

    /// <summary>Bytes that were begun and never committed, in all files.</summary>
    public long TornBytes { get; private set; }

    /// <summary>Segments behind the last batch: nothing in them was committed.</summary>
    public IReadOnlyList<string> Unused => _unused;

    /// <param name="from">LSN of the first record to read; those before are checked, where they share a segment, and not handed out.</param>
    /// <param name="to">Ends behind the batch with this record: what follows may be being written.</param>
    public void Run(ulong from, ulong to = ulong.MaxValue)
    {
        // 1. The segment that holds the first record.
        var at = Math.Max(0, _segments.FindLastIndex(segment => segment.FirstLsn <= from));
        _from = from;
        NextLsn = _segments.Count == 0 ? from : Math.Min(from, _segments[at].FirstLsn);

        // 2. One after the other.
        for (; at < _segments.Count && NextLsn <= to; at++)
        {
            ReadSegment(at, to);
        }

        // 3. A snapshot may know of more than the journal has. A journal that has a snapshot has a segment: the last one is never cut. It may be one that was just begun.
        if (NextLsn < from || (_segments.Count == 0 && from > 1))
        {
            _damaged(new(Tail is { } tail ? SegmentFormat.NameOf(tail.Segment) : "the journal", Tail?.End ?? 0, 0, from, from) { IsEndMissing = true });
            NextLsn = from;
        }
    }

    private void ReadSegment(int index, ulong to)
    {
        var (firstLsn, name) = _segments[index];
        var path = Path.Combine(_directory, name);
        using var file = _isDirect ? _disk.OpenDirect(path) : _disk.Open(path);
        var window = new FileWindow(file);
        var length = file.Length;
        var (last, position) = (0L, (long)SegmentFormat.HeadBytes);
        CheckHead(window, firstLsn, name, length);
        while (NextLsn <= to)
        {
            if (TryRead(window, length, new(firstLsn, position), out var head) && IsNext(head))
            {
                Deliver(window, position, head);
                last = position;
                position += BatchFormat.Align(head.Length);
            }
            else if (FindNext(window, length, position, index, out var nextIndex, out var nextPosition, out var next))
            {
                // The rest of a segment that was full, or damage.
                GoTo(next, name, position, nextIndex == index ? nextPosition - position : 0);
                if (nextIndex != index)
                {
                    return;
                }

                position = nextPosition;
            }
            else
            {
                End(window, firstLsn, name, length, last, position);
                return;
            }
        }
    }

    /// <summary>The head and the length of a segment are durable before it has its name: when they are wrong, the file was damaged.</summary>
    private void CheckHead(FileWindow window, ulong firstLsn, string name, long length)
    {
        if (!SegmentFormat.TryRead(window.At(0, SegmentFormat.HeadBytes), out var head) || head.FirstLsn != firstLsn || head.Identity != Identity)
        {
            _damaged(new(name, 0, SegmentFormat.HeadBytes, NextLsn, NextLsn));
        }
        else if (length < head.Length)
        {
            _damaged(new(name, length, head.Length - length, NextLsn, NextLsn));
        }
    }

    private void Deliver(FileWindow window, long position, in BatchHead head)
    {
        if (head.NextLsn > _from)
        {
            _read(head.Time, new BatchRecords(window.At(position, head.Length)[BatchFormat.HeadBytes..], head.FirstLsn).From(_from));
        }

        (NextLsn, Checksum, Epoch, _isChained) = (head.NextLsn, head.Checksum, head.Epoch, true);
    }

    private void GoTo(in BatchHead next, string name, long position, long bytes)
    {
        // Records that a snapshot holds are not lost.
        var first = Math.Min(Math.Max(NextLsn, _from), next.FirstLsn);
        if (next.FirstLsn > NextLsn || (_isChained && next.Previous != Checksum))
        {
            _damaged(new(name, position, bytes, first, next.FirstLsn) { IsUnsynced = (next.Flags & BatchFormat.Unsynced) != 0 });
        }

        (NextLsn, Checksum, _isChained) = (next.FirstLsn, next.Previous, true);
    }

    private void End(FileWindow window, ulong firstLsn, string name, long length, long last, long position)
    {
        var torn = Torn(window, length - position, position);
        TornBytes += torn;
        if (last > 0)
        {
            Tail = new(firstLsn, last, position, torn);
        }
        else
        {
            _unused.Add(name);
        }
    }

    private bool IsNext(in BatchHead head) => head.FirstLsn == NextLsn && head.Epoch >= Epoch && (!_isChained || head.Previous == Checksum);

    private bool TryRead(FileWindow window, long length, BatchPlace place, out BatchHead head)
        => TryReadAny(window, length, place, out head) && head.Identity == Identity;

    private static bool TryReadAny(FileWindow window, long length, BatchPlace place, out BatchHead head)
        => BatchFormat.TryReadHead(window.At(place.Position, BatchFormat.HeadBytes), length - place.Position, out head)
            && BatchFormat.IsWhole(window.At(place.Position, head.Length), head, place);

    /// <summary>The first whole batch from a position on, of this segment or of a later one, that is not older than what is expected.</summary>
    private bool FindNext(FileWindow window, long length, long position, int index, out int nextIndex, out long nextPosition, out BatchHead next)
    {
        nextIndex = index;
        if (FindIn(window, length, _segments[index].FirstLsn, position, out nextPosition, out next))
        {
            return true;
        }

        for (nextIndex = index + 1; nextIndex < _segments.Count; nextIndex++)
        {
            using var file = _disk.Open(Path.Combine(_directory, _segments[nextIndex].Name));
            var other = new FileWindow(file);
            if (FindIn(other, file.Length, _segments[nextIndex].FirstLsn, SegmentFormat.HeadBytes, out nextPosition, out next))
            {
                return true;
            }
        }

        return false;
    }

    private bool FindIn(FileWindow window, long length, ulong segment, long position, out long found, out BatchHead head)
    {
        head = default;
        for (found = position; found + BatchFormat.HeadBytes <= length; found += BatchFormat.Alignment)
        {
            if (BatchFormat.TryReadHead(window.At(found, BatchFormat.HeadBytes), length - found, out head)
                && head.Identity == Identity && head.FirstLsn >= NextLsn && head.Epoch >= Epoch // not those of a file's life before
                && BatchFormat.IsWhole(window.At(found, head.Length), head, new(segment, found)))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Bytes of what was begun where zeros tell the end: as many as its head says, or its first sector.</summary>
    private static long Torn(FileWindow window, long left, long position)
    {
        var sector = window.At(position, (int)Math.Clamp(left, 0, BatchFormat.EndBytes));
        return !sector.ContainsAnyExcept((byte)0) ? 0 : BatchFormat.TryReadHead(sector, left, out var head) ? head.Length : sector.Length;
    }

    /// <summary>By the head of a segment, or by a batch where all heads are damaged: without an identity nothing would be found, and all would be cut.</summary>
    private ulong FindIdentity()
    {
        foreach (var (_, name) in _segments)
        {
            using var file = _disk.Open(Path.Combine(_directory, name));
            var window = new FileWindow(file);
            if (SegmentFormat.TryRead(window.At(0, SegmentFormat.HeadBytes), out var head))
            {
                return head.Identity;
            }
        }

        foreach (var (firstLsn, name) in _segments)
        {
            using var file = _disk.Open(Path.Combine(_directory, name));
            var window = new FileWindow(file);
            for (long at = SegmentFormat.HeadBytes, length = file.Length; at + BatchFormat.HeadBytes <= length; at += BatchFormat.Alignment)
            {
                if (TryReadAny(window, length, new(firstLsn, at), out var head))
                {
                    return head.Identity;
                }
            }
        }

        return 0;
    }
}
