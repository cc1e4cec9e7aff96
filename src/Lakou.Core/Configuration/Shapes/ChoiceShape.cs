using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;

namespace Lakou.Core.Configuration;

/// <summary>One of a few words.</summary>
internal sealed class ChoiceShape<T>((string Name, T Value)[] choices) : Shape<T>
{
    private readonly string[] names = [.. choices.Select(choice => choice.Name)];

    public override string Expected => names.Length == 1 ? names[0] : $"{string.Join(", ", names[..^1])} or {names[^1]}";

    public override string TypeName => "choice";

    public override string Range => string.Join(", ", names.Select(name => $"`{name}`"));

    public override NodeKinds Accepts => NodeKinds.Scalar;

    public override JsonObject Schema(SchemaDefinitions definitions)
    {
        // An editor takes an unquoted 1.2 for a number; both are the same to us.
        var values = names.Select(name => (JsonNode?)name).Concat(names.Where(LooksLikeNumber).Select(name => JsonNode.Parse(name)));
        return new() { ["anyOf"] = new JsonArray(new JsonObject { ["enum"] = new JsonArray([.. values]) }, definitions.Reference()) };
    }

    public override JsonNode? Write(T value) =>
        choices.FirstOrDefault(choice => EqualityComparer<T>.Default.Equals(choice.Value, value)).Name;

    protected override bool Read(ConfigNode node, Problems problems, [MaybeNullWhen(false)] out T value)
    {
        var scalar = (ConfigScalar)node;
        var at = Array.IndexOf(names, scalar.Text);
        value = at >= 0 ? choices[at].Value : default;
        if (at < 0)
        {
            problems.Add(node, NotExpected(node) + (Nearest.To(scalar.Written, names) is { } nearest ? $"; did you mean '{nearest}'?" : ""));
        }

        return at >= 0;
    }

    private static bool LooksLikeNumber(string name) => Measures.Number.Parse(name, out _);
}
