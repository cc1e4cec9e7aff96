using Lakou.Core.Disk;

namespace Lakou.Log.Frames;

/// <summary>
/// Frames with dense offsets in files of a bounded size: what readers of a topic read. Not durable by itself: the journal holds what was not synced
/// yet. One thread appends; any may read. The newest frames are in memory until they fill a chunk, and until that is written.
/// </summary>
public sealed partial class FrameLog : IDisposable
{
    // What a reader of a few frames reads for each; longer ones are read with the next call.
    private const int UsualFrameBytes = 2 << 10;

    // Sealed segments whose files stay open.
    private const int OpenFiles = 4;

    private readonly Lock _gate = new();
    private readonly Lock _writeGate = new(); // never taken under the other
    private readonly Lock _syncGate = new();
    private readonly IDisk _disk;
    private readonly string _directory;
    private readonly long _segmentBytes;
    private readonly List<FrameSegment> _segments = [];
    private readonly List<FrameSegment> _open = [];
    private readonly FrameWriter? _writer;
    private readonly List<FrameChunk> _chunks = []; // by offset: those that were written and are kept for readers, those to be written, and the one that fills
    private readonly byte[] _lastSector = new byte[IDisk.SectorBytes];
    private int _written;
    private FrameChunk? _filling;
    private (FrameSegment? Segment, long Position) _lastSectorEnd;
    private ulong _end;
    private bool _areNamesNew;
    private bool _isSettled;
    private bool _isDisposed;
    private DiskException? _syncFailure;

    private FrameLog(IDisk disk, string directory, long segmentBytes, FrameWriter? writer)
        => (_disk, _directory, _segmentBytes, _writer) = (disk, directory, segmentBytes, writer);

    /// <summary>The first offset that may still be there.</summary>
    public ulong Start { get; private set; }

    /// <summary>Behind the last frame.</summary>
    public ulong End => Volatile.Read(ref _end);

    /// <summary>Of all frames.</summary>
    public long Bytes
    {
        get
        {
            lock (_gate)
            {
                return _segments.Sum(segment => segment.Length);
            }
        }
    }

    /// <summary>Whether frames wait in memory because the disk is full. <see cref="Flush"/> tries again.</summary>
    public bool IsStuck { get; private set; }

    /// <summary>The oldest frames that are only in memory.</summary>
    private FrameChunk? Unwritten => _written < _chunks.Count ? _chunks[_written] : null;

    private int Full => _chunks.Count - _written - (_filling is null ? 0 : 1);

    /// <summary>
    /// Appends frames behind the last, or with a gap where the offsets between are lost. When the disk is full they stay in memory: see <see cref="IsStuck"/>.
    /// </summary>
    /// <param name="frames">Whole and sealed, offsets one after the other. Those that are there already are passed over.</param>
    public void Append(ReadOnlySpan<byte> frames)
    {
        var full = 0;
        lock (_gate)
        {
            full -= Full;
            while (!frames.IsEmpty)
            {
                var frame = frames[..FrameHead.Length(frames)];
                AppendOne(frame);
                frames = frames[frame.Length..];
            }

            full += Full;
        }

        if (full > 0 && _writer?.TryAdd(this) != true)
        {
            WriteFull();
        }
    }

    /// <summary>Writes to files what is in memory, if it can.</summary>
    public void Flush()
    {
        lock (_writeGate)
        {
            lock (_gate)
            {
                Close();
            }

            WriteFull();
        }
    }

    /// <summary>All that was appended is durable when this returns.</summary>
    /// <exception cref="DiskException">It is not. Full: ask again. Else this log never says again that it is: what the system made of the bytes is not known.</exception>
    public void Sync()
    {
        lock (_syncGate)
        {
            if (_syncFailure is not null)
            {
                throw new DiskException(_syncFailure.Failure, _syncFailure.Message, _syncFailure);
            }

            List<FrameSegment> dirty;
            bool areNamesNew;
            lock (_writeGate)
            {
                Flush();
                lock (_gate)
                {
                    if (IsStuck)
                    {
                        throw new DiskException(DiskFailure.Full, $"cannot write {_directory}: no room");
                    }

                    dirty = [.. _segments.Where(segment => segment.IsDirty)];
                    dirty.ForEach(segment => segment.IsDirty = false);
                    (areNamesNew, _areNamesNew) = (_areNamesNew, false);
                }
            }

            try
            {
                lock (_writeGate)
                {
                    dirty.ForEach(segment => segment.WriteAgain());
                }

                dirty.ForEach(segment => segment.Sync());
                if (areNamesNew)
                {
                    _disk.SyncDirectory(_directory);
                }
            }
            catch (DiskException e)
            {
                _syncFailure = e;
                throw;
            }
        }
    }

    /// <summary>The offsets at which segments begin, oldest first, with the bytes of each: what retention may cut.</summary>
    public IReadOnlyList<(ulong First, long Bytes)> Segments()
    {
        lock (_gate)
        {
            return [.. _segments.Select(segment => (segment.First, segment.Length))];
        }
    }

