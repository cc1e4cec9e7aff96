using System.Buffers;
using Lakou.Core.Disk;

namespace Lakou.Log.Recovery;

/// <summary>Reads bytes at a position of a file.</summary>
internal delegate int FileReader(Span<byte> into, long at);

/// <summary>Reads a file from front to back in large steps.</summary>
internal sealed class FileWindow(FileReader read) : IDisposable
{
    private const int StepBytes = 1 << 20;

    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(StepBytes);
    private long _start;
    private int _length;

    public FileWindow(IDiskFile file)
        : this(file.Read)
    {
    }

    /// <summary>Bytes at a position, fewer at the end of the file; valid until the next call.</summary>
    public ReadOnlySpan<byte> At(long position, int length)
    {
        if (position < _start || position + length > _start + _length)
        {
            Fill(position, length);
        }

        var from = (int)(position - _start);
        return _buffer.AsSpan(from, Math.Min(length, Math.Max(0, _length - from)));
    }

    public void Dispose() => ArrayPool<byte>.Shared.Return(_buffer);

    private void Fill(long position, int length)
    {
        if (length > _buffer.Length)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = ArrayPool<byte>.Shared.Rent(length);
        }

        _start = position;
        _length = read(_buffer, position);
    }
}
