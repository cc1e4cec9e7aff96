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
    private bool _isGone;

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
    public bool IsScanned { get; set; }

    /// <summary>Written since its last sync.</summary>
    public bool IsDirty { get; set; }

    public static bool TryParseName(string name, out ulong first)
    {
        first = 0;
        return name.Length == 16 + Extension.Length && name.EndsWith(Extension, StringComparison.Ordinal)
            && ulong.TryParse(name.AsSpan(0, 16), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out first);
    }

    /// <summary>Begins the file anew.</summary>
    public void Create()
    {
        lock (_openGate)
        {
            _file = _disk.Open(Path, create: true);
            _file.SetLength(0);
        }

        IsScanned = true;
    }

    public void Write(ReadOnlySpan<byte> bytes, long at)
    {
        IsDirty = true;
        Opened().Write(bytes, at);
    }

    /// <returns>0 also when the segment was deleted meanwhile.</returns>
    public int Read(Span<byte> into, long at)
    {
        while (!_isGone)
        {
            try
            {
                return Opened().Read(into, at);
            }
            catch (ObjectDisposedException)
            {
                // Closed between the two, because others were read: opened once more.
            }
        }

        return 0;
    }

    public void Sync() => Opened().Sync();

    /// <summary>Cuts off what stands behind its last frame.</summary>
    public void Trim()
    {
        if (Opened().Length > Length)
        {
            Opened().SetLength(Length);
            IsDirty = true;
        }
    }

    public long FileLength() => Opened().Length;

    /// <summary>Notes a frame that is at a position.</summary>
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

    /// <summary>The first indexed position behind one: where to look for frames again after damage.</summary>
    public (ulong Offset, long Position)? After(long position)
    {
        lock (_index)
        {
            var at = _index.FindIndex(entry => entry.Position > position);
            return at < 0 ? null : _index[at];
        }
    }

    /// <summary>
    /// Reads the whole file, verifies heads and makes the index; bodies are verified when they are read. Behind a head that is wrong it looks for the next
    /// whole frame, byte by byte.
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

            using var window = new FileWindow(Opened());
            var length = Opened().Length;
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

            (End, Length, IsScanned) = (end, position, true);
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
    }

    /// <summary>Closes and deletes it.</summary>
    public void Delete()
    {
        _isGone = true;
        Close();
        _disk.Delete(Path);
    }

    public void Dispose() => Close();

    private static bool FindFrame(FileWindow window, long length, ref long position, ref ulong offset, ulong until)
    {
        for (var at = position + 1; at + FrameHead.Bytes <= length; at++)
        {
            var head = window.At(at, FrameHead.Bytes);
            if (FrameHead.IsRight(head) && FrameHead.Offset(head) is var found && found > offset && found < until && FrameHead.Length(head) <= length - at
                && FrameHead.IsWhole(window.At(at, FrameHead.Length(head))))
            {
                (position, offset) = (at, found);
                return true;
            }
        }

        return false;
    }

    private IDiskFile Opened()
    {
        lock (_openGate)
        {
            ObjectDisposedException.ThrowIf(_isGone, this);
            return _file ??= _disk.Open(Path);
        }
    }
}
