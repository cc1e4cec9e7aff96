using System.Globalization;
using Lakou.Core.Disk;
using Lakou.Log.Recovery;

namespace Lakou.Log.Frames;

/// <summary>
/// One file of a <see cref="FrameLog"/>: frames one behind the other, named after the first offset. Its sparse index, an entry each
/// <see cref="IndexStep"/> bytes, is made while it is written, or at the first read after a restart.
/// </summary>
internal sealed class FrameSegment : IDisposable
{
    public const string Extension = ".events";

    /// <summary>How far apart entries of the index are: what a read may have to pass over.</summary>
    public const int IndexStep = 32 << 10;

    private readonly IDisk _disk;
    private readonly Lock _openGate = new();
    private readonly Lock _scanGate = new();
    private readonly List<(ulong Offset, long Position)> _index = [];
    private IDiskFile? _file;
    private IDiskFile? _written; // the same file, past the page cache
    private (long From, long To) _doubted;
    private bool _isNew;
    private volatile bool _isGone;
    private volatile bool _isScanned;

    public FrameSegment(IDisk disk, string directory, ulong first)
    {
        (_disk, First, End) = (disk, first, first);
        Path = System.IO.Path.Combine(directory, first.ToString("x16", CultureInfo.InvariantCulture) + Extension);
    }

    public string Path { get; }

    public ulong First { get; }

    /// <summary>Behind its last frame. Of a segment that was not scanned: as the log knows it.</summary>
    public ulong End { get; set; }

    /// <summary>Bytes of its frames.</summary>
    public long Length { get; set; }

    /// <summary>Whether <see cref="Length"/> and the index are known.</summary>
    public bool IsScanned => _isScanned;

    /// <summary>Whether there is nothing to be read here any more.</summary>
    public bool IsGone => _isGone;

    /// <summary>Written since its last sync.</summary>
    public bool IsDirty { get; set; }

    public static bool TryParseName(string name, out ulong first)
    {
        first = 0;
        return name.Length == 16 + Extension.Length && name.EndsWith(Extension, StringComparison.Ordinal)
            && ulong.TryParse(name.AsSpan(0, 16), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out first);
    }

    /// <summary>A segment whose file is made when something is written to it.</summary>
    public static FrameSegment Begin(IDisk disk, string directory, ulong first) => new(disk, directory, first) { _isNew = true, _isScanned = true };

    /// <param name="bytes">Whole sectors, of a <see cref="SectorBuffer"/>.</param>
    /// <param name="at">A sector.</param>
    public void Write(ReadOnlySpan<byte> bytes, long at)
    {
        while (OpenedToWrite() is { } file)
        {
            try
            {
                IsDirty = true;
                file.Write(bytes, at);
                return;
            }
            catch (ObjectDisposedException)
            {
                // Closed between the two, because it was synced: opened once more.
            }
        }
    }

    /// <returns>0 also when the segment is gone.</returns>
    public int Read(Span<byte> into, long at)
    {
        while (Opened() is { } file)
        {
            try
            {
                return file.Read(into, at);
            }
            catch (ObjectDisposedException)
            {
                // Closed between the two, because others were read: opened once more.
            }
        }

        return 0;
    }

    public void Sync()
    {
        while (Opened() is { } file)
        {
            try
            {
                file.Sync();
                CloseWritten(); // most are not written again soon
                return;
            }
            catch (ObjectDisposedException)
            {
                // As above. A sync of a file that was opened anew is for all that was written to it.
            }
        }
    }

    /// <summary>
    /// A life before wrote these bytes, and whether they were synced is not known: after a sync that failed the kernel shows pages that it does not write, until somebody writes them
    /// again. <see cref="WriteAgain"/> does.
    /// </summary>
    public void Doubt(long from, long to)
    {
        IsDirty = true;
        _doubted = (_doubted.To == 0 ? from : Math.Min(_doubted.From, from), Math.Max(_doubted.To, to));
    }

    /// <summary>Cuts off what stands behind its last frame.</summary>
    public void Trim()
    {
        if (!_isNew && FileLength() > Length)
        {
            Opened()?.SetLength(Length);
            IsDirty = true;
        }
    }

    /// <summary>Writes once more what is in doubt, through the page cache that shows it; not beside a <see cref="Write"/>.</summary>
    public void WriteAgain()
    {
        var buffer = new byte[Math.Min(64 << 10, _doubted.To - _doubted.From)];
        while (_doubted.From < _doubted.To && Opened() is { } file)
        {
            try
            {
                var count = file.Read(buffer.AsSpan(0, (int)Math.Min(buffer.Length, _doubted.To - _doubted.From)), _doubted.From);
                file.Write(buffer.AsSpan(0, count), _doubted.From);
                _doubted.From = count == 0 ? _doubted.To : _doubted.From + count;
            }
            catch (ObjectDisposedException)
            {
                // As above.
            }
        }

        _doubted = default;
    }

    /// <returns>0 also when the segment is gone.</returns>
    public long FileLength()
    {
        while (Opened() is { } file)
        {
            try
            {
                return file.Length;
            }
            catch (ObjectDisposedException)
            {
                // As above.
            }
        }

        return 0;
    }

