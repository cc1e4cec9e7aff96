namespace Lakou.Core.Disk;

/// <summary>
/// A file system, as far as durable state needs one: every write, flush and rename that a store makes goes through here, so that a test can lose,
/// fail or cut each of them. All members may be called from any thread. Failures are <see cref="DiskException"/>.
/// </summary>
public interface IDisk
{
    /// <summary>Opens for reading and writing; made when it is missing and <paramref name="create"/> is set. A new name is durable only after <see cref="SyncDirectory"/>.</summary>
    IDiskFile Open(string path, bool create = false);

    /// <summary>
    /// The same past the page cache, where the file system can: for what is synced at once, or read once. Reads and writes are of whole sectors
    /// (<see cref="SectorBytes"/>), at one, into or out of a <see cref="SectorBuffer"/>; one thread at a time uses the file.
    /// </summary>
    IDiskFile OpenDirect(string path, bool create = false) => Open(path, create);

    /// <summary>The smallest of a disk.</summary>
    const int SectorBytes = 512;

    bool Exists(string path);

    /// <summary>Names (not paths) of the files in a directory, in ordinal order; none when there is no such directory.</summary>
    IReadOnlyList<string> Files(string directory);

    /// <summary>Names of the directories in a directory, likewise.</summary>
    IReadOnlyList<string> Directories(string directory);

    /// <summary>With all that are missing above it, each made durable.</summary>
    void CreateDirectory(string path);

    /// <summary>Replaces what is there. Durable only after <see cref="SyncDirectory"/>.</summary>
    void Rename(string from, string to);

    void Delete(string path);

    /// <summary>With all that is in it.</summary>
    void DeleteDirectory(string path);

    /// <summary>Makes names durable: those made, renamed and deleted in this directory until now.</summary>
    void SyncDirectory(string path);

    /// <summary>Keeps other processes out until it is disposed or this process ends, however it ends.</summary>
    /// <param name="path">A file, made for the purpose; it stays.</param>
    /// <returns>Null when another holds it.</returns>
    IDisposable? TryLock(string path);

    /// <summary>Bytes that may still be written, as the file system tells them.</summary>
    long FreeBytes(string directory);
}

/// <summary>An open file. Reads and writes at positions may overlap; nothing moves a cursor.</summary>
public interface IDiskFile : IDisposable
{
    string Path { get; }

    long Length { get; }

    /// <returns>Bytes read: fewer than asked for only at the end of the file.</returns>
    int Read(Span<byte> into, long at);

    /// <summary>All of it. Durable only after <see cref="Sync"/>.</summary>
    void Write(ReadOnlySpan<byte> bytes, long at);

    /// <summary>Cuts the file, or extends it with zeros that take no room yet.</summary>
    void SetLength(long length);

    /// <summary>
    /// What was written is on the device when this returns (fdatasync). When it fails nobody knows what is: the kernel may have dropped the pages, so
    /// trying again proves nothing, and the caller must stop.
    /// </summary>
    void Sync();
}

/// <summary>Why a disk refused.</summary>
public enum DiskFailure
{
    /// <summary>No room, or over a quota (ENOSPC, EDQUOT).</summary>
    Full,

    /// <summary>Mounted read-only (EROFS), or not ours to write (EACCES, EPERM).</summary>
    ReadOnly,

    /// <summary>Anything else: the device, the file system, a file that went away.</summary>
    Broken,
}

/// <summary>A failed operation of a disk; the message names the operation and the path.</summary>
public sealed class DiskException(DiskFailure failure, string message, Exception? inner = null) : IOException(message, inner)
{
    public DiskFailure Failure { get; } = failure;
}
