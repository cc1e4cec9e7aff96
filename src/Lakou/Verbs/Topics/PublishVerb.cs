using System.CommandLine;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Lakou.Verbs.Topics;

/// <summary><c>lakou topics publish NAME [--data TEXT | --file FILE] [--lines]</c></summary>
internal static class PublishVerb
{
    private static readonly Argument<string> s_name = AdminVerb.Name("topic");
    private static readonly Option<string?> s_data = new("--data") { Description = "The event's data. Without it and `--file`: standard input.", HelpName = "TEXT" };
    private static readonly Option<string?> s_file = new("--file") { Description = "A file with the event's data, or with the lines.", HelpName = "FILE" };
    private static readonly Option<string?> s_type = new("--type") { Description = "Its `type`; without it `NAME.event`.", HelpName = "TYPE" };
    private static readonly Option<string?> s_subject = new("--subject") { Description = "Its `subject`.", HelpName = "SUBJECT" };
    private static readonly Option<string?> s_source = new("--source") { Description = "Its `source`; without it `/topics/NAME`.", HelpName = "URI" };
    private static readonly Option<string?> s_id = new("--id") { Description = "Its `id`, by which one that is sent again is stored once; without it a new one.", HelpName = "ID" };
    private static readonly Option<string?> s_in = new("--in") { Description = "Holds it for so long before anyone sees it.", HelpName = "DURATION" };
    private static readonly Option<string?> s_at = new("--at") { Description = "Holds it until then (RFC 3339).", HelpName = "TIME" };
    private static readonly Option<bool> s_lines = new("--lines") { Description = "Each line is an event: its data, or a whole CloudEvent as `topics tail --json` prints it. Published in batches." };

    public static Command Create()
    {
        var command = AdminVerb.Create("publish", "Publishes an event, or one for each line; what is accepted is on disk.", [s_name, s_data, s_file, s_type, s_subject, s_source, s_id, s_in, s_at, s_lines], RunAsync);
        command.Validators.Add(result =>
        {
            if (result.GetResult(s_data) is not null && (result.GetResult(s_file) is not null || result.GetValue(s_lines)))
            {
                result.AddError("--data goes neither with --file nor with --lines");
            }

            if (result.GetValue(s_lines) && result.GetResult(s_id) is not null)
            {
                result.AddError("--lines and --id do not go together");
            }

            if (result.GetResult(s_in) is not null && result.GetResult(s_at) is not null)
            {
                result.AddError("--in and --at say the same thing; give one of them");
            }
        });
        return command;
    }

    private static async Task RunAsync(Admin admin, ParseResult parsed, bool isJson)
    {
        if (parsed.GetValue(s_lines))
        {
            await using var lines = Open(parsed);
            var publisher = new LinePublisher(admin, PathOf(parsed), line => EventOf(parsed, line));
            var count = await publisher.RunAsync(lines);
            Console.Out.WriteLine(isJson
                ? new JsonObject { ["topic"] = parsed.GetRequiredValue(s_name), ["count"] = count }.ToJsonString()
                : string.Create(CultureInfo.InvariantCulture, $"{count} event{(count == 1 ? "" : "s")} accepted"));
            return;
        }

        var body = new StringContent(EventOf(parsed, await ReadAsync(parsed)).ToJsonString(EventText.Json), Encoding.UTF8, new MediaTypeHeaderValue("application/cloudevents+json"));
        var receipt = await admin.CallAsync(HttpMethod.Post, PathOf(parsed), body);
        if (isJson)
        {
            AdminVerb.PrintJson(receipt);
            return;
        }

        Console.Out.WriteLine(receipt switch
        {
            { } when receipt["duplicate"] is not null => $"event {receipt["id"]} was there before",
            { } when receipt["due"] is not null => $"event {receipt["id"]} is held until {receipt["due"]}",
            _ => $"event {receipt!["id"]} at {receipt["partition"]}-{receipt["offset"]}",
        });
    }

    private static string PathOf(ParseResult parsed)
    {
        var path = AdminVerb.Path("topics", parsed.GetRequiredValue(s_name), "/events");
        return (parsed.GetValue(s_in), parsed.GetValue(s_at)) switch
        {
            ({ } delay, _) => $"{path}?in={Uri.EscapeDataString(delay)}",
            (_, { } time) => $"{path}?at={Uri.EscapeDataString(time)}",
            _ => path,
        };
    }

    /// <summary>Attributes as Lakou would make them for a plain body.</summary>
    private static JsonObject EventOf(ParseResult parsed, ReadOnlyMemory<byte> data)
    {
        var topic = parsed.GetRequiredValue(s_name);
        var (value, contentType) = Data.Of(data);
        if (parsed.GetValue(s_lines) && value is JsonObject whole && whole["specversion"] is not null)
        {
            return whole;
        }

        var made = new JsonObject
        {
            ["specversion"] = "1.0",
            ["id"] = parsed.GetValue(s_id) ?? Guid.CreateVersion7().ToString(),
            ["source"] = parsed.GetValue(s_source) ?? $"/topics/{topic}",
            ["type"] = parsed.GetValue(s_type) ?? $"{topic}.event",
            ["time"] = TimeProvider.System.GetUtcNow().UtcDateTime.ToString("O", CultureInfo.InvariantCulture),
        };
        if (parsed.GetValue(s_subject) is { } subject)
        {
            made["subject"] = subject;
        }

        if (!data.IsEmpty)
        {
            made["datacontenttype"] = contentType;
            made[contentType == Data.Bytes ? "data_base64" : "data"] = value;
        }

        return made;
    }

    private static Stream Open(ParseResult parsed)
    {
        try
        {
            return parsed.GetValue(s_file) is { } path ? File.OpenRead(path) : Console.OpenStandardInput();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new AdminException(e.Message);
        }
    }

    private static async Task<ReadOnlyMemory<byte>> ReadAsync(ParseResult parsed)
    {
        if (parsed.GetValue(s_data) is { } text)
        {
            return Encoding.UTF8.GetBytes(text);
        }

        await using var from = Open(parsed);
        using var read = new MemoryStream();
        await from.CopyToAsync(read);
        return read.GetBuffer().AsMemory(0, (int)read.Length);
    }

    /// <summary>What bytes are: JSON, else text, else bytes.</summary>
    private static class Data
    {
        public const string Bytes = "application/octet-stream";

        private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

        public static (JsonNode? Value, string ContentType) Of(ReadOnlyMemory<byte> data)
        {
            try
            {
                return (JsonNode.Parse(data.Span), "application/json");
            }
            catch (JsonException)
            {
                // Text, then.
            }

            try
            {
                return (s_strict.GetString(data.Span), "text/plain; charset=utf-8");
            }
            catch (DecoderFallbackException)
            {
                return (Convert.ToBase64String(data.Span), Bytes);
            }
        }
    }
}
