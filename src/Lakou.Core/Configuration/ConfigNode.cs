namespace Lakou.Core.Configuration;

/// <summary>What kinds of node a shape can read.</summary>
[Flags]
public enum NodeKinds
{
    None = 0,
    Scalar = 1,
    Map = 2,
    List = 4,

    /// <summary>A key without a value, <c>~</c> or <c>null</c>.</summary>
    Nothing = 8,
}

/// <summary>One value of a configuration file: a scalar, a map or a list. Immutable once its document is parsed.</summary>
public abstract class ConfigNode
{
    private protected ConfigNode(Place place) => Place = place;

    internal Place Place { get; }

    public string File => Place.File;

    /// <summary>From 1. A value that an alias repeats keeps the line on which it was written.</summary>
    public int Line => Place.Line;

    /// <summary>From 1, in UTF-16 units.</summary>
    public int Column => Place.Column;

    /// <summary><c>upstreams.orders.endpoints[1].url</c>; empty for the root. Made when asked for.</summary>
    public string Path => Place.Path;

    public abstract NodeKinds Kind { get; }

    /// <summary>
    /// SHA-256 (hexadecimal) over the expanded content: equal for values that mean the same, so what did not change can keep its state.
    /// The order of a map does not matter, that of a list does; places and styles of writing do not.
    /// </summary>
    public string Fingerprint() => Configuration.Fingerprint.Of(this);

    /// <summary>How a message speaks of this value: <c>'abc'</c>, <c>a map</c>.</summary>
    internal abstract string Description { get; }

    /// <summary>The same value at another place: what an alias stands for.</summary>
    internal abstract ConfigNode CopyTo(Place place, Action<Place> count);

    /// <summary>The same value with every text hidden from messages.</summary>
    internal abstract ConfigNode Masked();
}

/// <summary>Where a node stands in its file and in the tree.</summary>
/// <param name="Key">The key in a parent that is a map; null when it is a list.</param>
/// <param name="Index">The index in a parent that is a list.</param>
internal readonly record struct Place(string File, int Line, int Column, ConfigNode? Parent = null, string? Key = null, int Index = 0)
{
    public string Path => Parent is null ? "" : Key is null ? $"{Parent.Path}[{Index}]" : WithKey(Parent.Path, Key);

    public int Depth => Parent is null ? 1 : Parent.Place.Depth + 1;

    /// <summary>Keys that would make a path ambiguous or break the line are quoted: <c>headers["a b"]</c>.</summary>
    public static string WithKey(string path, string key) =>
        key.Length == 0 || key.AsSpan().ContainsAny(" []\"") || Quoting.IsUnsafe(key) ? $"{path}[{Quoting.Quote(key, '"')}]"
        : path.Length == 0 ? key : $"{path}.{key}";
}
