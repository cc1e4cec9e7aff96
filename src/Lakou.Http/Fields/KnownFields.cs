using System.Text;

namespace Lakou.Http;

/// <summary>Names and properties of the <see cref="KnownField"/>s.</summary>
public static class KnownFields
{
    private static readonly string[] Names =
    [
        "", "Accept", "Accept-Encoding", "Accept-Language", "Age", "Allow", "Authorization", "Cache-Control", "Connection",
        "Content-Encoding", "Content-Length", "Content-Range", "Content-Type", "Cookie", "Date", "ETag", "Expect", "Expires",
        "Forwarded", "Host", "HTTP2-Settings", "Idempotency-Key", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range",
        "If-Unmodified-Since", "Keep-Alive", "Last-Modified", "Location", "Max-Forwards", "Origin", "Pragma", "Proxy-Authenticate",
        "Proxy-Authorization", "Proxy-Connection", "Range", "Referer", "Retry-After", "Sec-WebSocket-Accept", "Sec-WebSocket-Key",
        "Sec-WebSocket-Version", "Server", "Set-Cookie", "TE", "traceparent", "tracestate", "Trailer", "Transfer-Encoding", "Upgrade",
        "User-Agent", "Vary", "Via", "Warning", "WWW-Authenticate", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port",
        "X-Forwarded-Proto", "X-Request-Id",
    ];

    private static readonly byte[][] Bytes = [.. Names.Select(Encoding.ASCII.GetBytes)];

    /// <summary>Indexed by the length of a name: the few fields that have this length.</summary>
    private static readonly KnownField[][] ByLength =
        [.. Enumerable.Range(0, Names.Max(n => n.Length) + 1).Select(length =>
            Enumerable.Range(1, Names.Length - 1).Where(i => Names[i].Length == length).Select(i => (KnownField)i).ToArray())];

    /// <summary>The field with this name in any case, or <see cref="KnownField.Other"/>.</summary>
    public static KnownField Of(ReadOnlySpan<byte> name)
    {
        if ((uint)name.Length >= (uint)ByLength.Length)
        {
            return KnownField.Other;
        }

        foreach (var field in ByLength[name.Length])
        {
            var known = Bytes[(int)field];
            // The first byte tells most names of one length apart; all first bytes are letters, so bit 5 is their case.
            if ((name[0] | 0x20) == (known[0] | 0x20) && Ascii.EqualsIgnoreCase(name, known))
            {
                return field;
            }
        }

        return KnownField.Other;
    }

    /// <summary>As for bytes.</summary>
    public static KnownField Of(ReadOnlySpan<char> name)
    {
        if ((uint)name.Length >= (uint)ByLength.Length)
        {
            return KnownField.Other;
        }

        foreach (var field in ByLength[name.Length])
        {
            var known = Bytes[(int)field];
            if ((name[0] | 0x20) == (known[0] | 0x20) && Ascii.EqualsIgnoreCase(known, name))
            {
                return field;
            }
        }

        return KnownField.Other;
    }

    /// <summary>The name as its specification writes it; empty for <see cref="KnownField.Other"/>.</summary>
    public static string NameOf(KnownField field) => Names[(int)field];

    /// <summary>The bytes of <see cref="NameOf"/>.</summary>
    public static ReadOnlySpan<byte> BytesOf(KnownField field) => Bytes[(int)field];

    /// <summary>
    /// Whether the field speaks only of this connection and is never forwarded: those of RFC 9110 §7.6.1 and §11.7 (proxy
    /// authentication is between a client and its proxy), Keep-Alive and Proxy-Connection, and HTTP2-Settings (RFC 7540 §3.2.1).
    /// Fields named by Connection come on top: <see cref="FieldTable.ListContains(KnownField, ReadOnlySpan{byte})"/>.
    /// </summary>
    public static bool IsHopByHop(KnownField field) => field is
        KnownField.Connection or KnownField.Http2Settings or KnownField.KeepAlive or KnownField.ProxyAuthenticate or
        KnownField.ProxyAuthorization or KnownField.ProxyConnection or KnownField.Te or KnownField.Trailer or
        KnownField.TransferEncoding or KnownField.Upgrade;

    /// <summary>
    /// Whether the field means nothing, or mischief, after the content: framing, routing, request modifiers, authentication,
    /// response control data, how to read the content (RFC 9110 §6.5.1), and who sent it.
    /// </summary>
    public static bool IsForbiddenInTrailers(KnownField field) => IsHopByHop(field) || field is
        KnownField.Age or KnownField.Authorization or KnownField.CacheControl or KnownField.ContentEncoding or
        KnownField.ContentLength or KnownField.ContentRange or KnownField.ContentType or KnownField.Cookie or KnownField.Date or
        KnownField.Expect or KnownField.Expires or KnownField.Forwarded or KnownField.Host or KnownField.IdempotencyKey or
        KnownField.IfMatch or KnownField.IfModifiedSince or KnownField.IfNoneMatch or KnownField.IfRange or
        KnownField.IfUnmodifiedSince or KnownField.Location or KnownField.MaxForwards or KnownField.Pragma or KnownField.Range or
        KnownField.RetryAfter or KnownField.SetCookie or KnownField.Vary or KnownField.Via or KnownField.Warning or
        KnownField.WwwAuthenticate or KnownField.XForwardedFor or KnownField.XForwardedHost or KnownField.XForwardedPort or
        KnownField.XForwardedProto or KnownField.XRequestId;
}
