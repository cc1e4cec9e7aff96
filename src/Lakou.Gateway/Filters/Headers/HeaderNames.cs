using Lakou.Core.Configuration;
using Lakou.Gateway.Forwarding;
using Lakou.Http;

namespace Lakou.Gateway.Filters.Headers;

/// <summary>Names and values of fields as configuration may write them.</summary>
internal static class HeaderNames
{
    // Framing and hop-by-hop fields are the gateway's own business: changing them would break messages apart.
    private static readonly string[] Reserved =
        ["Connection", "Content-Length", "Host", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade"];

    public static Shape<string> Shape { get; } = Shapes.Text(1, 256)
        .Where(IsToken, "letters, digits and '-' make a header name")
        .Where(IsFree, "headers of framing and connection are the gateway's own");

    /// <summary>For requests, of which the gateway writes some more fields itself.</summary>
    public static Shape<string> RequestShape { get; } = Shape
        .Where(IsFreeInRequests, "the gateway writes this field of requests itself");

    /// <summary>A field value: visible characters, spaces and tabs. Often a credential, so never shown.</summary>
    public static Shape<string> ValueShape { get; } = Shapes.Text(0, 8192)
        .Where(value => FieldGrammar.IsValue(value), "a header value has no line breaks, no control characters and none beyond U+00FF")
        .Secret();

    public static bool IsToken(string name) => FieldGrammar.IsToken(name);

    public static bool IsFree(string name) => !Reserved.Contains(name, StringComparer.OrdinalIgnoreCase);

    public static bool IsFreeInRequests(string name) => IsFree(name) && !RequestHeadWriter.IsOurs(KnownFields.Of(name));
}
