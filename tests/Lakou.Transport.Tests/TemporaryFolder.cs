namespace Lakou.Transport.Tests;

/// <summary>A folder that lives as long as its test; short, because a Unix socket's path may have 107 bytes.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    private readonly string _path = Directory.CreateTempSubdirectory("lakou").FullName;

    public string File(string name) => Path.Combine(_path, name);

    public void Dispose() => Directory.Delete(_path, recursive: true);
}