    /// <summary>Frames before this one are not wanted any more; whole segments of them are deleted.</summary>
    public void CutBefore(ulong start)
    {
        List<FrameSegment> gone = [];
        lock (_gate)
        {
            Start = Math.Max(Start, start);
            while (_segments.Count > 1 && _segments[1].First <= Start)
            {
                gone.Add(_segments[0]);
                _open.Remove(_segments[0]);
                _segments.RemoveAt(0);
            }
        }

        foreach (var segment in gone)
        {
            segment.Delete();
        }
    }

    public void Dispose()
    {
        try
        {
            Flush();
        }
        catch (DiskException)
        {
            // The journal has what was not written.
        }

        lock (_gate)
        {
            _isDisposed = true;
            _segments.ForEach(segment => segment.Dispose());
        }
    }

    /// <summary>Writes the chunks that are full, in their order.</summary>
    internal void WriteFull()
    {
        lock (_writeGate)
        {
            while (NextFull() is { } chunk)
            {
                try
                {
                    chunk.Write();
                }
                catch (DiskException e) when (e.Failure is DiskFailure.Full or DiskFailure.ReadOnly)
                {
                    IsStuck = true;
                    return;
                }

                lock (_gate)
                {
                    _written++;
                    IsStuck = false;
                }

                if (_writer?.TryKeep(this, chunk) != true)
                {
                    Forget(chunk);
                }
            }
        }
    }

    /// <summary>A chunk that was written, the oldest there is, is read from its file from now on.</summary>
    internal void Forget(FrameChunk chunk)
    {
        lock (_gate)
        {
            _chunks.Remove(chunk);
            _written--;
        }

        chunk.Return(); // those who read it did so under the gate
    }

    private FrameChunk? NextFull()
    {
        lock (_gate)
        {
            return Full > 0 ? Unwritten : null;
        }
    }

    private void AppendOne(ReadOnlySpan<byte> frame)
    {
        var offset = FrameHead.Offset(frame);
        if (offset < _end)
        {
            return; // adopted before, or known from the snapshot
        }

        if (!_isSettled && offset == _end && TryKeep(frame))
        {
            return;
        }

        if (_segments.Count == 0 || offset != _end || _segments[^1].End != _end || _segments[^1].First > _end || (_segments[^1].Length + frame.Length > _segmentBytes && _segments[^1].First < offset))
        {
            Roll(offset);
        }

        var segment = _segments[^1];
        if (_filling?.TryAdd(frame) != true)
        {
            var isLong = _filling is not null;
            Close();
            _filling = new FrameChunk(segment, LastSectorOf(segment), isLong);
            _filling.TryAdd(frame);
            _chunks.Add(_filling);
        }

        segment.Index(offset, segment.Length);
        segment.Length += frame.Length;
        segment.End = offset + 1;
        Volatile.Write(ref _end, offset + 1);
    }

    /// <summary>Begins a segment. Those behind the end, and what stands behind the end in the last one, are of a life that was not committed.</summary>
    private void Roll(ulong first)
    {
        Close();
        DeleteFrom(first);
        if (_segments.Count > 0)
        {
            KeepOpen(_segments[^1]);
        }

        _segments.Add(FrameSegment.Begin(_disk, _directory, first));
        _areNamesNew = true;
    }

    private void DeleteFrom(ulong first)
    {
        while (_segments.Count > 0 && _segments[^1].First >= first)
        {
            var gone = _segments[^1];
            _segments.RemoveAt(_segments.Count - 1);
            _open.Remove(gone);
            gone.Delete();
            _areNamesNew = true; // one that came back after a loss of power would stand in the way of what is written instead
        }
    }

    /// <summary>Nothing more comes to the chunk that fills.</summary>
    private void Close()
    {
        if (_filling is not null)
        {
            _filling.LastSector.CopyTo(_lastSector);
            _lastSectorEnd = (_filling.Segment, _filling.Segment.Length);
            _filling = null;
        }
    }

    /// <summary>What stands at the end of a segment, back to the beginning of its sector.</summary>
    private ReadOnlySpan<byte> LastSectorOf(FrameSegment segment)
    {
        var bytes = _lastSector.AsSpan(0, (int)(segment.Length % IDisk.SectorBytes));
        if (!bytes.IsEmpty && _lastSectorEnd != (segment, segment.Length) && segment.Read(bytes, segment.Length - bytes.Length) < bytes.Length)
        {
            throw new DiskException(DiskFailure.Broken, $"cannot read {segment.Path}: it became shorter");
        }

        return bytes;
    }

    /// <summary>Sealed segments are opened when they are read, and the one that was opened first is closed again. What was not synced stays open.</summary>
    private void KeepOpen(FrameSegment segment)
    {
        if (segment == _segments[^1] || _open.Contains(segment))
        {
            return;
        }

        _open.Add(segment);
        while (_open.Count > OpenFiles && _open.FindIndex(0, _open.Count - 1, one => !one.IsDirty) is >= 0 and var at)
        {
            _open[at].Close();
            _open.RemoveAt(at);
        }
    }
}
