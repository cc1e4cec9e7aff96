using System.Diagnostics.CodeAnalysis;

namespace Lakou.Core.Configuration;

/// <summary>A key and its value. The key is a node of its own so that problems can point at it.</summary>
public readonly record struct ConfigEntry(ConfigScalar Key, ConfigNode Value)
{
    public string Name => Key.Text;
}

/// <summary>Keys with values, in the order of writing; no key twice.</summary>
public sealed class ConfigMap : ConfigNode
{
    private readonly List<ConfigEntry> entries = [];
    private readonly Dictionary<string, int> index = new(StringComparer.Ordinal);

    internal ConfigMap(Place place)
        : base(place)
    {
    }

    public IReadOnlyList<ConfigEntry> Entries => entries;

    public override NodeKinds Kind => NodeKinds.Map;

    internal override string Description => "a map";

    public bool TryGet(string key, [MaybeNullWhen(false)] out ConfigNode value)
    {
        var found = TryGetEntry(key, out var entry);
        value = entry.Value;
        return found;
    }

    internal bool TryGetEntry(string key, out ConfigEntry entry)
    {
        var found = index.TryGetValue(key, out var position);
        entry = found ? entries[position] : default;
        return found;
    }

    internal void Add(ConfigEntry entry)
    {
        index.Add(entry.Name, entries.Count);
        entries.Add(entry);
    }

    internal override ConfigNode CopyTo(Place place, Action<Place> count)
    {
        count(place);
        var copy = new ConfigMap(place);
        foreach (var (key, value) in entries)
        {
            var keyCopy = (ConfigScalar)key.CopyTo(key.Place with { Parent = copy }, _ => { });
            copy.Add(new ConfigEntry(keyCopy, value.CopyTo(value.Place with { Parent = copy }, count)));
        }

        return copy;
    }

    internal override ConfigNode Masked()
    {
        var masked = new ConfigMap(Place);
        foreach (var (key, value) in entries)
        {
            masked.Add(new ConfigEntry(key, value.Masked()));
        }

        return masked;
    }
}
