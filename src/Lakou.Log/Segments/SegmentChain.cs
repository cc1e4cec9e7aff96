using Lakou.Core.Disk;
using Lakou.Core.Time;
using Lakou.Log.Recovery;

namespace Lakou.Log.Segments;

/// <summary>
/// The files of a journal, as its writer sees them: one that it writes, and one prepared to follow, all of it written once and synced, so that a commit changes
/// no metadata and needs no room that is not there already. One thread at a time, but for
/// <see cref="Prepare"/>, <see cref="Retire"/> and <see cref="DeleteFree"/>.
/// </summary>
internal sealed class SegmentChain : IDisposable
{
    // A file that is filled at once is in the way of every commit meanwhile: so it is filled in steps, while there is time.
    private const int FillBytes = 1 << 20;
    private static readonly TimeSpan FillPause = TimeSpan.FromMilliseconds(1);

    private readonly Lock _prepareGate = new();
    private readonly ManualResetEventSlim _isWaitedFor = new();
    private readonly IDisk _disk;
    private readonly JournalOptions _options;
    private readonly TimeProvider _time;
    private readonly ulong _identity;
    private IDiskFile? _file;
    private ulong _segment;
    private long _position;
    private long _capacity;
    private volatile bool _hasSpare;

    /// <param name="disk">Where.</param>
    /// <param name="options">Directory and size.</param>
    /// <param name="time">For the heads of segments.</param>
    /// <param name="identity">Of this journal.</param>
    /// <param name="tail">Where to go on; null to begin a segment with the first batch.</param>
    public SegmentChain(IDisk disk, JournalOptions options, TimeProvider time, ulong identity, JournalTail? tail)
    {
        (_disk, _options, _time, _identity) = (disk, options, time, identity);
        if (tail is { } end)
        {
            _file = Open(Path.Combine(options.Directory, SegmentFormat.NameOf(end.Segment)));
            (_segment, _position, _capacity) = (end.Segment, end.End, _file.Length);
        }
    }

    /// <summary>Whether the file to follow is ready.</summary>
    public bool HasSpare => _hasSpare;

    /// <summary>Bytes left in the file that is written.</summary>
    public long Left => Volatile.Read(ref _capacity) - Volatile.Read(ref _position);

    private string SparePath => Path.Combine(_options.Directory, SegmentFormat.Spare);

    /// <summary>Makes the file that follows, unless there is one. May run beside everything else.</summary>
    /// <exception cref="DiskException">No room.</exception>
    public void Prepare()
    {
        lock (_prepareGate)
        {
            if (_hasSpare)
            {
                return;
            }

            if (!TryUseAgain())
            {
                Make();
            }

            _disk.SyncDirectory(_options.Directory);
            _hasSpare = true;
        }
    }

    /// <summary>Nothing in a segment is needed any more: it is kept for use again, or deleted. Before the next one is retired, all older ones are.</summary>
    /// <param name="name">Of its file.</param>
    public void Retire(string name)
    {
        lock (_prepareGate)
        {
            DeleteFree(_options.FreeSegments - 1);
            var path = Path.Combine(_options.Directory, name);
            if (_options.FreeSegments > 0)
            {
                _disk.Rename(path, Path.ChangeExtension(path, SegmentFormat.FreeExtension));
            }
            else
            {
                _disk.Delete(path);
            }
        }
    }

    /// <summary>Deletes segments that are kept for use again.</summary>
    /// <param name="most">How many may stay.</param>
    public void DeleteFree(int most)
    {
        lock (_prepareGate)
        {
            foreach (var path in Free().Skip(most))
            {
                _disk.Delete(path);
            }
        }
    }

    /// <summary>
    /// Makes durable what a scan found. What was torn becomes zeros, so that it is not found later. The last batch is written once more: after a failed sync the
    /// kernel shows pages that it does not write, until somebody writes them again.
    /// </summary>
    public void Settle(JournalTail tail)
    {
        using var file = _disk.Open(_file!.Path); // what is torn ends anywhere
        var last = new byte[tail.End - tail.Last];
        var length = file.Read(last, tail.Last);
        file.Write(last.AsSpan(0, length), tail.Last);
        Fill(file, tail.End, tail.TornBytes);
        file.Sync();
    }

    /// <summary>Where a batch of this length goes; begins a segment when the one that is written has no room for it.</summary>
    /// <param name="bytes">With its padding.</param>
    /// <param name="head">Of the batch.</param>
    /// <returns>False when the disk is read-only, and no segment can begin.</returns>
    public bool TryPlace(int bytes, in BatchHead head, out BatchPlace place)
    {
        try
        {
            if (_file is null || bytes > Left)
            {
                Begin(head);
            }
        }
        catch (DiskException e) when (e.Failure == DiskFailure.ReadOnly)
        {
            place = default;
            return false;
        }

        place = new(_segment, _position);
        return true;
    }

