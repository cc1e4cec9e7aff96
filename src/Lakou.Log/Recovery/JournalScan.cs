using Lakou.Core.Disk;
using Lakou.Log.Segments;

namespace Lakou.Log.Recovery;

/// <summary>Takes one batch that was read; its records are valid during the call only.</summary>
/// <param name="time">When it was committed, µs since 1970.</param>
/// <param name="records">From the first that was asked for on.</param>
public delegate void BatchReader(long time, BatchRecords records);

/// <summary>
/// Reads segments in order, from a given record on. A batch counts when its checksum, those of its records, its LSN and the checksum of the one before
/// it are right. What is wrong is looked behind: with a whole batch of a later LSN after it, it is damage, and reading goes on there; with none, it is
/// the end that a crash tore.
/// </summary>
internal sealed class JournalScan
{
    private readonly IDisk _disk;
    private readonly string _directory;
    private readonly int _mostBytes;
    private readonly List<(ulong FirstLsn, string Name)> _segments = [];
    private ulong _expected;
    private uint _previous;
    private bool _chained;

    /// <param name="disk">Where.</param>
    /// <param name="directory">Of the journal.</param>
    /// <param name="mostBytes">Length of the longest batch that is possible: what claims more is none.</param>
    public JournalScan(IDisk disk, string directory, int mostBytes)
    {
        (_disk, _directory, _mostBytes) = (disk, directory, mostBytes);
        foreach (var name in disk.Files(directory))
        {
            if (SegmentFormat.TryParseName(name, out var firstLsn))
            {
                _segments.Add((firstLsn, name));
            }
        }

        Identity = FindIdentity();
    }

    /// <summary>What all batches carry, so that no bytes of an event pass for one; 0 when there is no segment.</summary>
    public ulong Identity { get; }

    /// <summary>Of the last batch read.</summary>
    public ulong Epoch { get; private set; }

    public ulong NextLsn => _expected;

    public uint LastChecksum => _previous;

    /// <summary>Where the next batch goes: name of the segment and position; null when a new segment is to be begun.</summary>
    public (string Name, long Position)? Tail { get; private set; }

    /// <summary>Bytes after <see cref="Tail"/> that are not zero: begun and never committed.</summary>
    public long TornBytes { get; private set; }

    /// <summary>Segments that hold nothing at all: prepared, and not used before the end.</summary>
    public IReadOnlyList<string> Unused { get; private set; } = [];

    /// <summary>All segments by name, in order.</summary>
    public IReadOnlyList<(ulong FirstLsn, string Name)> Segments => _segments;

    /// <param name="from">LSN of the first record to read; those before are checked, where they share a segment, and not handed out.</param>
    /// <param name="read">Gets every batch.</param>
    /// <param name="damaged">Gets what is missing in between, before the batches after it.</param>
    /// <param name="to">Ends behind the batch with this record: what follows may be being written.</param>
    public void Run(ulong from, BatchReader read, Action<Damage> damaged, ulong to = ulong.MaxValue)
    {
        // 1. The segment that holds the first record.
        var at = Math.Max(0, _segments.FindLastIndex(segment => segment.FirstLsn <= from));
        _expected = _segments.Count == 0 ? from : Math.Min(from, _segments[at].FirstLsn);
        if (_segments.Count > 0 && _segments[at].FirstLsn > from)
        {
            _expected = _segments[at].FirstLsn;
            damaged(new(_segments[at].Name, 0, 0, from, _expected));
        }

        // 2. One after the other.
        var unused = new List<string>();
        for (; at < _segments.Count && _expected <= to; at++)
        {
            if (!ReadSegment(at, from, to, read, damaged))
            {
                unused.Add(_segments[at].Name);
            }
        }

        Unused = unused;
        if (_expected < from)
        {
            // The snapshot knows of records that the journal has not: its end is missing.
            damaged(new(Tail?.Name ?? "the journal", Tail?.Position ?? 0, 0, _expected, from));
            _expected = from;
            _chained = false;
        }
    }

