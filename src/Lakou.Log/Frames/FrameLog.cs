using System.Buffers;
using Lakou.Core.Disk;
using Lakou.Log.Recovery;

namespace Lakou.Log.Frames;

/// <summary>
/// Frames with dense offsets in files of a bounded size: what readers of a topic read. Not durable by itself: the journal holds what was not synced
/// yet. One thread appends; any may read. The newest frames are in memory until they fill a buffer.
/// </summary>
public sealed class FrameLog : IDisposable
{
    // Appends are gathered to writes of this size.
    private const int TailBytes = 64 << 10;

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
    private ulong _tailFirst;
    private long _tailPosition;
    private ulong _end;
    private bool _isNameNew;

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

    /// <summary>Whether frames wait in memory because the disk is full.</summary>
    public bool IsStuck { get; private set; }

    /// <param name="disk">Where.</param>
    /// <param name="directory">Of this log alone; made when it is missing.</param>
    /// <param name="segmentBytes">Of one file; a larger frame gets a larger one.</param>
    /// <param name="start">The first offset that is wanted.</param>
    /// <param name="end">Behind the last frame that was synced. Frames behind it that are there are no part of the log, until <see cref="Adopt"/>.</param>
    public static FrameLog Open(IDisk disk, string directory, long segmentBytes, ulong start, ulong end)
    {
        disk.CreateDirectory(directory);
        var log = new FrameLog(disk, directory, segmentBytes) { Start = start, _end = end };
        foreach (var name in disk.Files(directory))
        {
            if (FrameSegment.TryParseName(name, out var first))
            {
                log._segments.Add(new FrameSegment(disk, directory, first));
            }
        }

        log.FindEnds();
        return log;
    }

    /// <summary>
    /// Appends frames behind the last, or with a gap where the offsets between are lost. When the disk is full they stay in memory: see <see cref="IsStuck"/>.
    /// </summary>
    /// <param name="frames">Whole and sealed, offsets one after the other.</param>
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
    public void Sync()
    {
        lock (_syncGate)
        {
            List<FrameSegment> dirty;
            bool isNameNew;
            lock (_gate)
            {
                FlushTail();
                if (IsStuck)
                {
                    throw new DiskException(DiskFailure.Full, $"cannot write {_directory}: no room");
                }

                dirty = [.. _segments.Where(segment => segment.IsDirty)];
                dirty.ForEach(segment => segment.IsDirty = false);
                (isNameNew, _isNameNew) = (_isNameNew, false);
            }

            dirty.ForEach(segment => segment.Sync());
            if (isNameNew)
            {
                _disk.SyncDirectory(_directory);
            }
        }
    }

    /// <summary>Frames from an offset on; none at the end of the log.</summary>
    /// <param name="from">The first. One before <see cref="Start"/> is lost until there.</param>
    /// <param name="mostBytes">More only when the first frame alone is longer.</param>
    /// <param name="mostFrames">At least 1.</param>
    public FrameBlock Read(ulong from, int mostBytes, int mostFrames = int.MaxValue)
    {
        while (true)
        {
            FrameSegment segment;
            ulong until;
            long end;
            lock (_gate)
            {
                if (from < Start || from >= _end)
                {
                    return new FrameBlock(0) { LostUntil = from < Start ? Start : null };
                }

                if (_tailLength > 0 && from >= _tailFirst)
                {
                    return ReadTail(from, mostBytes, mostFrames);
                }

                var at = _segments.FindLastIndex(one => one.First <= from);
                until = at + 1 < _segments.Count ? Math.Min(_end, _segments[at + 1].First) : _end;
                if (at < 0 || (_segments[at].IsScanned && from >= _segments[at].End))
                {
                    return new FrameBlock(0) { LostUntil = until };
                }

                segment = _segments[at];
                KeepOpen(segment);
                end = at == _segments.Count - 1 && _tailLength > 0 ? _tailPosition : segment.Length;
            }

            if (segment.IsScanned)
            {
                return ReadFile(segment, end, from, mostBytes, mostFrames) ?? new FrameBlock(0) { LostUntil = Math.Max(Start, from + 1) };
            }

            segment.ScanOnce(until); // not under the gate: it reads a whole file
        }
    }

    /// <summary>The first offset that was accepted at a time or later; the end when there is none.</summary>
    /// <param name="time">µs since 1970.</param>
    public ulong OffsetAt(long time)
    {
        // Segments by their first frame, then frames from the index on.
        var from = Start;
        ulong[] firsts;
        lock (_gate)
        {
            firsts = [.. _segments.Where(segment => segment.First > Start && segment.First < _end).Select(segment => segment.First)];
        }

        int low = 0, high = firsts.Length;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (TimeOf(firsts[middle]) is { } at && at < time)
            {
                (low, from) = (middle + 1, firsts[middle]);
            }
            else
            {
                high = middle;
            }
        }