    /// <summary>Notes a frame that is at a position.</summary>
    /// <param name="offset">Of the frame.</param>
    /// <param name="position">Of its first byte.</param>
    /// <param name="isStep">Only when the last entry is far enough.</param>
    public void Index(ulong offset, long position, bool isStep = true)
    {
        lock (_index)
        {
            if (!isStep || _index.Count == 0 || position - _index[^1].Position >= IndexStep)
            {
                _index.Add((offset, position));
            }
        }
    }

    /// <summary>Notes a frame among those that are noted already.</summary>
    public void Insert(ulong offset, long position)
    {
        lock (_index)
        {
            if (_index.BinarySearch((offset, position)) is < 0 and var at)
            {
                _index.Insert(~at, (offset, position));
            }
        }
    }

    /// <summary>A position at or before the frame with this offset.</summary>
    public (ulong Offset, long Position) Find(ulong offset)
    {
        lock (_index)
        {
            var at = _index.BinarySearch((offset, long.MaxValue));
            at = at >= 0 ? at : ~at - 1;
            return at < 0 ? (First, 0) : _index[at];
        }
    }

    /// <summary>
    /// Reads the whole file, verifies heads and makes the index; bodies are verified when they are read. Behind a head that is wrong it looks for the next
    /// whole frame.
    /// </summary>
    /// <param name="until">Frames from this offset on are left out.</param>
    public void Scan(ulong until)
    {
        lock (_scanGate)
        {
            lock (_index)
            {
                _index.Clear();
            }

            var window = new FileWindow(Read);
            var length = FileLength();
            var (position, offset, end) = (0L, First, First);
            while (offset < until && position < length)
            {
                var head = window.At(position, FrameHead.Bytes);
                if (!FrameHead.IsRight(head) || FrameHead.Offset(head) != offset || FrameHead.Length(head) > length - position)
                {
                    if (!FindFrame(window, length, ref position, ref offset, until))
                    {
                        break;
                    }

                    Index(offset, position, isStep: false);
                    continue;
                }

                Index(offset, position);
                position += FrameHead.Length(head);
                end = ++offset;
            }

            (End, Length) = (end, position);
            _isScanned = !_isGone;
        }
    }

    /// <summary>Scans it unless that was done.</summary>
    public void ScanOnce(ulong until)
    {
        lock (_scanGate)
        {
            if (!IsScanned)
            {
                Scan(until);
            }
        }
    }

    /// <summary>Closes the file; it is opened again when it is read.</summary>
    public void Close()
    {
        lock (_openGate)
        {
            _file?.Dispose();
            _file = null;
        }

        CloseWritten();
    }

    /// <summary>Closes and deletes it.</summary>
    public void Delete()
    {
        Dispose();
        _disk.Delete(Path);
    }

    public void Dispose()
    {
        _isGone = true;
        Close();
    }

    /// <summary>
    /// The next whole frame behind a head that is wrong. Where that head says, if its length is still right: the bytes of an event may look like a frame. Else
    /// byte by byte.
    /// </summary>
    /// <param name="length">Of the file.</param>
    /// <param name="position">Of the wrong head; then of the frame.</param>
    /// <param name="offset">That the wrong head should have; then of the frame.</param>
    /// <param name="until">Frames from this offset on are none.</param>
    public static bool FindFrame(FileWindow window, long length, ref long position, ref ulong offset, ulong until)
    {
        var head = window.At(position, FrameHead.Bytes);
        if (head.Length == FrameHead.Bytes && FrameHead.BodyLength(head) is >= 0 and var body && offset + 1 < until
            && IsFrame(window, position + FrameHead.Bytes + body, length, out var following) && following == offset + 1)
        {
            (position, offset) = (position + FrameHead.Bytes + body, following);
            return true;
        }

        for (var at = position + 1; at + FrameHead.Bytes <= length; at++)
        {
            if (IsFrame(window, at, length, out var found) && found > offset && found < until)
            {
                (position, offset) = (at, found);
                return true;
            }
        }

        return false;
    }

    private static bool IsFrame(FileWindow window, long at, long length, out ulong offset)
    {
        offset = 0;
        if (at + FrameHead.Bytes > length || window.At(at, FrameHead.Bytes) is var head && (!FrameHead.IsRight(head) || FrameHead.Length(head) > length - at))
        {
            return false;
        }

        offset = FrameHead.Offset(head);
        return FrameHead.IsWhole(window.At(at, FrameHead.Length(head)));
    }

    private void CloseWritten()
    {
        lock (_openGate)
        {
            _written?.Dispose();
            _written = null;
        }
    }

    private IDiskFile? Opened()
    {
        lock (_openGate)
        {
            return _isGone ? null : _file ??= _disk.Open(Path);
        }
    }

    private IDiskFile? OpenedToWrite()
    {
        lock (_openGate)
        {
            if (_isGone)
            {
                return null;
            }

            _written ??= _disk.OpenDirect(Path, create: _isNew);
            if (_isNew)
            {
                _written.SetLength(0); // of a life that was not committed
                _isNew = false;
            }

            return _written;
        }
    }
}
