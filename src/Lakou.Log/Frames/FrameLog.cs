using System.Buffers;
using Lakou.Core.Disk;

namespace Lakou.Log.Frames;

/// <summary>
/// Frames with dense offsets in files of a bounded size: what readers of a topic read. Not durable by itself: the journal holds what was not synced
/// yet. One thread appends; any may read. The newest frames are in memory until they fill a buffer.
/// </summary>
public sealed partial class FrameLog : IDisposable
{
    // Appends are gathered to writes of this size.
    private const int TailBytes = 64 << 10;

    // What a reader of a few frames reads for each; longer ones are read with the next call.
    private const int UsualFrameBytes = 2 << 10;

    // Sealed segments whose files stay open.
    private const int OpenFiles = 4;

    private readonly Lock _gate = new();
    private readonly Lock _syncGate = new();
    private readonly IDisk _disk;
    private readonly string _directory;
    private readonly long _segmentBytes;
    private readonly List<FrameSegment> _segments = [];
    private readonly List<FrameSegment> _open = [];
    private byte[] _tail = [];
    private int _tailLength;
    private int _flushAt = TailBytes;
    private ulong _tailFirst;
    private long _tailPosition;
    private ulong _end;
    private bool _areNamesNew;
    private bool _isSettled;
    private bool _isDisposed;
    private DiskException? _syncFailure;

    private FrameLog(IDisk disk, string directory, long segmentBytes) => (_disk, _directory, _segmentBytes) = (disk, directory, segmentBytes);

    /// <summary>The first offset that may still be there.</summary>
    public ulong Start { get; private set; }

    /// <summary>Behind the last frame.</summary>
    public ulong End => Volatile.Read(ref _end);

    /// <summary>Of all frames.</summary>
    public long Bytes
    {
        get
        {
            lock (_gate)
            {
                return _segments.Sum(segment => segment.Length);
            }
        }
    }

    /// <summary>Whether frames wait in memory because the disk is full. <see cref="Flush"/> tries again.</summary>
    public bool IsStuck { get; private set; }

    /// <summary>
    /// Appends frames behind the last, or with a gap where the offsets between are lost. When the disk is full they stay in memory: see <see cref="IsStuck"/>.
    /// </summary>
    /// <param name="frames">Whole and sealed, offsets one after the other. Those that are there already are passed over.</param>
    public void Append(ReadOnlySpan<byte> frames)
    {
        lock (_gate)
        {
            while (!frames.IsEmpty)
            {
                var frame = frames[..FrameHead.Length(frames)];
                AppendOne(frame);
                frames = frames[frame.Length..];
            }
        }
    }

    /// <summary>Writes to files what is in memory, if it can.</summary>
    public void Flush()
    {
        lock (_gate)
        {
            FlushTail();
        }
    }

    /// <summary>All that was appended is durable when this returns.</summary>
    /// <exception cref="DiskException">It is not. Full: ask again. Else this log never says again that it is: what the system made of the bytes is not known.</exception>
    public void Sync()
    {
        lock (_syncGate)
        {
            if (_syncFailure is not null)
            {
                throw new DiskException(_syncFailure.Failure, _syncFailure.Message, _syncFailure);
            }

            List<FrameSegment> dirty;
            bool areNamesNew;
            lock (_gate)
            {
                FlushTail();
                if (IsStuck)
                {
                    throw new DiskException(DiskFailure.Full, $"cannot write {_directory}: no room");
                }

                dirty = [.. _segments.Where(segment => segment.IsDirty)];
                dirty.ForEach(segment => segment.IsDirty = false);
                (areNamesNew, _areNamesNew) = (_areNamesNew, false);
            }

            try
            {
                dirty.ForEach(segment => segment.Sync());
                if (areNamesNew)
                {
                    _disk.SyncDirectory(_directory);
                }
            }
            catch (DiskException e)
            {
                _syncFailure = e;
                throw;
            }
        }
    }

    /// <summary>The offsets at which segments begin, oldest first, with the bytes of each: what retention may cut.</summary>
    public IReadOnlyList<(ulong First, long Bytes)> Segments()
    {
        lock (_gate)
        {
            return [.. _segments.Select(segment => (segment.First, segment.Length))];
        }
    }

