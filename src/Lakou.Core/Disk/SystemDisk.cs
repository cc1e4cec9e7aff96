using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Lakou.Core.Disk;

/// <summary>The disk of this machine.</summary>
public sealed class SystemDisk : IDisk
{
    public static readonly SystemDisk Instance = new();

    private const int ReadWrite = 2; // O_RDWR
    private const int Create = 0x40; // O_CREAT
    private const int CloseOnExec = 0x80000; // O_CLOEXEC
    private const int OwnerWrites = 0x1a4; // rw-r--r--
    private const int Invalid = 22; // EINVAL
    private const int NoSpace = 28; // ENOSPC
    private const int OverQuota = 122; // EDQUOT
    private const int ReadOnlyFileSystem = 30; // EROFS
    private const int NotPermitted = 1; // EPERM
    private const int NoAccess = 13; // EACCES
    private const int WouldBlock = 11; // EWOULDBLOCK
    private const int Interrupted = 4; // EINTR

    // O_DIRECT, which every architecture has elsewhere.
    private static readonly int s_direct = RuntimeInformation.ProcessArchitecture is Architecture.Arm64 or Architecture.Arm ? 0x10000 : 0x4000;

    private SystemDisk()
    {
    }

    public IDiskFile Open(string path, bool create = false) => new SystemFile(path, OpenCached(path, create), isDirect: false);

    public IDiskFile OpenDirect(string path, bool create = false)
    {
        if (!OperatingSystem.IsLinux())
        {
            return Open(path, create);
        }

        var file = Native.Open(path, ReadWrite | CloseOnExec | s_direct | (create ? Create : 0), OwnerWrites);
        if (!file.IsInvalid)
        {
            return new SystemFile(path, file, isDirect: true);
        }

        var error = Marshal.GetLastPInvokeError();
        file.Dispose();
        return error == Invalid ? Open(path, create) : throw Failed("open", path, error);
    }

    public bool Exists(string path) => File.Exists(path);

    public IReadOnlyList<string> Files(string directory) => Try("list", directory, () => Names(directory, Directory.EnumerateFiles));

    public IReadOnlyList<string> Directories(string directory) => Try("list", directory, () => Names(directory, Directory.EnumerateDirectories));

    public void CreateDirectory(string path)
    {
        if (Path.GetDirectoryName(Path.GetFullPath(path)) is not { } parent)
        {
            return;
        }

        if (!Directory.Exists(path))
        {
            CreateDirectory(parent);
            Try("make directory", path, () => Directory.CreateDirectory(path));
            SyncDirectory(parent);
            return;
        }

        try
        {
            SyncDirectory(parent); // it may have been made by a process that ended before it came to this
        }
        catch (DiskException e) when (e.Failure == DiskFailure.ReadOnly)
        {
            // Not ours to read: made by somebody else, and not just now.
        }
    }

    public void Rename(string from, string to) => Try("rename", from, () => File.Move(from, to, overwrite: true));

    public void Delete(string path) => Try("delete", path, () => File.Delete(path));

    public void DeleteDirectory(string path) => Try("delete", path, () => Directory.Delete(path, recursive: true));

    public void SyncDirectory(string path)
    {
        if (!OperatingSystem.IsLinux())
        {
            return; // other systems have no way, or no need
        }

        using var directory = Native.Open(path, CloseOnExec, 0); // O_RDONLY is 0
        if (directory.IsInvalid)
        {
            throw Failed("sync directory", path, Marshal.GetLastPInvokeError());
        }

        Sync("sync directory", path, directory, Native.FSync);
    }

