namespace Lakou.Log.Tests.Harness;

/// <summary>A file of a <see cref="SimulatedDisk"/>: its bytes as programs see them, those that a loss of power leaves, and the changes between the two.</summary>
internal sealed class SimulatedFile
{
    private const int Sector = 512;

    private readonly List<Change> _changes = [];
    private readonly HashSet<long> _sectors = []; // that take room
    private Bytes _seen = new();
    private Bytes _durable = new();

    public long Length => _seen.Length;

    public long Room => _sectors.Count * (long)Sector;

    public byte[] Contents() => _seen.Span.ToArray();

    public int Read(Span<byte> into, long at)
    {
        var count = (int)Math.Clamp(_seen.Length - at, 0, into.Length);
        _seen.Span.Slice((int)Math.Min(at, _seen.Length), count).CopyTo(into);
        return count;
    }

    /// <returns>False when there was no room for all of it: the beginning is there.</returns>
    public bool Write(ReadOnlySpan<byte> bytes, long at, long room)
    {
        for (var done = 0; done < bytes.Length;)
        {
            var sector = (at + done) / Sector;
            var part = bytes.Slice(done, (int)Math.Min(bytes.Length - done, ((sector + 1) * Sector) - at - done));
            if (!_sectors.Contains(sector) && (room -= Sector) < 0)
            {
                return false;
            }

            _sectors.Add(sector);
            _seen.Write(part, at + done);
            _changes.Add(new(at + done, part.ToArray()));
            done += part.Length;
        }

        return true;
    }

    public void SetLength(long length)
    {
        _seen.SetLength(length);
        _sectors.RemoveWhere(sector => sector * Sector >= length);
        _changes.Add(new(length, null));
    }

    public void Sync()
    {
        _changes.ForEach(change => change.Apply(_durable));
        _changes.Clear();
    }

    /// <summary>Some of what is to be written is, by chance.</summary>
    /// <param name="random">The chance.</param>
    /// <param name="isForgotten">The rest looks written and is not, until it is written again: what a kernel makes of pages that the device refused.</param>
    public void SyncSome(Random random, bool isForgotten)
    {
        foreach (var change in _changes)
        {
            if (random.Next(2) == 0)
            {
                change.Apply(_durable);
            }
        }

        if (isForgotten)
        {
            _changes.Clear();
        }
    }

    public void LosePower(Random? random)
    {
        foreach (var change in _changes)
        {
            switch (random?.Next(4))
            {
                case 0 or 1:
                    change.Apply(_durable);
                    break;
                case 2:
                    change.Extend(_durable); // the length without the bytes
                    break;
            }
        }

        _changes.Clear();
        _seen = _durable.Copy();
        _sectors.RemoveWhere(sector => sector * Sector >= _seen.Length);
    }

    public void Flip(long at, byte bits)
    {
        _seen.Span[(int)at] ^= bits;
        _durable.Span[(int)at] ^= bits;
    }

    public SimulatedFile Copy()
    {
        var copy = new SimulatedFile { _seen = _seen.Copy(), _durable = _durable.Copy() };
        copy._changes.AddRange(_changes);
        copy._sectors.UnionWith(_sectors);
        return copy;
    }

    /// <summary>Bytes of one sector, or without bytes a new length.</summary>
    private sealed record Change(long At, byte[]? Bytes)
    {
        public void Apply(Bytes file)
        {
            if (Bytes is null)
            {
                file.SetLength(At);
            }
            else
            {
                file.Write(Bytes, At);
            }
        }

        public void Extend(Bytes file)
        {
            if (Bytes is not null && At + Bytes.Length > file.Length)
            {
                file.SetLength(At + Bytes.Length);
            }
        }
    }

    private sealed class Bytes
    {
        private byte[] _all = [];

        public int Length { get; private set; }

        public Span<byte> Span => _all.AsSpan(0, Length);

        public void Write(ReadOnlySpan<byte> bytes, long at)
        {
            if (at + bytes.Length > Length)
            {
                SetLength(at + bytes.Length);
            }

            bytes.CopyTo(Span[(int)at..]);
        }

        public void SetLength(long length)
        {
            if (length > _all.Length)
            {
                Array.Resize(ref _all, (int)Math.Max(length, _all.Length * 2));
            }

            if (length < Length)
            {
                _all.AsSpan((int)length, Length - (int)length).Clear();
            }

            Length = (int)length;
        }

        public Bytes Copy() => new() { _all = Span.ToArray(), Length = Length };
    }
}
