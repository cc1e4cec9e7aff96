using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;

namespace Lakou.Core.Configuration;

/// <summary>Reads a text; false when it is not one of this kind.</summary>
public delegate bool TryParse<T>(string text, [MaybeNullWhen(false)] out T value);

/// <summary>A text with a grammar of its own.</summary>
internal sealed class ParsedShape<T>(string typeName, string expected, TryParse<T> parse, Func<T, string> format, string? pattern) : Shape<T>
{
    public override string Expected => expected;

    public override string TypeName => typeName;

    public override NodeKinds Accepts => NodeKinds.Scalar;

    public override JsonObject Schema(SchemaDefinitions definitions) =>
        pattern is null ? new() { ["type"] = new JsonArray("string", "number") } : SchemaDefinitions.Scalar("number", pattern);

    public override JsonNode? Write(T value) => value is null ? null : format(value);

    protected override bool Read(ConfigNode node, Problems problems, [MaybeNullWhen(false)] out T value)
    {
        if (parse(((ConfigScalar)node).Text, out value))
        {
            return true;
        }

        problems.Add(node, NotExpected(node));
        return false;
    }
}
