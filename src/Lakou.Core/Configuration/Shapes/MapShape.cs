using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;

namespace Lakou.Core.Configuration;

/// <summary>Which keys a map may have. <paramref name="Requirement"/> completes "'X' is not allowed; …".</summary>
public sealed record KeyRule(Func<string, bool> IsAllowed, string Requirement, string? Pattern)
{
    /// <summary>Names of listeners, upstreams, routes: they become metric labels, log fields and path segments.</summary>
    public static readonly KeyRule Name = new(
        IsName, "a name is 1 to 63 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit", "^[a-z0-9][a-z0-9._-]{0,62}$");

    private static bool IsName(string key) => key.Length is > 0 and <= 63
        && char.IsAsciiLetterOrDigit(key[0]) && key.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '.' or '_' or '-');
}

/// <summary>Keys of the operator's choice, values of one shape, in the order of writing. Entries that cannot be used are left out.</summary>
internal sealed class MapShape<T>(Shape<T> item, KeyRule? keys) : Shape<IReadOnlyDictionary<string, T>>
{
    public override string Expected => "a map";

    public override string TypeName => $"map of {item.TypeName}";

    public override string Range => item.Range;

    public override NodeKinds Accepts => NodeKinds.Map | NodeKinds.Nothing;

    public override IEnumerable<Shape> Parts => [item];

    public override JsonObject Schema(SchemaDefinitions definitions)
    {
        var schema = new JsonObject { ["type"] = new JsonArray("object", "null"), ["additionalProperties"] = item.Schema(definitions) };
        if (keys?.Pattern is { } pattern)
        {
            schema["propertyNames"] = new JsonObject { ["pattern"] = pattern };
        }

        return schema;
    }

    public override JsonNode? Write(IReadOnlyDictionary<string, T> value) =>
        value is null ? null : new JsonObject(value.Select(entry => KeyValuePair.Create(entry.Key, item.Write(entry.Value))));

    protected override JsonNode? Display(ConfigNode node) =>
        new JsonObject(((ConfigMap)node).Entries.Select(entry => KeyValuePair.Create(entry.Name, item.ToDisplay(entry.Value))));

    protected override bool Read(ConfigNode node, Problems problems, [MaybeNullWhen(false)] out IReadOnlyDictionary<string, T> value)
    {
        var read = new OrderedDictionary<string, T>(StringComparer.Ordinal);
        foreach (var entry in (node as ConfigMap)?.Entries ?? [])
        {
            if (keys?.IsAllowed(entry.Name) == false)
            {
                problems.Add(entry.Key, $"{entry.Key.Description} is not allowed; {keys.Requirement}");
            }

            if (item.ReadUsable(entry.Value, problems, out var usable))
            {
                read.Add(entry.Name, usable);
            }
        }

        value = read;
        return true;
    }
}
