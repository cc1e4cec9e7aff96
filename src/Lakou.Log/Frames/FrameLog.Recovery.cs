using Lakou.Core.Disk;
using Lakou.Log.Recovery;

namespace Lakou.Log.Frames;

/// <summary>From files to a log.</summary>
public sealed partial class FrameLog
{
    private (FrameSegment Segment, FileWindow Window)? _kept;

    /// <param name="disk">Where.</param>
    /// <param name="directory">Of this log alone; made when it is missing.</param>
    /// <param name="segmentBytes">Of one file; a larger frame gets a larger one.</param>
    /// <param name="start">The first offset that is wanted.</param>
    /// <param name="end">Behind the last frame that was synced. Frames behind it that are there are no part of the log, until <see cref="Adopt"/>.</param>
    /// <param name="writer">Writes chunks that are full; null, or one that was not started: whoever appends does.</param>
    public static FrameLog Open(IDisk disk, string directory, long segmentBytes, ulong start, ulong end, FrameWriter? writer = null)
    {
        disk.CreateDirectory(directory);
        var log = new FrameLog(disk, directory, segmentBytes, writer) { Start = start, _end = end };
        foreach (var name in disk.Files(directory))
        {
            if (FrameSegment.TryParseName(name, out var first))
            {
                log._segments.Add(new FrameSegment(disk, directory, first));
            }
        }

        log.FindEnds();
        log._isSettled = log._segments.Count == 0;
        log._areNamesNew = log._segments.Count > 0; // a life that ended before it made them durable leaves them as well
        return log;
    }

    /// <summary>
    /// Takes frames that are behind the end and right to the last byte: written before a crash, and their records in the journal lost since.
    /// </summary>
    /// <param name="until">At most to this offset.</param>
    /// <returns>The end then.</returns>
    public ulong Adopt(ulong until)
    {
        Flush();
        lock (_gate)
        {
            while (Unwritten is null && _end < until && _segments.FindLast(one => one.First <= _end) is { } segment)
            {
                segment.Scan(_end);
                var adopted = segment.Length;
                var found = CountRight(segment, until);
                segment.Scan(found);
                if (found == _end)
                {
                    break;
                }

                // By whom they were written is not known, nor whether they were synced.
                segment.Doubt(adopted, segment.Length);
                Volatile.Write(ref _end, found);
                _areNamesNew = true;
            }

            return _end;
        }
    }

    /// <summary>After recovery: what stands behind the end was never committed, and goes.</summary>
    public void Settle()
    {
        Flush();
        lock (_gate)
        {
            (_kept, _isSettled) = (null, true);
            if (Unwritten is not null)
            {
                return; // the disk is full; what is written over it comes when it can
            }

            DeleteFrom(_end);
            if (_segments.Count > 0 && _segments[^1].End == _end)
            {
                _segments[^1].Trim(); // one that ends before the end is damaged, and is left as it is
            }
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
    }

    /// <summary>
    /// A frame that a life before wrote stays where it is, when it is the same: so those behind it stay too, for <see cref="Adopt"/>. What is another ends this:
    /// it is written, and with it all that follows.
    /// </summary>
    private bool TryKeep(ReadOnlySpan<byte> frame)
    {
        var at = _segments.FindLastIndex(one => one.First <= _end);
        if (Unwritten is not null || at < 0)
        {
            return false;
        }

        var segment = _segments[at];
        if (_kept?.Segment != segment)
        {
            _kept = (segment, new FileWindow(segment.Read));
            segment.Scan(_end);
        }

        if (segment.End != _end || !_kept.Value.Window.At(segment.Length, frame.Length).SequenceEqual(frame))
        {
            return false;
        }

        segment.Doubt(segment.Length, segment.Length + frame.Length);
        segment.Index(_end, segment.Length);
        segment.Length += frame.Length;
        segment.End = _end + 1;
        _areNamesNew = true;
        Volatile.Write(ref _end, _end + 1);
        return true;
    }

    /// <returns>Behind the last frame that follows the end without a gap and is right.</returns>
    private ulong CountRight(FrameSegment segment, ulong until)
    {
        segment.Scan(until);
        var found = _end;
        while (found < segment.End)
        {
            using var block = ReadFile(segment, segment.Length, segment.End, found, FrameChunk.UsualBytes, int.MaxValue);
            if (block is not { Count: > 0 })
            {
                break;
            }

            found += (ulong)block.Count;
        }

        return found;
    }
}
