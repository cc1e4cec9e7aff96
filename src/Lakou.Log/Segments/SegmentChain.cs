using Lakou.Core.Disk;
using Lakou.Core.Time;

namespace Lakou.Log.Segments;

/// <summary>
/// The files of a journal, as its writer sees them: one that it writes, and one prepared to follow, filled with zeros and synced, so that a commit changes
/// no metadata and needs no room that is not there already. One thread at a time, but for
/// <see cref="Prepare"/>.
/// </summary>
internal sealed class SegmentChain : IDisposable
{
    private readonly Lock _prepareGate = new();
    private readonly IDisk _disk;
    private readonly JournalOptions _options;
    private readonly TimeProvider _time;
    private readonly ulong _identity;
    private IDiskFile? _file;
    private long _position;
    private long _capacity;
    private volatile bool _hasSpare;

    /// <param name="disk">Where.</param>
    /// <param name="options">Directory and size.</param>
    /// <param name="time">For the heads of segments.</param>
    /// <param name="identity">Of this journal.</param>
    /// <param name="tail">Where to go on; null to begin a segment with the first batch.</param>
    public SegmentChain(IDisk disk, JournalOptions options, TimeProvider time, ulong identity, (string Name, long Position)? tail)
    {
        (_disk, _options, _time, _identity) = (disk, options, time, identity);
        if (tail is { } end)
        {
            _file = disk.Open(Path.Combine(options.Directory, end.Name));
            (_position, _capacity) = (end.Position, _file.Length);
        }
    }

    /// <summary>Whether the file to follow is ready.</summary>
    public bool HasSpare => _hasSpare;

    /// <summary>Bytes left in the file that is written.</summary>
    public long Left => _capacity - _position;

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

            using (var file = _disk.Open(SparePath, create: true))
            {
                try
                {
                    Fill(file, 0, _options.SegmentBytes);
                    file.Sync();
                }
                catch (DiskException)
                {
                    file.SetLength(0); // gives back the room for those who can use it
                    throw;
                }
            }

            _disk.SyncDirectory(_options.Directory);
            _hasSpare = true;
        }
    }

    /// <summary>Zeros after the last batch: nothing that was torn is found there later.</summary>
    public void Clear(long bytes)
    {
        if (bytes > 0)
        {
            Fill(_file!, _position, bytes);
            _file!.Sync();
        }
    }

    /// <summary>Puts a sealed batch, padded to its alignment, behind the last one.</summary>
    public void Write(ReadOnlySpan<byte> batch, in BatchHead head, uint previous)
    {
        if (_file is null || _position + batch.Length > _capacity)
        {
            Begin(head, previous);
        }

        _file!.Write(batch, _position);
        _position += batch.Length;
    }

    public void Sync() => _file!.Sync();

    public void Dispose() => _file?.Dispose();

    private static void Fill(IDiskFile file, long from, long bytes)
    {
        Span<byte> zeros = new byte[Math.Min(bytes, 1 << 20)];
        for (var left = bytes; left > 0; left -= zeros.Length)
        {
            zeros = zeros[..(int)Math.Min(left, zeros.Length)];
            file.Write(zeros, from + bytes - left);
        }
    }

    private void Begin(in BatchHead head, uint previous)
    {
        // What was there must be durable before anything of the new segment is: a crash may leave either, not the second alone.
        _file?.Sync();
        _file?.Dispose();
        _file = null;

        var name = SegmentFormat.NameOf(head.FirstLsn);
        var path = Path.Combine(_options.Directory, name);
        Span<byte> bytes = stackalloc byte[SegmentFormat.HeadBytes];
        SegmentFormat.Write(bytes, new(_identity, head.FirstLsn, head.Epoch, _time.GetMicroseconds(), _options.SegmentBytes, previous));
        Prepare();
        using (var spare = _disk.Open(SparePath))
        {
            spare.Write(bytes, 0);
        }

        _disk.Rename(SparePath, path);
        _hasSpare = false;
        _disk.SyncDirectory(_options.Directory);
        _file = _disk.Open(path);
        (_position, _capacity) = (SegmentFormat.HeadBytes, _options.SegmentBytes);
    }
}
