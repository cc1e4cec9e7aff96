using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Lakou.Core.Configuration;

/// <summary>The named parts of a schema.</summary>
public sealed class SchemaDefinitions
{
    private const string ReferencePattern = @"\$\{";
    private readonly SortedDictionary<string, JsonObject> definitions = new(StringComparer.Ordinal);

    /// <summary>Puts a definition under a name, once, and refers to it.</summary>
    /// <exception cref="InvalidOperationException">Two shapes share one title but not one schema.</exception>
    public JsonObject Define(string title, Func<JsonObject> schema)
    {
        var made = schema();
        if (!definitions.TryAdd(title, made) && !JsonNode.DeepEquals(definitions[title], made))
        {
            throw new InvalidOperationException($"Two different shapes are titled '{title}'.");
        }

        return new() { ["$ref"] = $"#/$defs/{title}" };
    }

    /// <summary>Any text with <c>${env:…}</c> or <c>${file:…}</c> inside.</summary>
    public JsonObject Reference() => Define("reference", () => new()
    {
        ["description"] = "A text with ${env:NAME} or ${file:PATH} inside.",
        ["type"] = "string",
        ["pattern"] = ReferencePattern,
    });

    /// <summary>A text of this pattern, a reference, or the same as a bare JSON number or boolean.</summary>
    internal static JsonObject Scalar(string? bareType, string pattern) => new()
    {
        ["type"] = bareType is null ? "string" : new JsonArray(bareType, "string"),
        ["pattern"] = OrReference(pattern),
    };

    internal static string OrReference(string pattern) => $"{pattern}|{ReferencePattern}";

    internal JsonObject ToJson() => new(definitions.Select(definition => KeyValuePair.Create(definition.Key, (JsonNode?)definition.Value)));
}

/// <summary>Writes the JSON Schema (2020-12) of a shape. The text is the same for the same shape, so it can be kept in a repository.</summary>
public static class SchemaWriter
{
    private static readonly JsonSerializerOptions Layout = new()
    {
        WriteIndented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // the file is read by people and editors, not put into HTML
    };

    public static string Write(Shape root, string id, string title)
    {
        var definitions = new SchemaDefinitions();
        var reference = root.Schema(definitions);
        var schema = new JsonObject { ["$schema"] = "https://json-schema.org/draft/2020-12/schema", ["$id"] = id, ["title"] = title };
        foreach (var (key, value) in reference)
        {
            schema[key] = value?.DeepClone();
        }

        schema["$defs"] = definitions.ToJson();
        return schema.ToJsonString(Layout) + "\n";
    }
}
