using Lakou.Log.Recovery;

namespace Lakou.Log.Frames;

/// <summary>What readers ask.</summary>
public sealed partial class FrameLog
{
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
            long length;
            lock (_gate)
            {
                if (_isDisposed || from < Start || from >= _end)
                {
                    return new FrameBlock(0) { LostUntil = from < Start ? Start : null };
                }

                if (_chunks.Count > 0 && from >= _chunks[0].First)
                {
                    return ReadChunk(from, mostBytes, mostFrames);
                }

                var at = _segments.FindLastIndex(one => one.First <= from);
                var end = Unwritten?.First ?? _end;
                until = at + 1 < _segments.Count ? Math.Min(end, _segments[at + 1].First) : end;
                if (at < 0 || (_segments[at].IsScanned && from >= _segments[at].End))
                {
                    return new FrameBlock(0) { LostUntil = until };
                }

                segment = _segments[at];
                KeepOpen(segment);
                length = Unwritten?.Segment == segment ? Unwritten.Position : segment.Length;
            }

            if (!segment.IsScanned)
            {
                segment.ScanOnce(until); // not under the gate: it reads a whole file
            }
            else if (ReadFile(segment, length, until, from, mostBytes, mostFrames) is { } block)
            {
                return block;
            }
        }
    }

    /// <summary>The first offset that was accepted at a time or later; the end when there is none.</summary>
    /// <param name="time">µs since 1970. Times are taken to rise with offsets.</param>
    public ulong OffsetAt(long time)
    {
        var (low, high) = (Start, End);
        while (low < high)
        {
            var middle = low + ((high - low) / 2);
            var (offset, at) = FirstFrom(middle, high);
            if (offset < high && at < time)
            {
                low = offset + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }

    /// <summary>When a frame was accepted, µs since 1970; null when it is not there.</summary>
    public long? TimeOf(ulong offset)
    {
        using var block = Read(offset, 1, 1);
        return block.Count == 0 ? null : FrameHead.Time(block.Frames);
    }

    /// <summary>The first frame from an offset on that is there, with its time.</summary>
    private (ulong Offset, long Time) FirstFrom(ulong offset, ulong until)
    {
        while (offset < until)
        {
            using var block = Read(offset, 1, 1);
            if (block.Count > 0)
            {
                return (offset, FrameHead.Time(block.Frames));
            }

            offset = block.LostUntil ?? until;
        }

        return (until, 0);
    }

    private FrameBlock ReadChunk(ulong from, int mostBytes, int mostFrames)
    {
        var (low, high) = (0, _chunks.Count); // the last that begins at or before it
        while (high - low > 1)
        {
            var middle = (low + high) / 2;
            (low, high) = _chunks[middle].First <= from ? (middle, high) : (low, middle);
        }

        if (from >= _chunks[low].End)
        {
            return new FrameBlock(0) { LostUntil = _chunks[high].First };
        }

        var bytes = _chunks[low].From(_chunks[low].Segment.Find(from).Position);
        while (FrameHead.Offset(bytes) < from)
        {
            bytes = bytes[FrameHead.Length(bytes)..];
        }

        if (FrameHead.Offset(bytes) is var first && first > from)
        {
            return new FrameBlock(0) { LostUntil = first };
        }

        var (length, count) = (0, 0);
        while (length < bytes.Length && count < mostFrames && FrameHead.Offset(bytes[length..]) == from + (ulong)count
            && (count == 0 || length + FrameHead.Length(bytes[length..]) <= mostBytes))
        {
            length += FrameHead.Length(bytes[length..]);
            count++;
        }

        var block = new FrameBlock(length);
        bytes[..length].CopyTo(block.Buffer);
        block.Keep(0, length, count);
        return block;
    }

    /// <param name="segment">That may hold the first frame.</param>
    /// <param name="end">Bytes of it that are in the file.</param>
    /// <param name="until">Behind the last frame among them.</param>
    /// <returns>Null to ask again: the segment was deleted meanwhile, or the way to the frame was found now.</returns>
    private static FrameBlock? ReadFile(FrameSegment segment, long end, ulong until, ulong from, int mostBytes, int mostFrames)
    {
        // 1. From the index, so that the first frame is among what is read; not more than so many frames mostly need.
        var (_, position) = segment.Find(from);
        var wanted = Math.Clamp((long)mostFrames * UsualFrameBytes, FrameHead.Bytes, Math.Max(mostBytes, FrameHead.Bytes));
        var want = (int)Math.Min(Math.Min(end - position, Array.MaxLength), wanted + FrameSegment.IndexStep);
        while (want > 0)
        {
            var block = new FrameBlock(want);
            var bytes = (ReadOnlySpan<byte>)block.Buffer[..segment.Read(block.Buffer[..want], position)];

            // 2. What stands before it, and then as many as fit.
            var (start, length, count, longer) = Take(bytes, from, mostBytes, mostFrames);
            if (count > 0)
            {
                block.Keep(start, length, count);
                return block;
            }

            // 3. One frame that is longer than what was read, unless the file is shorter than it was.
            want = bytes.Length == want && longer > want && longer <= end - position ? longer : 0;
            block.Dispose();
        }

        var next = NextRight(segment, end, position, from, until);
        return segment.IsGone || next == from ? null : new FrameBlock(0) { LostUntil = next };
    }

    /// <returns>Where the frames begin, their length and number; when there is none, how much has to be read to have one, as far as that is known.</returns>
    private static (int Start, int Length, int Count, int Longer) Take(ReadOnlySpan<byte> bytes, ulong from, int mostBytes, int mostFrames)
    {
        var at = 0;
        while (FrameHead.IsRight(bytes[at..]) && FrameHead.Offset(bytes[at..]) < from && FrameHead.Length(bytes[at..]) <= bytes.Length - at)
        {
            at += FrameHead.Length(bytes[at..]);
        }

        var (start, count, next) = (at, 0, from);
        while (count < mostFrames && FrameHead.IsWhole(bytes[at..]) && FrameHead.Offset(bytes[at..]) == next)
        {
            var length = FrameHead.Length(bytes[at..]);
            if (count > 0 && at + length - start > mostBytes)
            {
                break;
            }

            at += length;
            count++;
            next++;
        }

        var rest = bytes[at..];
        var longer = rest.Length < FrameHead.Bytes ? at + FrameHead.Bytes : FrameHead.IsRight(rest) && FrameHead.Offset(rest) <= from ? at + FrameHead.Length(rest) : 0;
        return (start, at - start, count, count == 0 ? longer : 0);
    }

    /// <summary>
    /// The first frame from an offset on that can be read: heads that are still right lead on, else frames are looked for, and what is found is noted in the
    /// index, so that damage is passed once.
    /// </summary>
    private static ulong NextRight(FrameSegment segment, long end, long position, ulong from, ulong until)
    {
        var window = new FileWindow(segment.Read);
        var offset = segment.Find(from).Offset;
        while (position < end)
        {
            var head = window.At(position, FrameHead.Bytes);
            if (!FrameHead.IsRight(head) || FrameHead.Length(head) > end - position)
            {
                if (!FrameSegment.FindFrame(window, end, ref position, ref offset, until))
                {
                    break;
                }

                segment.Insert(offset, position);
            }
            else if (FrameHead.Offset(head) > from || (FrameHead.Offset(head) == from && FrameHead.IsWhole(window.At(position, FrameHead.Length(head)))))
            {
                return FrameHead.Offset(window.At(position, FrameHead.Bytes));
            }
            else
            {
                head = window.At(position, FrameHead.Bytes);
                offset = FrameHead.Offset(head) + 1;
                position += FrameHead.Length(head);
            }
        }

        return until;
    }
}
