using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;

namespace Lakou.Core.Configuration;

/// <summary><c>true</c> or <c>false</c>; YAML's yes, no, on and off are texts.</summary>
internal sealed class FlagShape : Shape<bool>
{
    public override string Expected => "true or false";

    public override string TypeName => "flag";

    public override NodeKinds Accepts => NodeKinds.Scalar;

    public override JsonObject Schema(SchemaDefinitions definitions) => SchemaDefinitions.Scalar("boolean", "^(true|false)$");

    public override JsonNode? Write(bool value) => value;

    protected override JsonNode? Display(ConfigNode node) =>
        node is ConfigScalar { HasReference: false, Text: "true" or "false" } scalar ? scalar.Text == "true" : base.Display(node);

    protected override bool Read(ConfigNode node, Problems problems, [MaybeNullWhen(false)] out bool value)
    {
        var text = ((ConfigScalar)node).Text;
        value = text == "true";
        if (text is "true" or "false")
        {
            return true;
        }

        problems.Add(node, NotExpected(node));
        return false;
    }
}