    /// <summary>Frames before this one are not wanted any more; whole segments of them are deleted.</summary>
    public void CutBefore(ulong start)
    {
        List<FrameSegment> gone = [];
        lock (_gate)
        {
            Start = Math.Max(Start, start);
            while (_segments.Count > 1 && _segments[1].First <= Start)
            {
                gone.Add(_segments[0]);
                _open.Remove(_segments[0]);
                _segments.RemoveAt(0);
            }
        }

        foreach (var segment in gone)
        {
            segment.Delete();
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            try
            {
                FlushTail();
            }
            catch (DiskException)
            {
                // The journal has what was not written.
            }

            _isDisposed = true;
            ReturnTail();
            _segments.ForEach(segment => segment.Dispose());
        }
    }

    private void AppendOne(ReadOnlySpan<byte> frame)
    {
        var offset = FrameHead.Offset(frame);
        if (offset < _end)
        {
            return; // adopted before, or known from the snapshot
        }

        if (!_isSettled && offset == _end && TryKeep(frame))
        {
            return;
        }

        if (_segments.Count == 0 || offset != _end || _segments[^1].End != _end || _segments[^1].First > _end || (_tailPosition + _tailLength + frame.Length > _segmentBytes && _segments[^1].First < offset))
        {
            Roll(offset);
        }

        if (_tailLength + frame.Length > _flushAt)
        {
            FlushTail();
        }

        ReserveTail(_tailLength + frame.Length);
        if (_tailLength == 0)
        {
            _tailFirst = offset;
        }

        var segment = _segments[^1];
        segment.Index(offset, _tailPosition + _tailLength);
        frame.CopyTo(_tail.AsSpan(_tailLength));
        _tailLength += frame.Length;
        segment.Length += frame.Length;
        segment.End = offset + 1;
        Volatile.Write(ref _end, offset + 1);
    }

    /// <summary>Begins a segment. Those behind the end, and what stands behind the end in the last one, are of a life that was not committed.</summary>
    private void Roll(ulong first)
    {
        FlushTail();
        if (_tailLength > 0)
        {
            return; // What waits belongs to the last segment, which grows until the disk has room.
        }

        DeleteFrom(first);
        if (_segments.Count > 0)
        {
            KeepOpen(_segments[^1]);
        }

        _segments.Add(FrameSegment.Begin(_disk, _directory, first));
        (_tailPosition, _areNamesNew) = (0, true);
    }

    private void DeleteFrom(ulong first)
    {
        while (_segments.Count > 0 && _segments[^1].First >= first)
        {
            var gone = _segments[^1];
            _segments.RemoveAt(_segments.Count - 1);
            _open.Remove(gone);
            gone.Delete();
            _areNamesNew = true; // one that came back after a loss of power would stand in the way of what is written instead
        }
    }

    private void FlushTail()
    {
        if (_tailLength == 0)
        {
            return;
        }

        try
        {
            _segments[^1].Write(_tail.AsSpan(0, _tailLength), _tailPosition);
        }
        catch (DiskException e) when (e.Failure is DiskFailure.Full or DiskFailure.ReadOnly)
        {
            (IsStuck, _flushAt) = (true, _tailLength + TailBytes);
            return;
        }

        _tailPosition += _tailLength;
        (IsStuck, _flushAt, _tailLength) = (false, TailBytes, 0);
        if (_tail.Length > TailBytes)
        {
            ReturnTail();
        }
    }

    private void ReserveTail(int bytes)
    {
        if (bytes <= _tail.Length)
        {
            return;
        }

        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(bytes, Math.Min(TailBytes, _tail.Length * 2)));
        _tail.AsSpan(0, _tailLength).CopyTo(larger);
        ReturnTail();
        _tail = larger;
    }

    private void ReturnTail()
    {
        if (_tail.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_tail);
            _tail = [];
        }
    }

    /// <summary>Sealed segments are opened when they are read, and the one that was opened first is closed again. What was not synced stays open.</summary>
    private void KeepOpen(FrameSegment segment)
    {
        if (segment == _segments[^1] || _open.Contains(segment))
        {
            return;
        }

        _open.Add(segment);
        while (_open.Count > OpenFiles && _open.FindIndex(0, _open.Count - 1, one => !one.IsDirty) is >= 0 and var at)
        {
            _open[at].Close();
            _open.RemoveAt(at);
        }
    }
}
