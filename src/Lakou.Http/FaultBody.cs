using System.Text;
using System.Text.Json;
using Lakou.Core.Faults;

namespace Lakou.Http;

/// <summary>A fault as the body of a response: RFC 9457 problem details, or a line for people who asked for text.</summary>
public static class FaultBody
{
    public const string JsonType = "application/problem+json";
    public const string TextType = "text/plain; charset=utf-8";

    /// <param name="fault">What went wrong. Its detail is for who must act: clients read theirs, all others are for the log, because they name addresses.</param>
    /// <param name="accept">The request's Accept field, if any. A browser or a request for <c>text/*</c> gets text; all else gets JSON.</param>
    /// <param name="requestId">Repeated in the body so that a screenshot finds the log line.</param>
    public static (string ContentType, byte[] Body) Write(Fault fault, string? accept, string? requestId)
        => WantsText(accept) ? (TextType, Text(fault, requestId)) : (JsonType, Json(fault, requestId));

    private static bool WantsText(string? accept)
        => accept is not null
            && accept.Contains("text/", StringComparison.OrdinalIgnoreCase)
            && !accept.Contains("json", StringComparison.OrdinalIgnoreCase);

    private static string? ForClient(Fault fault) => fault.Code.Party == FaultParty.Client ? fault.Detail : fault.ClientDetail;

    private static byte[] Text(Fault fault, string? requestId)
        => Encoding.UTF8.GetBytes(
            $"{fault.Code.Status} {fault.Code.Title}\n{(ForClient(fault) is { } detail ? detail + "\n" : "")}\nfault: {fault.Code.Name}\n{(requestId is null ? "" : $"request: {requestId}\n")}");

    private static byte[] Json(Fault fault, string? requestId)
    {
        using var stream = new MemoryStream(256);
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteString("type", "urn:lakou:fault:" + fault.Code.Name);
            json.WriteString("title", fault.Code.Title);
            json.WriteNumber("status", fault.Code.Status);
            if (ForClient(fault) is { } detail)
            {
                json.WriteString("detail", detail);
            }

            json.WriteString("fault", fault.Code.Name);
            if (requestId is not null)
            {
                json.WriteString("request", requestId);
            }

            json.WriteEndObject();
        }

        stream.WriteByte((byte)'\n');
        return stream.ToArray();
    }
}
