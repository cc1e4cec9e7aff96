namespace Lakou.Core.Configuration;

/// <summary>A configuration file as a tree of nodes that know their places.</summary>
public sealed class ConfigDocument
{
    /// <summary>10,000 routes take 2 MiB; a larger file is a mistake.</summary>
    public const int LargestFile = 4 * 1024 * 1024;

    private ConfigDocument(string fileName, ConfigNode? root, IReadOnlyList<string> files) => (FileName, Root, Files) = (fileName, root, files);

    /// <summary>As the operator wrote it.</summary>
    public string FileName { get; }

    /// <summary>Null when the file could not be read as YAML: the problems say why. An empty file is an empty map.</summary>
    public ConfigNode? Root { get; }

    /// <summary>Absolute paths of the files that <c>${file:…}</c> named, missing ones included: a change of one may change the configuration.</summary>
    public IReadOnlyList<string> Files { get; }

    /// <summary>Reads and parses a file. Whatever is wrong becomes a problem; nothing is thrown.</summary>
    public static ConfigDocument Load(string fileName, ReferenceSource references, Problems problems) =>
        TextFile.TryRead(fileName, LargestFile, out var bytes, out var why)
            ? Parse(fileName, bytes, references, problems)
            : Unreadable(new Problem(fileName, 0, 0, "", why), problems);

    /// <inheritdoc cref="Load"/>
    /// <param name="bytes">UTF-8, with or without a byte order mark.</param>
    public static ConfigDocument Parse(string fileName, ReadOnlySpan<byte> bytes, ReferenceSource references, Problems problems)
    {
        var (text, why) = TextFile.Decode(bytes);
        return text is not null
            ? Parse(fileName, text, references, problems)
            : Unreadable(new Problem(fileName, 0, 0, "", why!), problems);
    }

    /// <inheritdoc cref="Load"/>
    /// <param name="fileName">Shown in problems.</param>
    /// <param name="directory">What <c>${file:…}</c> paths are relative to; the directory of the file when null.</param>
    public static ConfigDocument Parse(string fileName, string text, ReferenceSource references, Problems problems, string? directory = null)
    {
        if (text.Length > LargestFile)
        {
            return Unreadable(new Problem(fileName, 0, 0, "", $"larger than {Sizes.Format(LargestFile)}"), problems);
        }

        var expander = new ReferenceExpander(directory ?? Path.GetDirectoryName(Path.GetFullPath(fileName)) ?? "/", references);
        var root = new YamlReader(fileName, text.TrimStart('\uFEFF'), expander, problems).Read();
        return Remember(new ConfigDocument(fileName, root, expander.Files), problems);
    }

    /// <summary>The node at a path; null when nothing is written there.</summary>
    public ConfigNode? Find(string path) => Descend(path) is var (node, rest) && rest.Length == 0 ? node : null;

    /// <summary>The deepest written node on the way to a path; null when there is no tree.</summary>
    internal ConfigNode? FindNearest(string path) => Descend(path).Node;

    private static ConfigDocument Unreadable(Problem problem, Problems problems)
    {
        problems.Add(problem);
        return Remember(new ConfigDocument(problem.File, null, []), problems);
    }

    private static ConfigDocument Remember(ConfigDocument document, Problems problems)
    {
        problems.Document ??= document;
        return document;
    }

    private (ConfigNode? Node, string Left) Descend(string path)
    {
        var (node, rest) = (Root, path);
        while (rest.Length > 0 && Step(node, rest) is var (child, left) && child is not null)
        {
            (node, rest) = (child, left);
        }

        return (node, rest);
    }

    private static (ConfigNode? Child, string Left) Step(ConfigNode? node, string rest)
    {
        if (node is ConfigList list && rest.IndexOf(']', StringComparison.Ordinal) is var close and > 1
            && int.TryParse(rest.AsSpan(1, close - 1), out var index) && index >= 0 && index < list.Items.Count)
        {
            return (list.Items[index], rest[(close + 1)..]);
        }

        if (node is not ConfigMap map)
        {
            return default;
        }

        if (rest.StartsWith("[\"", StringComparison.Ordinal))
        {
            var entry = map.Entries.FirstOrDefault(e => rest.StartsWith(Place.WithKey("", e.Name), StringComparison.Ordinal));
            return entry.Value is null ? default : (entry.Value, rest[Place.WithKey("", entry.Name).Length..]);
        }

        // Keys may hold dots: the longest key that fits is taken.
        var keys = rest.StartsWith('.') ? rest[1..] : rest;
        for (var end = keys.Length; end > 0; end = keys.AsSpan(0, end).LastIndexOfAny('.', '['))
        {
            if (map.TryGet(keys[..end], out var child))
            {
                return (child, keys[end..]);
            }
        }

        return default;
    }
}
