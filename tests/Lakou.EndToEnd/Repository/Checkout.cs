namespace Lakou.EndToEnd.Repository;

/// <summary>The files of the repository that these tests were built from.</summary>
internal static class Checkout
{
    public static string Root { get; } = Find(AppContext.BaseDirectory);

    /// <summary>Files that are ours: what is built or fetched is left out.</summary>
    public static IEnumerable<string> Files(params string[] extensions)
        => Directory.EnumerateFiles(Root, "*", SearchOption.AllDirectories)
            .Where(file => extensions.Contains(Path.GetExtension(file), StringComparer.Ordinal))
            .Where(file => !Relative(file).Split('/').Any(part => part is "artifacts" or "bin" or "obj" or ".git" or "node_modules"));

    public static string Relative(string file) => Path.GetRelativePath(Root, file).Replace('\\', '/');

    private static string Find(string from)
        => File.Exists(Path.Combine(from, "Lakou.slnx")) ? from : Find(Path.GetDirectoryName(from) ?? throw new InvalidOperationException("Lakou.slnx was not found above the tests."));
}
