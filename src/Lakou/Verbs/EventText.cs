using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Lakou.Verbs;

/// <summary>How an event is shown on a line.</summary>
internal static class EventText
{
    private const int LongestData = 200;

    // For a terminal and for programs, never for a page.
    public static JsonSerializerOptions Json { get; } = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary><c>order.placed  42  {"total":7}</c>; the id where there is no subject.</summary>
    public static string Of(JsonNode? shown)
    {
        if (shown is null)
        {
            return "(cannot be read any more)";
        }

        var data = shown["data"] is { } value ? value.ToJsonString(Json) : shown["data_base64"] is { } bytes ? $"base64:{bytes}" : "";
        return $"{Table.Clip($"{shown["type"]}")}  {About(shown)}  {Table.Clip(data, LongestData)}".TrimEnd();
    }

    public static string About(JsonNode? shown) => Table.Clip($"{shown?["subject"] ?? shown?["id"]}");
}
