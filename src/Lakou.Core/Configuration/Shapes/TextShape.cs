using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Lakou.Core.Configuration;

/// <summary>Any text within bounds; lengths in UTF-16 units.</summary>
internal sealed class TextShape : Shape<string>
{
    private readonly int minLength;
    private readonly int maxLength;
    private readonly string? pattern;
    private readonly Regex? regex;

    public TextShape(int minLength, int maxLength, string? pattern, string expected)
    {
        (this.minLength, this.maxLength, this.pattern, Expected) = (minLength, maxLength, pattern, expected);
        // Not backtracking: linear in the text, whatever is written. \z because $ also matches before a last newline.
        regex = pattern is null ? null : new Regex($@"\A(?:{pattern})\z", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture);
    }

    public override string Expected { get; }

    public override string TypeName => "text";

    public override string Range => (minLength, maxLength) switch
    {
        (<= 1, Shapes.LongestText) => "",
        (_, Shapes.LongestText) => $"{minLength} characters or more",
        (0, _) => $"at most {maxLength} characters",
        _ => $"{minLength} to {maxLength} characters",
    };

    public override NodeKinds Accepts => NodeKinds.Scalar;

    public override JsonObject Schema(SchemaDefinitions definitions)
    {
        // What is text here may look like a number or a boolean to an editor: `min-version: 1.2`.
        var schema = new JsonObject { ["type"] = new JsonArray("string", "number", "boolean") };
        if (minLength > 0)
        {
            schema["minLength"] = minLength;
        }

        if (pattern is not null)
        {
            schema["pattern"] = SchemaDefinitions.OrReference($"^({pattern})$");
        }

        return schema;
    }

    public override JsonNode? Write(string value) => value;

    protected override bool Read(ConfigNode node, Problems problems, [MaybeNullWhen(false)] out string value)
    {
        value = ((ConfigScalar)node).Text;
        var wrong = value.Length < minLength ? (value.Length == 0 ? "must not be empty" : $"shorter than {minLength} characters")
            : value.Length > maxLength ? $"longer than {maxLength} characters"
            : regex is not null && !regex.IsMatch(value) ? NotExpected(node)
            : null;
        if (wrong is not null)
        {
            problems.Add(node, wrong);
            value = null;
        }

        return wrong is null;
    }
}
