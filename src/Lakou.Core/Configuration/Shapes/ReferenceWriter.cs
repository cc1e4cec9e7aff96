using System.Text;
using System.Text.Json.Nodes;

namespace Lakou.Core.Configuration;

/// <summary>One heading of the reference page.</summary>
public sealed record ReferenceSection(string Title, string Doc, IReadOnlyList<ReferenceRow> Rows);

/// <summary>One key of the reference page and of the schema.</summary>
public sealed record ReferenceRow(string Key, Shape Shape, JsonNode? Default, bool IsRequired, string Doc)
{
    internal JsonObject Schema(SchemaDefinitions definitions)
    {
        var schema = Shape.Schema(definitions);
        schema["description"] = Shape.Range.Length > 0 ? $"{Doc} ({Shape.Range})" : Doc;
        if (Default is not null)
        {
            schema["default"] = Default.DeepClone();
        }

        return schema;
    }
}

/// <summary>Writes the reference page: a table for every object, outer ones first, each once.</summary>
public static class ReferenceWriter
{
    public static string Write(Shape root)
    {
        var page = new StringBuilder();
        var titles = new HashSet<string>(StringComparer.Ordinal);
        Visit(root);
        return page.ToString();

        void Visit(Shape shape)
        {
            if (shape.Section is { } section)
            {
                if (!titles.Add(section.Title))
                {
                    return;
                }

                Append(page, section);
            }

            foreach (var part in shape.Parts)
            {
                Visit(part);
            }
        }
    }

    private static void Append(StringBuilder page, ReferenceSection section)
    {
        page.Append(page.Length > 0 ? "\n" : "").Append($"## {section.Title}\n\n{section.Doc}\n");
        if (section.Rows.Count == 0)
        {
            return;
        }

        page.Append("\n| key | type | default | range | meaning |\n|---|---|---|---|---|\n");
        foreach (var row in section.Rows)
        {
            var standard = row.IsRequired ? "required" : row.Default is null ? "" : $"`{Flow(row.Default)}`";
            page.Append($"| `{row.Key}` | {Cell(row.Shape.TypeName)} | {Cell(standard)} | {Cell(row.Shape.Range)} | {Cell(row.Doc)} |\n");
        }
    }

    private static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal).ReplaceLineEndings(" ");

    /// <summary>As it would be written in the file.</summary>
    private static string Flow(JsonNode? json) => json switch
    {
        null => "~",
        JsonArray list => $"[{string.Join(", ", list.Select(Flow))}]",
        JsonObject { Count: 0 } => "{}",
        JsonObject map => $"{{ {string.Join(", ", map.Select(entry => $"{entry.Key}: {Flow(entry.Value)}"))} }}",
        JsonValue value when value.TryGetValue<string>(out var text) => text.Length == 0 ? "\"\"" : text.ReplaceLineEndings("\\n"),
        _ => json.ToJsonString(),
    };
}
