using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Lakou.Client;

/// <summary>CloudEvents 1.0.2, JSON format.</summary>
internal static class CloudEventJson
{
    public const string OneType = "application/cloudevents+json";
    public const string BatchType = "application/cloudevents-batch+json";

    private static readonly string[] s_known = ["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data", "data_base64"];

    private static readonly SearchValues<string> s_json = SearchValues.Create(["/json", "+json"], StringComparison.OrdinalIgnoreCase);

    /// <param name="trace">Becomes <c>traceparent</c> and <c>tracestate</c> unless the event brings them; null for none.</param>
    /// <exception cref="ArgumentException">The data says that it is JSON, and is not.</exception>
    public static byte[] Write(CloudEvent from, Activity? trace)
    {
        var buffer = new ArrayBufferWriter<byte>(256 + from.Data.Length);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("specversion"u8, "1.0"u8);
            json.WriteString("id"u8, from.Id);
            json.WriteString("source"u8, from.Source);
            json.WriteString("type"u8, from.Type);
            WriteIf(json, "subject", from.Subject);
            WriteIf(json, "time", from.Time?.UtcDateTime.ToString("O", CultureInfo.InvariantCulture));
            WriteIf(json, "datacontenttype", from.DataContentType);
            WriteIf(json, "dataschema", from.DataSchema);
            foreach (var (name, value) in from.Extensions)
            {
                json.WriteString(name, value);
            }

            if (trace is { IdFormat: ActivityIdFormat.W3C } && !from.Extensions.ContainsKey("traceparent"))
            {
                WriteIf(json, "traceparent", trace.Id);
                WriteIf(json, "tracestate", trace.TraceStateString);
            }

            WriteData(json, from);
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    public static CloudEvent Read(JsonElement from)
    {
        var extensions = new Dictionary<string, string>(StringComparer.Ordinal);
        var read = new CloudEvent("", "") { Extensions = extensions, Id = "" };
        foreach (var property in from.EnumerateObject())
        {
            var value = property.Value;
            read = property.Name switch
            {
                "id" => read with { Id = Text(value) },
                "source" => read with { Source = Text(value) },
                "type" => read with { Type = Text(value) },
                "subject" => read with { Subject = Text(value) },
                "time" => read with { Time = value.TryGetDateTimeOffset(out var time) ? time : null }, // RFC 3339 has forms that .NET has not
                "datacontenttype" => read with { DataContentType = Text(value) },
                "dataschema" => read with { DataSchema = Text(value) },
                _ => read,
            };
            if (!s_known.Contains(property.Name))
            {
                extensions[property.Name] = Text(value);
            }
        }

        return ReadData(from, read);
    }

    private static bool IsJson(string? contentType) => contentType is null || contentType.AsSpan().ContainsAny(s_json);

    private static void WriteIf(Utf8JsonWriter json, string name, string? value)
    {
        if (value is not null)
        {
            json.WriteString(name, value);
        }
    }

    private static void WriteData(Utf8JsonWriter json, CloudEvent from)
    {
        if (from.Data.IsEmpty)
        {
            return;
        }

        if (!IsJson(from.DataContentType))
        {
            json.WriteBase64String("data_base64"u8, from.Data.Span);
            return;
        }

        json.WritePropertyName("data"u8);
        try
        {
            json.WriteRawValue(from.Data.Span);
        }
        catch (JsonException e)
        {
            throw new ArgumentException($"the data of event {from.Id} is not JSON: {e.Message}; set DataContentType to what it is", nameof(from), e);
        }
    }

    private static CloudEvent ReadData(JsonElement from, CloudEvent read)
    {
        if (from.TryGetProperty("data_base64"u8, out var bytes))
        {
            // Without a media type data is JSON; these bytes are not.
            return read with { Data = bytes.GetBytesFromBase64(), DataContentType = read.DataContentType ?? "application/octet-stream" };
        }

        if (!from.TryGetProperty("data"u8, out var data))
        {
            return read;
        }

        var text = !IsJson(read.DataContentType) && data.ValueKind == JsonValueKind.String ? data.GetString()! : data.GetRawText();
        return read with { Data = Encoding.UTF8.GetBytes(text) };
    }

    // Integers and booleans as they are written.
    private static string Text(JsonElement value) => value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText();
}
