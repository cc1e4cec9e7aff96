using System.Text.Json.Nodes;
using Lakou.Core.Configuration;

namespace Lakou.Core.Tests.Configuration;

public sealed class WriterTests
{
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "Configuration", "golden");

    [Fact]
    public void The_schema_is_written_as_agreed() => Golden("schema.json", SchemaWriter.Write(RateLimitShapes.Root, "https://example.org/lakou.json", "Lakou"));

    [Fact]
    public void The_reference_is_written_as_agreed() => Golden("reference.md", ReferenceWriter.Write(RateLimitShapes.Root));

    [Fact]
    public void Two_shapes_of_one_title_must_be_one()
    {
        var other = Shapes.Object("rate-limit", "Another.", () => new RateLimit());
        var both = Shapes.Object("both", "Both.", () => new Root())
            .Field("a", RateLimitShapes.Limit, o => o.Limit, (o, v) => o with { Limit = v }, "A.")
            .Field("b", other, o => o.Limit, (o, v) => o with { Limit = v }, "B.");

        var thrown = Assert.Throws<InvalidOperationException>(() => SchemaWriter.Write(both, "https://example.org/x", "x"));
        Assert.Equal("Two different shapes are titled 'rate-limit'.", thrown.Message);
    }

    [Fact]
    public void A_secret_default_is_not_written()
    {
        var shape = Shapes.Object("store", "S.", () => new StoreOptions("", "hunter2"))
            .Field("password", Shapes.Text().Secret(), o => o.Password, (o, v) => o with { Password = v }, "P.");

        Assert.DoesNotContain("hunter2", SchemaWriter.Write(shape, "https://example.org/x", "x") + ReferenceWriter.Write(shape), StringComparison.Ordinal);
    }

    [Fact]
    public void References_in_the_schema_lead_to_definitions()
    {
        var schema = JsonNode.Parse(SchemaWriter.Write(RateLimitShapes.Root, "https://example.org/lakou.json", "Lakou"))!;
        var definitions = schema["$defs"]!.AsObject();

        Assert.All(References(schema), reference => Assert.True(definitions.ContainsKey(reference["#/$defs/".Length..]), reference));
        Assert.Contains("#/$defs/rate-limit", References(schema));
    }

    private static IEnumerable<string> References(JsonNode? node) => node switch
    {
        JsonObject map => map.SelectMany(entry => entry.Key == "$ref" ? [entry.Value!.GetValue<string>()] : References(entry.Value)),
        JsonArray list => list.SelectMany(References),
        _ => [],
    };

    private static void Golden(string name, string text)
    {
        if (Environment.GetEnvironmentVariable("UPDATE_GOLDEN") == "1")
        {
            File.WriteAllText(Path.Combine(SourceFolder(), "golden", name), text);
            return;
        }

        Assert.Equal(File.ReadAllText(Path.Combine(Folder, name)), text);
    }

    private static string SourceFolder([System.Runtime.CompilerServices.CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
