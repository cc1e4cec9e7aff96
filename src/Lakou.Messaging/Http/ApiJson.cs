using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Lakou.Core.Configuration;
using Lakou.Core.Faults;
using Lakou.Core.Time;
using Lakou.Messaging.Subscriptions;
using Microsoft.AspNetCore.Http;

namespace Lakou.Messaging.Http;

/// <summary>
/// The small JSON objects that workers send: read strictly, an unknown or double key is a fault. A wait or a delay is written as in the file (<c>30s</c>), or as a number of
/// seconds.
/// </summary>
internal sealed class ApiRequest
{
    private const int MostLeases = 10_000;

    public int? Max { get; private set; }

    public TimeSpan? Wait { get; private set; }

    public TimeSpan? Delay { get; private set; }

    public TimeSpan? By { get; private set; }

    public string Reason { get; private set; } = "";

    public List<LeaseToken> Leases { get; } = [];

    /// <param name="allowed">Keys that this request may have.</param>
    public static Fault? Read(in ReadOnlySequence<byte> body, ReadOnlySpan<string> allowed, out ApiRequest request)
    {
        request = new ApiRequest();
        if (body.IsEmpty)
        {
            return null;
        }

        var json = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = 3 });
        try
        {
            return request.Read(ref json, allowed);
        }
        catch (JsonException e)
        {
            return BackboneFaults.BadRequest.With($"the body is no JSON, at line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}; send an object such as {{\"{allowed[0]}\": …}}");
        }
    }

    /// <summary>The same from the query: for those who have only curl.</summary>
    public Fault? Read(IQueryCollection query)
    {
        if (query["max"].ToString() is { Length: > 0 } max)
        {
            if (!int.TryParse(max, NumberStyles.None, CultureInfo.InvariantCulture, out var count))
            {
                return Wrong("max", max, "a whole number");
            }

            Max = count;
        }

        if (query["wait"].ToString() is { Length: > 0 } wait)
        {
            if (!TryDuration(wait, out var duration))
            {
                return Wrong("wait", wait, "a duration such as 30s");
            }

            Wait = duration;
        }

        return null;
    }

    public Fault? CheckMax(int most)
        => Max is < 1 || Max > most ? BackboneFaults.BadRequest.With($"max: {Max} is not allowed; 1 to {most}") : null;

    /// <summary><c>10m</c>, or seconds.</summary>
    public static bool TryDuration(string text, out TimeSpan duration)
    {
        if (double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds) && seconds < 1e9)
        {
            duration = TimeSpan.FromSeconds(seconds);
            return true;
        }

        return Durations.TryParse(text, out duration);
    }

    private static Fault Wrong(string key, string value, string right) => BackboneFaults.BadRequest.With($"{key}: '{value}' is not {right}");

    private Fault? Read(ref Utf8JsonReader json, ReadOnlySpan<string> allowed)
    {
        if (!json.Read() || json.TokenType != JsonTokenType.StartObject)
        {
            return BackboneFaults.BadRequest.With($"the body is not an object; send one such as {{\"{allowed[0]}\": …}}");
        }

        HashSet<string> seen = new(StringComparer.Ordinal);
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var key = json.GetString()!;
            if (!allowed.Contains(key))
            {
                return BackboneFaults.BadRequest.With($"unknown key '{key}'{Nearest.Suggest(key, allowed.ToArray())}");
            }

            if (!seen.Add(key))
            {
                return BackboneFaults.BadRequest.With($"the key '{key}' is there twice");
            }

            json.Read();
            if (ReadValue(ref json, key) is { } fault)
            {
                return fault;
            }
        }

        return json.Read() ? BackboneFaults.BadRequest.With("something follows the object") : null;
    }

    private Fault? ReadValue(ref Utf8JsonReader json, string key)
    {
        switch (key)
        {
            case "max":
                return json.TokenType == JsonTokenType.Number && json.TryGetInt32(out var max) && (Max = max) is not null ? null : Wrong(key, Show(json), "a whole number");
            case "reason":
                return json.TokenType == JsonTokenType.String && (Reason = json.GetString()!) is not null ? null : Wrong(key, Show(json), "a text");
            case "leases":
                return ReadLeases(ref json);
            default:
                if (!TryDuration(json.TokenType is JsonTokenType.String or JsonTokenType.Number ? Show(json) : "", out var duration))
                {
                    return Wrong(key, Show(json), "a duration such as \"30s\", or a number of seconds");
                }

                _ = key switch
                {
                    "wait" => Wait = duration,
                    "delay" => Delay = duration,
                    _ => By = duration,
                };
                return null;
        }
    }

    private Fault? ReadLeases(ref Utf8JsonReader json)
    {
        if (json.TokenType != JsonTokenType.StartArray)
        {
            return Wrong("leases", Show(json), "a list of leases");
        }

        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            if (json.TokenType != JsonTokenType.String || !LeaseToken.TryParse(json.GetString(), out var lease))
            {
                return Wrong("leases", Show(json), "a lease as 'receive' gives it, such as \"3-1f-2a\"");
            }

            if (Leases.Count == MostLeases)
            {
                return BackboneFaults.BadRequest.With($"more than {MostLeases} leases; send them in several requests");
            }

            Leases.Add(lease);
        }

        return null;
    }

    private static string Show(in Utf8JsonReader json) => json.TokenType switch
    {
        JsonTokenType.String => Clip(json.GetString()!),
        JsonTokenType.Number => json.HasValueSequence ? "a number" : System.Text.Encoding.ASCII.GetString(json.ValueSpan),
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "a list",
        JsonTokenType.Null => "null",
        _ => json.TokenType.ToString().ToLowerInvariant(),
    };

    private static string Clip(string text) => text.Length <= 64 ? text : text[..64] + "…";
}

/// <summary>Writes answers by hand, without a tree or a string in between.</summary>
internal static class ApiJson
{
    public const string ContentType = "application/json";

    /// <summary><c>2026-01-31T12:00:00.000000Z</c></summary>
    public static void WriteTime(Utf8JsonWriter json, ReadOnlySpan<byte> name, long microseconds)
        => json.WriteString(name, UnixTime.FromMicroseconds(microseconds).UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture));

    public static Task AnswerAsync(in ApiCall call, int status, ReadOnlyMemory<byte> body, string contentType = ContentType)
    {
        var response = call.Context.Response;
        response.StatusCode = status;
        response.ContentType = contentType;
        response.ContentLength = body.Length;
        call.Counts?.BytesOut += body.Length;
        return response.BodyWriter.WriteAsync(body, call.Left).AsTask();
    }
}
