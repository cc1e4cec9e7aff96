using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;

namespace Lakou.Core.Configuration;

/// <summary>A list of one shape. Items that cannot be used are left out.</summary>
internal sealed class ListShape<T>(Shape<T> item, int min, int max) : Shape<IReadOnlyList<T>>
{
    public override string Expected => "a list";

    public override string TypeName => $"list of {item.TypeName}";

    public override string Range => (min, max) switch
    {
        (0, int.MaxValue) => item.Range,
        (_, int.MaxValue) => $"{Entries(min)} or more",
        (0, _) => $"at most {Entries(max)}",
        _ when min == max => Entries(min),
        _ => $"{min} to {Entries(max)}",
    };

    public override NodeKinds Accepts => NodeKinds.List;

    public override IEnumerable<Shape> Parts => [item];

    public override JsonObject Schema(SchemaDefinitions definitions)
    {
        var schema = new JsonObject { ["type"] = "array", ["items"] = item.Schema(definitions) };
        if (min > 0)
        {
            schema["minItems"] = min;
        }

        if (max < int.MaxValue)
        {
            schema["maxItems"] = max;
        }

        return schema;
    }

    public override JsonNode? Write(IReadOnlyList<T> value) => value is null ? null : new JsonArray([.. value.Select(item.Write)]);

    protected override JsonNode? Display(ConfigNode node) => new JsonArray([.. ((ConfigList)node).Items.Select(item.ToDisplay)]);

    protected override bool Read(ConfigNode node, Problems problems, [MaybeNullWhen(false)] out IReadOnlyList<T> value)
    {
        var list = (ConfigList)node;
        var read = new List<T>(list.Items.Count);
        if (list.Items.Count < min || list.Items.Count > max)
        {
            problems.Add(node, $"{Entries(list.Items.Count)} {(list.Items.Count == 1 ? "is" : "are")} not allowed; {Range}");
        }

        foreach (var element in list.Items)
        {
            if (item.ReadUsable(element, problems, out var usable))
            {
                read.Add(usable);
            }
        }

        value = read;
        return true;
    }

    private static string Entries(int count) => count == 1 ? "1 entry" : $"{count} entries";
}