    public IDisposable? TryLock(string path)
    {
        try
        {
            return File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None); // flock, advisory
        }
        catch (UnauthorizedAccessException e)
        {
            throw Failed("lock", path, NoAccess, e);
        }
        catch (IOException e) when (e.HResult == WouldBlock)
        {
            return null;
        }
        catch (IOException e)
        {
            throw Failed("lock", path, e.HResult, e);
        }
    }

    public long FreeBytes(string directory) => Try("ask for free space", directory, () => new DriveInfo(Path.GetFullPath(directory)).AvailableFreeSpace);

    private static SafeFileHandle OpenCached(string path, bool create) => Try("open", path, () =>
        File.OpenHandle(path, create ? FileMode.OpenOrCreate : FileMode.Open, FileAccess.ReadWrite, FileShare.Read));

    private static void Sync(string operation, string path, SafeFileHandle handle, Func<SafeFileHandle, int> sync)
    {
        while (sync(handle) != 0)
        {
            if (Marshal.GetLastPInvokeError() is not Interrupted and var error)
            {
                throw Failed(operation, path, error);
            }
        }
    }

    private static DiskException Failed(string operation, string path, int error, Exception? inner = null) => new(
        error switch
        {
            NoSpace or OverQuota => DiskFailure.Full,
            ReadOnlyFileSystem or NotPermitted or NoAccess => DiskFailure.ReadOnly,
            _ => DiskFailure.Broken,
        },
        $"cannot {operation} {path}: {(inner is null || error > 0 ? Marshal.GetPInvokeErrorMessage(error) : inner.Message)}", // the runtime's has the path once more
        inner);

    private static T Try<T>(string operation, string path, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (UnauthorizedAccessException e)
        {
            throw Failed(operation, path, NoAccess, e);
        }
        catch (IOException e)
        {
            throw Failed(operation, path, e.HResult, e); // on Unix the runtime puts errno there
        }
    }

    private static void Try(string operation, string path, Action action) => Try(operation, path, () =>
    {
        action();
        return true;
    });

    private static List<string> Names(string directory, Func<string, IEnumerable<string>> list)
    {
        if (!Directory.Exists(directory))
        {
            return [];
        }

        List<string> names = [.. list(directory).Select(path => Path.GetFileName(path))];
        names.Sort(StringComparer.Ordinal);
        return names;
    }

    private sealed class SystemFile(string path, SafeFileHandle handle, bool isDirect) : IDiskFile
    {
        private SafeFileHandle _handle = handle;
        private bool _isDirect = isDirect;

        public string Path => path;

        public long Length => RandomAccess.GetLength(_handle);

        public int Read(Span<byte> into, long at)
        {
            var total = 0;
            try
            {
                while (total < into.Length && RandomAccess.Read(_handle, into[total..], at + total) is > 0 and var count)
                {
                    total += count;
                    if (_isDirect && count % IDisk.SectorBytes != 0)
                    {
                        break; // the end of the file
                    }
                }
            }
            catch (IOException e) when (IsRefused(e))
            {
                OpenCached();
                return total + Read(into[total..], at + total);
            }
            catch (IOException e)
            {
                throw Failed("read", path, e.HResult, e);
            }

            return total;
        }

        public void Write(ReadOnlySpan<byte> bytes, long at)
        {
            try
            {
                RandomAccess.Write(_handle, bytes, at);
            }
            catch (IOException e) when (IsRefused(e))
            {
                OpenCached();
                Write(bytes, at);
            }
            catch (IOException e)
            {
                throw Failed("write", path, e.HResult, e);
            }
        }

        public void SetLength(long length)
        {
            try
            {
                RandomAccess.SetLength(_handle, length);
            }
            catch (IOException e)
            {
                throw Failed("resize", path, e.HResult, e);
            }
        }

        public void Sync()
        {
            if (!OperatingSystem.IsLinux())
            {
                RandomAccess.FlushToDisk(_handle);
            }
            else
            {
                SystemDisk.Sync("sync", path, _handle, Native.FDataSync);
            }
        }

        public void Dispose() => _handle.Dispose();

        /// <summary>Its sectors are larger, or the file system cannot do it here: through the page cache, then.</summary>
        private bool IsRefused(IOException e) => _isDirect && e.HResult == Invalid;

        private void OpenCached()
        {
            _handle.Dispose();
            (_handle, _isDirect) = (SystemDisk.OpenCached(path, create: false), false);
        }
    }

    /// <summary>What the runtime does not offer: a flush without the times of a file, and one of a directory. By DllImport: generated imports need unsafe code.</summary>
#pragma warning disable SYSLIB1054
    private static class Native
    {
        [DllImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
        [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
        public static extern int FDataSync(SafeFileHandle file);

        [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
        [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
        public static extern int FSync(SafeFileHandle file);

        [DllImport("libc", EntryPoint = "open", SetLastError = true)]
        [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
        public static extern SafeFileHandle Open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags, int mode);
    }
#pragma warning restore SYSLIB1054
}
