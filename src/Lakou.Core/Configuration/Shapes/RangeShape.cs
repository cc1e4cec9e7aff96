using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;

namespace Lakou.Core.Configuration;

internal delegate bool TryParseText<T>(string text, out T value);

/// <summary>A quantity that people write: how it is named, read, written and described to a JSON Schema.</summary>
/// <param name="Lowest">Holds although no range says so; likewise <paramref name="Highest"/>.</param>
/// <param name="Json">The JSON type beside string, when it can be written as a bare number; numbers have minimum and maximum in the schema.</param>
internal sealed record Measure<T>(
    string Name, string Expected, string Pattern, string? Json, T Lowest, T Highest, TryParseText<T> Parse, Func<T, string> Format, Func<T, JsonNode> Write);

/// <summary>A quantity within a range.</summary>
internal sealed class RangeShape<T>(Measure<T> measure, T? min, T? max) : Shape<T>
    where T : struct, IComparable<T>
{
    public override string Expected => measure.Expected;

    public override string TypeName => measure.Name;

    public override string Range => (min, max) switch
    {
        (null, null) => "",
        (null, { } high) => $"{measure.Format(high)} or less",
        ({ } low, null) => $"{measure.Format(low)} or more",
        ({ } low, { } high) => $"{measure.Format(low)} to {measure.Format(high)}",
    };

    public override NodeKinds Accepts => NodeKinds.Scalar;

    private T Low => min ?? measure.Lowest;

    private T High => max ?? measure.Highest;

    public override JsonObject Schema(SchemaDefinitions definitions)
    {
        var schema = SchemaDefinitions.Scalar(measure.Json, measure.Pattern);
        if (measure.Json is not null)
        {
            schema["minimum"] = JsonNode.Parse(FormattableString.Invariant($"{Low}"));
            schema["maximum"] = JsonNode.Parse(FormattableString.Invariant($"{High}"));
        }

        return schema;
    }

    public override JsonNode? Write(T value) => measure.Write(value);

    protected override JsonNode? Display(ConfigNode node) =>
        node is ConfigScalar { HasReference: false } scalar && measure.Json is not null && measure.Parse(scalar.Text, out var value)
            ? measure.Write(value) : base.Display(node);

    protected override bool Read(ConfigNode node, Problems problems, [MaybeNullWhen(false)] out T value)
    {
        var scalar = (ConfigScalar)node;
        if (!measure.Parse(scalar.Text, out value))
        {
            problems.Add(node, NotExpected(node));
            return false;
        }

        if (value.CompareTo(Low) < 0 || value.CompareTo(High) > 0)
        {
            // A bound that nobody stated is told only to who met it.
            var unstated = (min is null && value.CompareTo(Low) < 0) || (max is null && value.CompareTo(High) > 0);
            problems.Add(node, $"{scalar.Value} is not allowed; {(unstated ? $"{measure.Format(Low)} to {measure.Format(High)}" : Range)}");
            return false;
        }

        return true;
    }
}
