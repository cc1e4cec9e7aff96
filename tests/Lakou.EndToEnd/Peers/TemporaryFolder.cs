namespace Lakou.EndToEnd.Peers;

internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("lakou-").FullName;

    /// <summary>Replaced whole, as editors and deployments do.</summary>
    public string Write(string name, string text)
    {
        var target = System.IO.Path.Combine(Path, name);
        File.WriteAllText(target + ".new", text);
        File.Move(target + ".new", target, overwrite: true);
        return target;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