    /// <param name="batch">Sealed, padded to its alignment, and <see cref="BatchFormat.EndBytes"/> of zeros.</param>
    /// <returns>False when the disk is read-only: nothing of it counts, and its place is still the next.</returns>
    public bool TryWrite(ReadOnlySpan<byte> batch)
    {
        try
        {
            _file!.Write(batch.Length <= Left ? batch : batch[..^BatchFormat.EndBytes], _position);
        }
        catch (DiskException e) when (e.Failure == DiskFailure.ReadOnly)
        {
            return false;
        }

        Volatile.Write(ref _position, _position + batch.Length - BatchFormat.EndBytes);
        return true;
    }

    public void Sync() => _file!.Sync();

    public void Dispose() => _file?.Dispose();

    private IEnumerable<string> Free() => _disk.Files(_options.Directory)
        .Where(name => name.EndsWith(SegmentFormat.FreeExtension, StringComparison.Ordinal)).Select(name => Path.Combine(_options.Directory, name));

    /// <summary>Makes the spare of a segment that was retired. Its batches are none at another place, and the zeros behind each new one tell the end.</summary>
    private bool TryUseAgain()
    {
        foreach (var path in Free())
        {
            using var file = _disk.Open(path);
            if (file.Length == _options.SegmentBytes)
            {
                _disk.Rename(path, SparePath);
                return true;
            }

            _disk.Delete(path); // of another size, by a configuration before
        }

        return false;
    }

    private void Make()
    {
        using var file = _disk.OpenDirect(SparePath, create: true);

        // Trying would take what is left from those who write events, each time for a moment.
        if (_disk.FreeBytes(_options.Directory) < _options.SegmentBytes - file.Length)
        {
            throw new DiskException(DiskFailure.Full, $"cannot write {SparePath}: no room");
        }

        try
        {
            Fill(file, 0, (_options.SegmentBytes + IDisk.SectorBytes - 1) & -IDisk.SectorBytes);
            file.SetLength(_options.SegmentBytes); // one that was left over may be longer
            file.Sync();
        }
        catch (DiskException)
        {
            GiveBack(file);
            throw;
        }
    }

    private IDiskFile Open(string path) => _options.IsDirect ? _disk.OpenDirect(path) : _disk.Open(path);

    private void Fill(IDiskFile file, long from, long bytes)
    {
        var zeros = new SectorBuffer((int)Math.Min(bytes, FillBytes)).Span;
        zeros.Clear();
        for (var left = bytes; left > 0; left -= zeros.Length)
        {
            zeros = zeros[..(int)Math.Min(left, zeros.Length)];
            if (left < bytes && Left > _options.SegmentBytes / 2)
            {
                _isWaitedFor.Wait(FillPause);
            }

            file.Write(zeros, from + bytes - left);
        }
    }

    /// <summary>The room is for those who can use it.</summary>
    private static void GiveBack(IDiskFile file)
    {
        try
        {
            file.SetLength(0);
        }
        catch (DiskException)
        {
            // The first failure is the one to tell.
        }
    }

    private void Begin(in BatchHead head)
    {
        // What was there must be durable before anything of the new segment is: a crash may leave either, not the second alone.
        _file?.Sync();
        _file?.Dispose();
        _file = null;

        var path = Path.Combine(_options.Directory, SegmentFormat.NameOf(head.FirstLsn));
        Span<byte> bytes = stackalloc byte[SegmentFormat.HeadBytes + BatchFormat.EndBytes];
        bytes.Clear();
        SegmentFormat.Write(bytes, new(_identity, head.FirstLsn, head.Epoch, _time.GetMicroseconds(), _options.SegmentBytes, head.Previous));
        _isWaitedFor.Set();
        Prepare();
        _isWaitedFor.Reset();
        using (var spare = _disk.Open(SparePath))
        {
            spare.Write(bytes, 0);
            spare.Sync(); // so that a segment that has a name has a head
        }

        _disk.Rename(SparePath, path);
        _disk.SyncDirectory(_options.Directory);
        _file = Open(path);
        _segment = head.FirstLsn;
        Volatile.Write(ref _position, SegmentFormat.HeadBytes);
        Volatile.Write(ref _capacity, _options.SegmentBytes);
        _hasSpare = false; // last: until then there is room in either
    }
}
