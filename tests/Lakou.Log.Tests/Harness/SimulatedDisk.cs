using Lakou.Core.Disk;

namespace Lakou.Log.Tests.Harness;

/// <summary>What a store does to a disk, as far as it can go wrong.</summary>
internal enum DiskOperation
{
    MakeDirectory,
    Create,
    Write,
    SetLength,
    Sync,
    Rename,
    Delete,
    SyncDirectory,
}

/// <summary>The machine went off: this operation, and every one after it.</summary>
internal sealed class PowerLoss(string message) : IOException(message);

/// <summary>
/// A disk in memory that knows of each file and name what is written and what is durable. It loses, fails and cuts what it is told to, by a seed, and
/// always the same. One object is one life of a machine: <see cref="Crash"/> and <see cref="Kill"/> give the next one, and this one is dead, with all files
/// that are open.
/// </summary>
internal sealed class SimulatedDisk : IDisk
{
    private readonly Lock _gate = new();
    private readonly Dictionary<DiskOperation, int> _counts = [];
    private readonly Dictionary<int, DiskFailure> _failures = [];
    private readonly HashSet<string> _locks = [];
    private readonly SimulatedNames _names;
    private Random _random = new(1);
    private int _crashAt;
    private bool _isCrashInside;
    private bool _isDead;

    public SimulatedDisk()
        : this(new SimulatedNames())
    {
    }

    private SimulatedDisk(SimulatedNames names) => _names = names;

    /// <summary>Called before each operation, on the thread that does it: a test that waits here holds it up.</summary>
    public Action<DiskOperation, string>? Happening { get; set; }

    /// <summary>Room for all files, in bytes.</summary>
    public long Capacity { get; set; } = long.MaxValue;

    public bool IsReadOnly { get; set; }

    /// <summary>Says that it has synced, and has not: what a store may not do, in a form that needs no other store.</summary>
    public bool IsLying { get; set; }

    /// <summary>Operations so far, failed ones too.</summary>
    public int Operations { get; private set; }

    public int Count(DiskOperation operation)
    {
        lock (_gate)
        {
            return _counts.GetValueOrDefault(operation);
        }
    }

    /// <summary>The n-th operation of this life fails. A sync that fails leaves pages that are neither on the disk nor written by the next one.</summary>
    public void FailAt(int operation, DiskFailure failure) => _failures[operation] = failure;

    /// <summary>The power goes off at the n-th operation of this life: before it, or when a part of it is done.</summary>
    public void CrashAt(int operation, bool inside, Random random) => (_crashAt, _isCrashInside, _random) = (operation, inside, random);

    /// <summary>
    /// Loss of power. What was not synced survives or not, each sector of a write and each change of a name for itself.
    /// </summary>
    /// <param name="random">Decides; null: nothing survives.</param>
    /// <returns>The disk as the next life finds it.</returns>
    public SimulatedDisk Crash(Random? random)
    {
        lock (_gate)
        {
            _isDead = true;
            _names.LosePower(random);
            return new(_names) { Capacity = Capacity };
        }
    }

    /// <summary>The end of the process alone: all that was written is there, durable or not.</summary>
    public SimulatedDisk Kill()
    {
        lock (_gate)
        {
            _isDead = true;
            return new(_names) { Capacity = Capacity };
        }
    }

    /// <summary>The same disk once more, for another fate.</summary>
    public SimulatedDisk Copy()
    {
        lock (_gate)
        {
            return new(_names.Copy()) { Capacity = Capacity };
        }
    }

    /// <summary>All bytes of a file.</summary>
    public byte[] Contents(string path)
    {
        lock (_gate)
        {
            return _names.Find(path)!.Contents();
        }
    }

    /// <summary>Damages a file, durably.</summary>
    public void Flip(string path, long at, byte bits)
    {
        lock (_gate)
        {
            _names.Find(path)!.Flip(at, bits);
        }
    }

    /// <summary>Puts bytes in a file, durably.</summary>
    public void Place(string path, ReadOnlySpan<byte> bytes, long at)
    {
        lock (_gate)
        {
            var file = _names.Find(path)!;
            file.Write(bytes, at, long.MaxValue);
            file.Sync();
        }
    }

    /// <summary>Cuts a file, durably.</summary>
    public void Truncate(string path, long length)
    {
        lock (_gate)
        {
            var file = _names.Find(path)!;
            file.SetLength(length);
            file.Sync();
        }
    }

    public IDiskFile Open(string path, bool create = false) => Open(path, create, isDirect: false);

    public IDiskFile OpenDirect(string path, bool create = false) => Open(path, create, isDirect: true);

    private Handle Open(string path, bool create, bool isDirect)
    {
        lock (_gate)
        {
            ThrowIfDead();
            if (_names.Find(path) is { } there)
            {
                return new Handle(this, path, there, isDirect);
            }
        }

        if (!create)
        {
            throw new DiskException(DiskFailure.Broken, $"cannot open {path}: no such file");
        }

        return Do(DiskOperation.Create, path, () => new Handle(this, path, _names.Create(path), isDirect));
    }

    public bool Exists(string path)
    {
        lock (_gate)
        {
            ThrowIfDead();
            return _names.Find(path) is not null;
        }
    }

    public IReadOnlyList<string> Files(string directory)
    {
        lock (_gate)
        {
            ThrowIfDead();
            return _names.Files(directory);
        }
    }