    /// <returns>False when it holds no batch at all.</returns>
    private bool ReadSegment(int index, ulong from, ulong to, BatchReader read, Action<Damage> damaged)
    {
        var name = _segments[index].Name;
        using var file = _disk.Open(Path.Combine(_directory, name));
        using var window = new FileWindow(file);
        var any = false;
        var position = (long)SegmentFormat.HeadBytes;
        var isHeadRight = SegmentFormat.TryRead(window.At(0, SegmentFormat.HeadBytes), out var segment) && segment.FirstLsn == _segments[index].FirstLsn && segment.Identity == Identity;
        if (isHeadRight && file.Length < segment.Length)
        {
            damaged(new(name, file.Length, segment.Length - file.Length, _expected, _expected));
        }

        while (_expected <= to)
        {
            if (TryRead(window, position, out var head) && IsNext(head))
            {
                if (!any && !isHeadRight)
                {
                    damaged(new(name, 0, SegmentFormat.HeadBytes, _expected, _expected));
                }

                Deliver(window, position, head, from, read);
                position += BatchFormat.Align(head.Length);
                any = true;
                continue;
            }

            // What follows is the rest of a segment that was full, a torn end, or damage: the next whole batch tells.
            if (FindNext(window, file.Length, position, index, out var nextIndex, out var nextPosition, out var next))
            {
                if (nextIndex == index)
                {
                    Report(damaged, name, position, nextPosition - position, next);
                    position = nextPosition;
                    continue;
                }

                Report(damaged, name, position, 0, next);

                return any;
            }

            if (any || Tail is null)
            {
                Tail = (name, position);
                TornBytes = Torn(window, file.Length, position);
            }

            return any;
        }

        return any;
    }

    private void Deliver(FileWindow window, long position, in BatchHead head, ulong from, BatchReader read)
    {
        var records = new BatchRecords(window.At(position, head.Length)[BatchFormat.HeadBytes..], head.FirstLsn);
        if (head.NextLsn > from)
        {
            read(head.Time, records.From(from));
        }

        _expected = head.NextLsn;
        _previous = head.Checksum;
        _chained = true;
        Epoch = head.Epoch;
    }

    private void Report(Action<Damage> damaged, string name, long position, long bytes, in BatchHead next)
    {
        if (next.FirstLsn > _expected)
        {
            damaged(new(name, position, bytes, _expected, next.FirstLsn) { IsUnsynced = (next.Flags & BatchFormat.Unsynced) != 0 });
        }

        _expected = next.FirstLsn;
        _previous = next.Previous;
        _chained = true;
    }

    private bool IsNext(in BatchHead head) => head.FirstLsn == _expected && head.Epoch >= Epoch && (!_chained || head.Previous == _previous);

    private bool TryRead(FileWindow window, long position, out BatchHead head)
        => BatchFormat.TryReadHead(window.At(position, BatchFormat.HeadBytes), Identity, _mostBytes, out head)
            && BatchFormat.IsWhole(window.At(position, head.Length), head);

    /// <summary>The first whole batch behind a position, of this segment or of a later one, that is not older than what is expected.</summary>
    private bool FindNext(FileWindow window, long length, long position, int index, out int nextIndex, out long nextPosition, out BatchHead next)
    {
        nextIndex = index;
        if (FindIn(window, length, position + BatchFormat.Alignment, out nextPosition, out next))
        {
            return true;
        }

        for (nextIndex = index + 1; nextIndex < _segments.Count; nextIndex++)
        {
            using var file = _disk.Open(Path.Combine(_directory, _segments[nextIndex].Name));
            using var other = new FileWindow(file);
            if (FindIn(other, file.Length, SegmentFormat.HeadBytes, out nextPosition, out next))
            {
                return true;
            }
        }

        return false;
    }

    private bool FindIn(FileWindow window, long length, long position, out long found, out BatchHead head)
    {
        head = default;
        for (found = position; found + BatchFormat.HeadBytes <= length; found += BatchFormat.Alignment)
        {
            if (TryRead(window, found, out head) && head.FirstLsn >= _expected && head.Epoch >= Epoch)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>How much of what follows is not zero, to its last byte.</summary>
    private static long Torn(FileWindow window, long length, long position)
    {
        var end = position;
        const int Step = 64 * 1024;
        for (var at = position; at < length; at += Step)
        {
            if (window.At(at, (int)Math.Min(Step, length - at)).LastIndexOfAnyExcept((byte)0) is >= 0 and var last)
            {
                end = at + last + 1;
            }
        }

        return end - position;
    }

    private ulong FindIdentity()
    {
        Span<byte> bytes = stackalloc byte[SegmentFormat.HeadBytes];
        foreach (var (_, name) in _segments)
        {
            using var file = _disk.Open(Path.Combine(_directory, name));
            if (SegmentFormat.TryRead(bytes[..file.Read(bytes, 0)], out var head))
            {
                return head.Identity;
            }
        }

        return 0;
    }
}
