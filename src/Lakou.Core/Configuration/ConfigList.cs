namespace Lakou.Core.Configuration;

/// <summary>Values in order.</summary>
public sealed class ConfigList : ConfigNode
{
    private readonly List<ConfigNode> items = [];

    internal ConfigList(Place place)
        : base(place)
    {
    }

    public IReadOnlyList<ConfigNode> Items => items;

    public override NodeKinds Kind => NodeKinds.List;

    internal override string Description => "a list";

    internal void Add(ConfigNode item) => items.Add(item);

    internal override ConfigNode CopyTo(Place place, Action<Place> count)
    {
        count(place);
        var copy = new ConfigList(place);
        foreach (var item in items)
        {
            copy.Add(item.CopyTo(item.Place with { Parent = copy }, count));
        }

        return copy;
    }

    internal override ConfigNode Masked()
    {
        var masked = new ConfigList(Place);
        foreach (var item in items)
        {
            masked.Add(item.Masked());
        }

        return masked;
    }
}