    public IReadOnlyList<string> Directories(string directory)
    {
        lock (_gate)
        {
            ThrowIfDead();
            return _names.Directories(directory);
        }
    }

    /// <summary>In the steps of the real one: the name, and its parent made durable; that also when it is there already.</summary>
    public void CreateDirectory(string path)
    {
        if (Path.GetDirectoryName(path) is not { Length: > 0 } parent)
        {
            return;
        }

        bool isThere;
        lock (_gate)
        {
            isThere = _names.HasDirectory(path);
        }

        if (!isThere)
        {
            CreateDirectory(parent);
            Do(DiskOperation.MakeDirectory, path, () => _names.MakeDirectory(path));
        }

        SyncDirectory(parent);
    }

    public void Rename(string from, string to) => Do(DiskOperation.Rename, from, () => _names.Rename(from, to));

    public void Delete(string path) => Do(DiskOperation.Delete, path, () => _names.Delete(path));

    public void DeleteDirectory(string path) => Do(DiskOperation.Delete, path, () => _names.DeleteDirectory(path));

    public void SyncDirectory(string path) => Do(DiskOperation.SyncDirectory, path, () =>
    {
        if (!IsLying)
        {
            _names.Sync(path);
        }
    });

    public IDisposable? TryLock(string path)
    {
        lock (_gate)
        {
            ThrowIfDead();
            return _locks.Add(path) ? new Held(this, path) : null;
        }
    }

    public long FreeBytes(string directory)
    {
        lock (_gate)
        {
            return Capacity - _names.Bytes;
        }
    }

    private void Do(DiskOperation operation, string path, Action action) => Do(operation, path, () =>
    {
        action();
        return true;
    });

    /// <param name="part">What is done of it when the power goes off inside; null: all.</param>
    /// <param name="failing">What it leaves behind when it fails.</param>
    private T Do<T>(DiskOperation operation, string path, Func<T> action, Action? part = null, Action? failing = null)
    {
        Happening?.Invoke(operation, path);
        lock (_gate)
        {
            ThrowIfDead();
            Operations++;
            _counts[operation] = _counts.GetValueOrDefault(operation) + 1;
            if (Operations == _crashAt)
            {
                _isDead = true;
                if (_isCrashInside)
                {
                    (part ?? (() => action())).Invoke();
                }

                throw new PowerLoss($"power lost at operation {Operations}: {operation} {path}");
            }

            if (_failures.TryGetValue(Operations, out var failure))
            {
                failing?.Invoke();
                throw new DiskException(failure, $"cannot {operation} {path}: {failure}");
            }

            // What is synced may be on a disk that was made read-only since.
            if (IsReadOnly && operation is not (DiskOperation.Sync or DiskOperation.SyncDirectory))
            {
                throw new DiskException(DiskFailure.ReadOnly, $"cannot {operation} {path}: read-only");
            }

            return action();
        }
    }

    private void ThrowIfDead()
    {
        if (_isDead)
        {
            throw new PowerLoss("this life of the machine is over");
        }
    }

    private sealed class Held(SimulatedDisk disk, string path) : IDisposable
    {
        public void Dispose()
        {
            lock (disk._gate)
            {
                disk._locks.Remove(path);
            }
        }
    }

    private sealed class Handle(SimulatedDisk disk, string path, SimulatedFile file, bool isDirect) : IDiskFile
    {
        private bool _isClosed;

        public string Path => path;

        public long Length
        {
            get
            {
                lock (disk._gate)
                {
                    ThrowIfClosed();
                    return file.Length;
                }
            }
        }

        public int Read(Span<byte> into, long at)
        {
            lock (disk._gate)
            {
                ThrowIfClosed();
                disk.ThrowIfDead();
                return file.Read(into, at);
            }
        }

        public void Write(ReadOnlySpan<byte> bytes, long at)
        {
            if (isDirect && (bytes.Length % IDisk.SectorBytes != 0 || at % IDisk.SectorBytes != 0))
            {
                throw new InvalidOperationException($"{bytes.Length} bytes at {at} of {path} are no whole sectors");
            }

            var whole = bytes.ToArray();
            disk.Do(DiskOperation.Write, path, () => WriteAll(whole, at), () => file.Write(whole.AsSpan(0, disk._random.Next(whole.Length)), at, long.MaxValue));
        }

        public void SetLength(long length) => disk.Do(DiskOperation.SetLength, path, () =>
        {
            ThrowIfClosed();
            file.SetLength(length);
        });

        public void Sync() => disk.Do(
            DiskOperation.Sync,
            path,
            () =>
            {
                ThrowIfClosed();
                if (!disk.IsLying)
                {
                    file.Sync();
                }

                return true;
            },
            () => file.SyncSome(disk._random, isForgotten: false),
            () => file.SyncSome(disk._random, isForgotten: true));

        public void Dispose()
        {
            lock (disk._gate)
            {
                _isClosed = true;
            }
        }

        private bool WriteAll(byte[] bytes, long at)
        {
            ThrowIfClosed();
            return file.Write(bytes, at, disk.Capacity - disk._names.Bytes) ? true : throw new DiskException(DiskFailure.Full, $"cannot write {path}: no room");
        }

        private void ThrowIfClosed() => ObjectDisposedException.ThrowIf(_isClosed, this);
    }
}
