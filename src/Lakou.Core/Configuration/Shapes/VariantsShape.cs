using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;

namespace Lakou.Core.Configuration;

/// <summary>Known keys, each with a shape of its own; <c>false</c> switches one off (null). In the order of writing.</summary>
internal sealed class VariantsShape(string title, string doc, IReadOnlyList<(string Name, Shape<object> Shape, string Doc)> variants)
    : Shape<IReadOnlyDictionary<string, object?>>
{
    private readonly Dictionary<string, Shape<object>> shapes = variants.ToDictionary(v => v.Name, v => v.Shape, StringComparer.Ordinal);

    public override string Expected => "a map";

    public override string TypeName => $"[{title}](#{title})";

    public override NodeKinds Accepts => NodeKinds.Map | NodeKinds.Nothing;

    public override IEnumerable<Shape> Parts => variants.Select(variant => variant.Shape);

    public override ReferenceSection Section => new(title, doc, [.. variants.Select(v => new ReferenceRow(v.Name, v.Shape, null, false, v.Doc))]);

    public override JsonObject Schema(SchemaDefinitions definitions) => definitions.Define(title, () =>
    {
        var properties = new JsonObject();
        foreach (var (name, shape, text) in variants)
        {
            properties[name] = new JsonObject
            {
                ["description"] = text,
                ["anyOf"] = new JsonArray(shape.Schema(definitions), new JsonObject { ["const"] = false }),
            };
        }

        return new()
        {
            ["description"] = doc,
            ["type"] = new JsonArray("object", "null"),
            ["properties"] = properties,
            ["additionalProperties"] = false,
        };
    });

    public override JsonNode? Write(IReadOnlyDictionary<string, object?> value) => value is null ? null
        : new JsonObject(value.Select(entry => KeyValuePair.Create(entry.Key, entry.Value is null ? false : shapes[entry.Key].Write(entry.Value))));

    protected override JsonNode? Display(ConfigNode node) =>
        new JsonObject(((ConfigMap)node).Entries.Select(entry => KeyValuePair.Create(entry.Name,
            IsOff(entry.Value) ? false : shapes.TryGetValue(entry.Name, out var shape) ? shape.ToDisplay(entry.Value) : Mask)));

    protected override bool Read(ConfigNode node, Problems problems, [MaybeNullWhen(false)] out IReadOnlyDictionary<string, object?> value)
    {
        var read = new OrderedDictionary<string, object?>(StringComparer.Ordinal);
        foreach (var entry in (node as ConfigMap)?.Entries ?? [])
        {
            if (!shapes.TryGetValue(entry.Name, out var shape))
            {
                problems.Add(entry.Key, $"unknown key {entry.Key.Description}{Nearest.Suggest(entry.Name, shapes.Keys)}");
            }
            else if (IsOff(entry.Value))
            {
                read.Add(entry.Name, null);
            }
            else if (shape.ReadUsable(entry.Value, problems, out var usable))
            {
                read.Add(entry.Name, usable);
            }
        }

        value = read;
        return true;
    }

    private static bool IsOff(ConfigNode node) => node is ConfigScalar { Written: "false", IsQuoted: false };
}
