using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;

namespace Lakou.Core.Configuration;

/// <summary>A shape that is written as another one is.</summary>
internal abstract class WrappedShape<TInner, T>(Shape<TInner> inner) : Shape<T>
{
    public override string Expected => Inner.Expected;

    public override string TypeName => Inner.TypeName;

    public override string Range => Inner.Range;

    public override NodeKinds Accepts => Inner.Accepts;

    public override bool IsSecret => Inner.IsSecret;

    public override IEnumerable<Shape> Parts => [Inner];

    protected Shape<TInner> Inner => inner;

    public override JsonObject Schema(SchemaDefinitions definitions) => Inner.Schema(definitions);

    protected override JsonNode? Display(ConfigNode node) => Inner.ToDisplay(node);
}

internal sealed class ConvertedShape<TInner, T>(Shape<TInner> inner, Func<TInner, T> to, Func<T, TInner> from) : WrappedShape<TInner, T>(inner)
{
    public override JsonNode? Write(T value) => Inner.Write(from(value));

    protected override bool Read(ConfigNode node, Problems problems, [MaybeNullWhen(false)] out T value)
    {
        // A conversion may rely on everything that the inner shape promises.
        var isRight = Inner.TryRead(node, problems, out var read);
        value = isRight ? to(read!) : default;
        return isRight;
    }
}

internal sealed class RestrictedShape<T>(Shape<T> inner, Func<T, bool> isAllowed, string requirement) : WrappedShape<T, T>(inner)
{
    public override string Range => Inner.Range.Length > 0 ? $"{Inner.Range}; {requirement}" : requirement;

    public override JsonNode? Write(T value) => Inner.Write(value);

    protected override bool Read(ConfigNode node, Problems problems, [MaybeNullWhen(false)] out T value)
    {
        if (!Inner.TryRead(node, problems, out value))
        {
            return false;
        }

        if (!isAllowed(value))
        {
            problems.Add(node, $"{(node as ConfigScalar)?.Value ?? node.Description} is not allowed; {requirement}");
            value = default;
            return false;
        }

        return true;
    }
}

internal sealed class SecretShape<T>(Shape<T> inner) : WrappedShape<T, T>(inner)
{
    public override bool IsSecret => true;

    public override JsonObject Schema(SchemaDefinitions definitions)
    {
        var schema = Inner.Schema(definitions);
        schema["writeOnly"] = true;
        return schema;
    }

    public override JsonNode? Write(T value) => value is null ? null : Mask;

    protected override bool Read(ConfigNode node, Problems problems, [MaybeNullWhen(false)] out T value) =>
        Inner.ReadUsable(node, problems, out value);
}
