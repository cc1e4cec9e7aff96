using System.Buffers;

namespace Lakou.Log.Frames;

/// <summary>Whole, verified frames that were read together, in a pooled buffer.</summary>
public sealed class FrameBlock : IDisposable
{
    private byte[] _buffer;
    private int _start;
    private int _length;

    internal FrameBlock(int bytes) => _buffer = bytes == 0 ? [] : ArrayPool<byte>.Shared.Rent(bytes);

    /// <summary>How many there are.</summary>
    public int Count { get; internal set; }

    /// <summary>When nothing could be read where it was asked for, because it is damaged or was lost: the first offset that is there again.</summary>
    public ulong? LostUntil { get; internal set; }

    public ReadOnlySpan<byte> Frames => _buffer.AsSpan(_start, _length);

    /// <summary>The same; good until this is disposed.</summary>
    public ReadOnlyMemory<byte> Memory => _buffer.AsMemory(_start, _length);

    internal Span<byte> Buffer => _buffer;

    public Enumerator GetEnumerator() => new(Frames);

    public void Dispose()
    {
        if (_buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = [];
        }

        (_start, _length, Count) = (0, 0, 0);
    }

    internal void Keep(int start, int length, int count) => (_start, _length, Count) = (start, length, count);

    public ref struct Enumerator
    {
        private ReadOnlySpan<byte> _rest;

        internal Enumerator(ReadOnlySpan<byte> frames) => _rest = frames;

        public ReadOnlySpan<byte> Current { get; private set; }

        public bool MoveNext()
        {
            if (_rest.IsEmpty)
            {
                return false;
            }

            Current = _rest[..FrameHead.Length(_rest)];
            _rest = _rest[Current.Length..];
            return true;
        }
    }
}