        while (true)
        {
            using var block = Read(from, FrameSegment.IndexStep);
            foreach (var frame in block)
            {
                if (FrameHead.Time(frame) >= time)
                {
                    return FrameHead.Offset(frame);
                }

                from = FrameHead.Offset(frame) + 1;
            }

            if (block.Count == 0 && block.LostUntil is not { } lost)
            {
                return from;
            }

            from = block.LostUntil ?? from;
        }
    }

    /// <summary>When a frame was accepted, µs since 1970; null when it is not there.</summary>
    public long? TimeOf(ulong offset)
    {
        using var block = Read(offset, 1, 1);
        return block.Count == 0 ? null : FrameHead.Time(block.Frames);
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

    /// <summary>
    /// Takes frames that are behind the end and right to the last byte: written before a crash, and their records in the journal lost since.
    /// </summary>
    /// <param name="until">At most to this offset.</param>
    /// <returns>The end then.</returns>
    public ulong Adopt(ulong until)
    {
        lock (_gate)
        {
            while (_end < until && _segments.FindLast(one => one.First <= _end) is { } segment)
            {
                segment.Scan(until);
                if (segment.End <= _end)
                {
                    break;
                }

                var end = Math.Min(segment.End, until);
                var found = _end;
                while (found < end)
                {
                    using var block = ReadFile(segment, segment.Length, found, TailBytes, int.MaxValue);
                    if (block is not { Count: > 0 })
                    {
                        break;
                    }

                    found += (ulong)block.Count;
                }

                var isWhole = found >= end;
                Volatile.Write(ref _end, Math.Min(found, until));
                segment.Scan(_end);
                if (!isWhole)
                {
                    break;
                }
            }

            _tailPosition = _segments.Count == 0 ? 0 : _segments[^1].Length;
            return _end;
        }
    }

    /// <summary>After recovery: what stands behind the end was never committed, and goes.</summary>
    public void Settle()
    {
        lock (_gate)
        {
            FlushTail();
            while (_segments.Count > 0 && _segments[^1].First >= _end && _segments[^1].End != _end)
            {
                _segments[^1].Delete();
                _segments.RemoveAt(_segments.Count - 1);
            }

            if (_segments.Count > 0)
            {
                _segments[^1].Trim();
                _tailPosition = _segments[^1].Length;
            }
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            FlushTail();
            ReturnTail();
            _segments.ForEach(segment => segment.Dispose());
        }
    }

    /// <summary>What a restart finds: the last segment tells where to go on; the others are scanned when they are read.</summary>
    private void FindEnds()
    {
        for (var i = 0; i < _segments.Count; i++)
        {
            var segment = _segments[i];
            if (segment.First <= _end && (i + 1 == _segments.Count || _segments[i + 1].First > _end))
            {
                segment.Scan(_end);
            }
            else
            {
                segment.End = i + 1 < _segments.Count ? _segments[i + 1].First : segment.First;
                segment.Length = segment.FileLength();
                segment.Close();
            }
        }

        _tailPosition = _segments.Count == 0 ? 0 : _segments[^1].Length;
    }

    private void AppendOne(ReadOnlySpan<byte> frame)
    {
        var offset = FrameHead.Offset(frame);
        if (offset < _end)
        {
            return; // adopted before, or known from the snapshot
        }

        if (_segments.Count == 0 || offset != _end || _segments[^1].End != _end || _segments[^1].First > _end || (_tailPosition + _tailLength + frame.Length > _segmentBytes && _segments[^1].First < offset))
        {
            Roll(offset);
        }

        if (_tailLength + frame.Length > TailBytes)
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
        while (_segments.Count > 0 && _segments[^1].First >= first)
        {
            var gone = _segments[^1];
            _open.Remove(gone);
            gone.Delete();
            _segments.RemoveAt(_segments.Count - 1);
        }

        if (_segments.Count > 0)
        {
            KeepOpen(_segments[^1]);
        }

        var segment = new FrameSegment(_disk, _directory, first);
        segment.Create();
        _segments.Add(segment);
        (_tailPosition, _tailFirst, _isNameNew) = (0, first, true);
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
            IsStuck = false;
        }
        catch (DiskException e) when (e.Failure is DiskFailure.Full or DiskFailure.ReadOnly)
        {
            IsStuck = true;
            return;
        }

        _tailPosition += _tailLength;
        _tailLength = 0;
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

    private FrameBlock ReadTail(ulong from, int mostBytes, int mostFrames)
    {
        var (_, position) = _segments[^1].Find(from);
        var bytes = _tail.AsSpan(0, _tailLength)[(int)Math.Max(0, position - _tailPosition)..];
        while (FrameHead.Offset(bytes) < from)
        {
            bytes = bytes[FrameHead.Length(bytes)..];
        }

        var (length, count) = (0, 0);
        while (length < bytes.Length && count < mostFrames && (count == 0 || length + FrameHead.Length(bytes[length..]) <= mostBytes))
        {
            length += FrameHead.Length(bytes[length..]);
            count++;
        }

        var block = new FrameBlock(length);
        bytes[..length].CopyTo(block.Buffer);
        block.Keep(0, length, count);
        return block;
    }

    /// <summary>Sealed segments are opened when they are read, and the one that was opened first is closed again.</summary>
    private void KeepOpen(FrameSegment segment)
    {
        if (segment == _segments[^1] || _open.Contains(segment))
        {
            return;
        }

        _open.Add(segment);
        if (_open.Count > OpenFiles && !_open[0].IsDirty)
        {
            _open[0].Close();
            _open.RemoveAt(0);
        }
    }

    /// <returns>Null when the segment was deleted meanwhile.</returns>
    private static FrameBlock? ReadFile(FrameSegment segment, long end, ulong from, int mostBytes, int mostFrames)
    {
        // 1. From the index, so that the first frame is among what is read.
        var (_, position) = segment.Find(from);
        var want = (int)Math.Min(end - position, Math.Max(mostBytes, FrameHead.Bytes) + (long)FrameSegment.IndexStep);
        while (true)
        {
            var block = new FrameBlock(want);
            var bytes = (ReadOnlySpan<byte>)block.Buffer[..segment.Read(block.Buffer[..want], position)];
            if (bytes.IsEmpty)
            {
                block.Dispose();
                return null;
            }

            // 2. What stands before it, and then as many as fit.
            var (start, length, count, longer) = Take(bytes, from, mostBytes, mostFrames);
            if (count > 0)
            {
                block.Keep(start, length, count);
                return block;
            }

            block.Dispose();
            if (longer > bytes.Length && longer <= end - position)
            {
                want = longer; // one frame that is longer than what was asked for
                continue;
            }

            return new FrameBlock(0) { LostUntil = NextRight(segment, end, position, from) };
        }
    }

    private static (int Start, int Length, int Count, int Longer) Take(ReadOnlySpan<byte> bytes, ulong from, int mostBytes, int mostFrames)
    {
        var at = 0;
        while (FrameHead.IsRight(bytes[at..]) && FrameHead.Offset(bytes[at..]) < from && FrameHead.Length(bytes[at..]) <= bytes.Length - at)
        {
            at += FrameHead.Length(bytes[at..]);
        }

        var (start, count, next) = (at, 0, from);
        while (count < mostFrames && FrameHead.IsRight(bytes[at..]) && FrameHead.Offset(bytes[at..]) == next)
        {
            var length = FrameHead.Length(bytes[at..]);
            if (length > bytes.Length - at)
            {
                return (start, at - start, count, count == 0 ? at + length : 0);
            }

            if ((count > 0 && at + length - start > mostBytes) || !FrameHead.IsWhole(bytes[at..]))
            {
                break;
            }

            at += length;
            count++;
            next++;
        }

        return (start, at - start, count, FrameHead.IsRight(bytes[at..]) && FrameHead.Offset(bytes[at..]) < from ? at + FrameHead.Length(bytes[at..]) : 0);
    }

    /// <summary>The offset of the first frame behind damage: heads that are still right lead on, else the index does.</summary>
    private static ulong NextRight(FrameSegment segment, long end, long position, ulong from)
    {
        using var window = new FileWindow(segment.Read);
        while (position < end)
        {
            var head = window.At(position, FrameHead.Bytes);
            if (FrameHead.IsRight(head) && FrameHead.Length(head) <= end - position)
            {
                if (FrameHead.Offset(head) > from || (FrameHead.Offset(head) == from && FrameHead.IsWhole(window.At(position, FrameHead.Length(head)))))
                {
                    return FrameHead.Offset(head);
                }

                position += FrameHead.Length(window.At(position, FrameHead.Bytes));
                continue;
            }

            if (segment.After(position) is not { } next)
            {
                break;
            }

            position = next.Position;
        }

        return segment.End;
    }
}
