using Lakou.Core.Disk;

namespace Lakou.Log.Recovery;

/// <summary>Reads bytes at a position of a file.</summary>
internal delegate int FileReader(Span<byte> into, long at);

/// <summary>Reads a file from front to back in large steps.</summary>
internal sealed class FileWindow(FileReader read)
{
    private const int StepBytes = 256 << 10; // stays in a core's cache

    private SectorBuffer _buffer = new(StepBytes);
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
        return _buffer.Span.Slice(from, Math.Min(length, Math.Max(0, _length - from)));
    }

    private void Fill(long position, int length)
    {
        // What is there stays: a batch that is longer than what is left of the window is not read twice.
        var kept = position >= _start ? (int)Math.Max(0, _start + _length - position) : 0;
        var there = _buffer.Span.Slice(_length - kept, kept);
        if (length > _buffer.Length)
        {
            var larger = new SectorBuffer(length);
            there.CopyTo(larger.Span);
            _buffer = larger;
        }
        else
        {
            there.CopyTo(_buffer.Span);
        }

        _start = position;
        _length = kept + read(_buffer.Span[kept..], position + kept);
    }
}
