using Lakou.Core.Disk;

namespace Lakou.Log.Frames;

/// <summary>
/// Frames that are in memory until they are written, with one write past the page cache: so they begin with what stands before them in their first sector,
/// and end with zeros. Filled under the gate of its log; once another follows it, it does not change.
/// </summary>
internal sealed class FrameChunk
{
    /// <summary>Of one that is full. A longer frame has one of its own.</summary>
    public const int UsualBytes = 128 << 10;

    private const int LeastBytes = 4 << 10;
    private const int MostFree = 64;

    private static readonly Stack<SectorBuffer> s_free = [];

    private readonly long _position; // of the first byte, at a sector
    private readonly int _carried; // bytes that stand before the first frame
    private SectorBuffer _buffer;
    private int _length;

    /// <param name="segment">That it is for.</param>
    /// <param name="before">The bytes before the frames, back to the beginning of the sector.</param>
    /// <param name="isLong">Whether as much is expected as it can take.</param>
    public FrameChunk(FrameSegment segment, ReadOnlySpan<byte> before, bool isLong)
    {
        (Segment, First, End) = (segment, segment.End, segment.End);
        _position = segment.Length - before.Length;
        _carried = _length = before.Length;
        _buffer = isLong ? Rent() : new(LeastBytes);
        before.CopyTo(_buffer.Span);
    }

    public FrameSegment Segment { get; }

    /// <summary>Offset of the first frame.</summary>
    public ulong First { get; }

    /// <summary>Behind the last one.</summary>
    public ulong End { get; private set; }

    /// <summary>Of memory.</summary>
    public int Bytes => _buffer.Length;

    /// <summary>Where the first frame begins in the file.</summary>
    public long Position => _position + _carried;

    /// <summary>What stands in the last sector: with it the next one begins.</summary>
    public ReadOnlySpan<byte> LastSector => _buffer.Span[(_length & -IDisk.SectorBytes).._length];

    /// <summary>The frames from a place in the file on.</summary>
    public ReadOnlySpan<byte> From(long position) => _buffer.Span[(int)(Math.Max(position, Position) - _position).._length];

    /// <returns>False when it is full.</returns>
    public bool TryAdd(ReadOnlySpan<byte> frame)
    {
        if (_length + frame.Length > UsualBytes && _length > _carried)
        {
            return false;
        }

        Reserve(_length + frame.Length);
        frame.CopyTo(_buffer.Span[_length..]);
        _length += frame.Length;
        End++;
        return true;
    }

    public void Write()
    {
        var whole = (_length + IDisk.SectorBytes - 1) & -IDisk.SectorBytes;
        _buffer.Span[_length..whole].Clear();
        Segment.Write(_buffer.Span[..whole], _position);
    }

    /// <summary>Its memory is for others.</summary>
    public void Return()
    {
        lock (s_free)
        {
            if (_buffer.Length == UsualBytes && s_free.Count < MostFree)
            {
                s_free.Push(_buffer);
            }
        }
    }

    private static SectorBuffer Rent()
    {
        lock (s_free)
        {
            return s_free.TryPop(out var buffer) ? buffer : new(UsualBytes);
        }
    }

    private void Reserve(int bytes)
    {
        if (bytes <= _buffer.Length)
        {
            return;
        }

        var old = _buffer;
        _buffer = bytes > UsualBytes ? new(bytes) : bytes > UsualBytes / 2 ? Rent() : new(Math.Max(bytes, old.Length * 2));
        old.Span[.._length].CopyTo(_buffer.Span);
    }
}
