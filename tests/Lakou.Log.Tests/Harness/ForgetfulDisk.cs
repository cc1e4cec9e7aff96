using Lakou.Core.Disk;

namespace Lakou.Log.Tests.Harness;

/// <summary>A disk that takes all and keeps nothing, and costs nothing: for what is measured beside it.</summary>
internal sealed class ForgetfulDisk : IDisk
{
    public IDiskFile Open(string path, bool create = false) => new Nothing(path);

    public bool Exists(string path) => false;

    public IReadOnlyList<string> Files(string directory) => [];

    public IReadOnlyList<string> Directories(string directory) => [];

    public void CreateDirectory(string path)
    {
    }

    public void Rename(string from, string to)
    {
    }

    public void Delete(string path)
    {
    }

    public void DeleteDirectory(string path)
    {
    }

    public void SyncDirectory(string path)
    {
    }

    public IDisposable? TryLock(string path) => null;

    public long FreeBytes(string directory) => long.MaxValue;

    private sealed class Nothing(string path) : IDiskFile
    {
        public string Path => path;

        public long Length => 0;

        public int Read(Span<byte> into, long at) => 0;

        public void Write(ReadOnlySpan<byte> bytes, long at)
        {
        }

        public void SetLength(long length)
        {
        }

        public void Sync()
        {
        }

        public void Dispose()
        {
        }
    }
}
