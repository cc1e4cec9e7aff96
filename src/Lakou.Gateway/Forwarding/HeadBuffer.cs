using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace Lakou.Gateway.Forwarding;

/// <summary>The bytes of a head while it is written: a pooled array that grows.</summary>
internal struct HeadBuffer : IDisposable
{
    private byte[] _bytes = ArrayPool<byte>.Shared.Rent(2048);

    public HeadBuffer()
    {
    }

    public int Count { get; private set; }

    public readonly ReadOnlyMemory<byte> Written => _bytes.AsMemory(0, Count);

    /// <summary>Room for <paramref name="length"/> more bytes, to be followed by <see cref="Advance"/>.</summary>
    public Span<byte> Room(int length)
    {
        if (_bytes.Length - Count < length)
        {
            var grown = ArrayPool<byte>.Shared.Rent(Math.Max(_bytes.Length * 2, Count + length));
            _bytes.AsSpan(0, Count).CopyTo(grown);
            ArrayPool<byte>.Shared.Return(_bytes);
            _bytes = grown;
        }

        return _bytes.AsSpan(Count);
    }

    public void Advance(int count) => Count += count;

    public void Write(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Room(bytes.Length));
        Count += bytes.Length;
    }

    /// <summary>Latin-1, the encoding in which field values keep their bytes.</summary>
    public void Write(ReadOnlySpan<char> text) => Count += Encoding.Latin1.GetBytes(text, Room(text.Length));

    public void Write(long number)
    {
        _ = Utf8Formatter.TryFormat(number, Room(20), out var written);
        Count += written;
    }

    public void Field(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        Write(name);
        Write(": "u8);
        Write(value);
        Write("\r\n"u8);
    }

    public void Field(ReadOnlySpan<byte> name, ReadOnlySpan<char> value)
    {
        Write(name);
        Write(": "u8);
        Write(value);
        Write("\r\n"u8);
    }

    public void Field(ReadOnlySpan<char> name, ReadOnlySpan<char> value)
    {
        Write(name);
        Write(": "u8);
        Write(value);
        Write("\r\n"u8);
    }

    public void Dispose()
    {
        if (_bytes.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_bytes);
            _bytes = [];
        }
    }
}
