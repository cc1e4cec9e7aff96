using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;

namespace Lakou.Core.Configuration;

/// <summary>Two ways to write one thing. The kind of node decides; where both read that kind, the first that finds nothing wrong.</summary>
internal sealed class EitherShape<T, TOther>(Shape<T> first, Shape<TOther> second, Func<TOther, T> convert) : Shape<T>
{
    public override string Expected => $"{first.Expected} or {second.Expected}";

    public override string TypeName => $"{first.TypeName} or {second.TypeName}";

    public override string Range => string.Join(" or ", new[] { first.Range, second.Range }.Where(range => range.Length > 0));

    public override NodeKinds Accepts => first.Accepts | second.Accepts;

    public override bool IsSecret => first.IsSecret || second.IsSecret;

    public override IEnumerable<Shape> Parts => [first, second];

    public override JsonObject Schema(SchemaDefinitions definitions) =>
        new() { ["anyOf"] = new JsonArray(first.Schema(definitions), second.Schema(definitions)) };

    public override JsonNode? Write(T value) => first.Write(value);

    protected override JsonNode? Display(ConfigNode node) => IsFor(first, second, node) ? first.ToDisplay(node) : second.ToDisplay(node);

    protected override bool Read(ConfigNode node, Problems problems, [MaybeNullWhen(false)] out T value)
    {
        if (IsFor(first, second, node))
        {
            return first.ReadUsable(node, problems, out value);
        }

        if (first.Reads(node) && !second.TryRead(node, new Problems(), out _))
        {
            problems.Add(node, NotExpected(node));
            value = default;
            return false;
        }

        var isRight = second.TryRead(node, problems, out var other);
        value = isRight ? convert(other!) : default;
        return isRight;
    }

    private static bool IsFor(Shape<T> first, Shape<TOther> second, ConfigNode node) =>
        first.Reads(node)
        && (!second.Reads(node) || node.Kind != NodeKinds.Scalar || first.TryRead(node, new Problems(), out _));
}
