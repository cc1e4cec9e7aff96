using System.Net.Sockets;
using Lakou.Gateway.Observation;
using Lakou.Gateway.Upstreams;
using Lakou.Gateway.Upstreams.Balancing;
using Lakou.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace Lakou.Gateway.Forwarding;

/// <summary>How the body of a forwarded request is framed.</summary>
internal readonly record struct RequestFraming(BodyKind Kind, long Length, bool ExpectContinue)
{
    /// <summary>False also for a body that is declared and empty.</summary>
    public bool HasBody => Kind == BodyKind.Chunked || Length > 0;
}

/// <summary>
/// Writes the head that an endpoint sees: the client's fields as they came, without what belongs to one hop
/// (RFC 9110 §7.6.1), with our own account of the client.
/// </summary>
internal static class RequestHeadWriter
{
    private static readonly FieldSet NeverPass = FieldSet.Where(field => IsOurs(field) || KnownFields.IsHopByHop(field));

    private static readonly FieldSet NeverPassButTrailer = NeverPass.Without(KnownField.Trailer);

    private static readonly FieldSet NeverPassNorCookie = FieldSet.Where(field => NeverPass.Contains(field) || field == KnownField.Cookie);

    private static readonly FieldSet NeverPassNorCookieButTrailer = NeverPassNorCookie.Without(KnownField.Trailer);

    public static void Write(
        ref HeadBuffer head,
        Exchange exchange,
        UpstreamPlan upstream,
        EndpointAddress endpoint,
        RequestFraming framing,
        TraceContext trace,
        string? upgrade)
    {
        var request = exchange.Features.Request;

        // 1. Request line and Host, which RFC 9110 §7.2 wants first.
        head.Write(request.Method.AsSpan());
        head.Write(" "u8);
        head.Write(exchange.ForwardPath.Span);
        head.Write(exchange.Target.Query.Span);
        head.Write(" HTTP/1.1\r\nHost: "u8);
        var host = request.Headers is FieldTable table ? table.TextOf(KnownField.Host) : request.Headers.Host.ToString();
        head.Write((upstream.Host == HostMode.Endpoint || host.Length == 0 ? endpoint.Authority : host).AsSpan());
        head.Write("\r\n"u8);

        // 2. The client's fields. The cookie that brought it to this endpoint is none of the endpoint's business.
        var hidden = upstream.Balance.Sticky is { Options.Forward: false } sticky ? sticky.CookieName : null;
        if (request.Headers is FieldTable fields)
        {
            if (hidden is not null && fields.Contains(KnownField.Cookie))
            {
                fields.WriteLines(ref head, framing.Kind == BodyKind.Chunked ? NeverPassNorCookieButTrailer : NeverPassNorCookie);
                CookiePairs.WriteWithout(ref head, fields, hidden);
            }
            else
            {
                fields.WriteLines(ref head, framing.Kind == BodyKind.Chunked ? NeverPassButTrailer : NeverPass);
            }
        }
        else
        {
            WriteFields(ref head, request.Headers, framing, hidden);
        }

        // 3. Framing and connection.
        switch (framing.Kind)
        {
            case BodyKind.Length:
                head.Write("Content-Length: "u8);
                head.Write(framing.Length);
                head.Write("\r\n"u8);
                break;
            case BodyKind.Chunked:
                head.Write("Transfer-Encoding: chunked\r\n"u8);
                break;
        }

        if (framing.ExpectContinue)
        {
            head.Write("Expect: 100-continue\r\n"u8);
        }

        if (upgrade is not null)
        {
            head.Write("Connection: Upgrade\r\n"u8);
            head.Field("Upgrade"u8, upgrade.AsSpan());
        }

        // 4. Our account of the client, and the trace.
        WriteAccount(ref head, exchange, host);
        WriteTrace(ref head, trace);
        head.Write("\r\n"u8);
        head.End();
    }

    private static void WriteFields(ref HeadBuffer head, IHeaderDictionary fields, RequestFraming framing, byte[]? hidden)
    {
        foreach (var (name, values) in fields)
        {
            var known = KnownFields.Of(name);
            if (known == KnownField.Cookie)
            {
                // RFC 9113 §8.2.3: crumbs of a cookie are joined when they leave HTTP/2.
                var cookie = string.Join("; ", (IEnumerable<string?>)values);
                if (hidden is null)
                {
                    head.Field("Cookie"u8, cookie.AsSpan());
                }
                else
                {
                    CookiePairs.WriteWithout(ref head, cookie, hidden);
                }
            }
            else if (!(framing.Kind == BodyKind.Chunked ? NeverPassButTrailer : NeverPass).Contains(known))
            {
                foreach (var value in values)
                {
                    head.Field(name.AsSpan(), value.AsSpan());
                }
            }
        }
    }

    /// <summary>Who asks, and by which way.</summary>
    public static void WriteAccount(ref HeadBuffer head, Exchange exchange, string host)
    {
        WriteForwarded(ref head, exchange, host);
        WriteVia(ref head, exchange.Features.Request);
    }

    public static void WriteTrace(ref HeadBuffer head, TraceContext trace)
    {
        head.Write("traceparent: "u8);
        head.Advance(trace.WriteTraceparent(head.Room(TraceContext.TraceparentLength)));
        head.Write("\r\n"u8);
        if (trace.State is { Length: > 0 } state)
        {
            head.Field("tracestate"u8, state.AsSpan());
        }
    }

    /// <summary>Fields that are written here and nowhere else, whatever the client sent.</summary>
    public static bool IsOurs(KnownField field) => field
        is KnownField.Host or KnownField.ContentLength or KnownField.TransferEncoding or KnownField.Expect or KnownField.Via
        or KnownField.XForwardedFor or KnownField.XForwardedProto or KnownField.XForwardedHost or KnownField.Forwarded
        or KnownField.Traceparent or KnownField.Tracestate;

    private static void WriteForwarded(ref HeadBuffer head, Exchange exchange, string host)
    {
        var trusted = exchange.Rules.Trusts(exchange.ClientAddress);
        var headers = exchange.Features.Request.Headers;
        var scheme = exchange.Features.Request.Scheme;

        // X-Forwarded-For and Forwarded grow by the peer; Proto and Host are the first proxy's word.
        head.Write("X-Forwarded-For: "u8);
        if (trusted)
        {
            WriteList(ref head, headers["X-Forwarded-For"]);
        }

        WriteAddress(ref head, exchange);
        head.Write("\r\nX-Forwarded-Proto: "u8);
        head.Write((trusted && headers["X-Forwarded-Proto"] is { Count: > 0 } proto ? proto.ToString() : scheme).AsSpan());
        head.Write("\r\nX-Forwarded-Host: "u8);
        head.Write((trusted && headers["X-Forwarded-Host"] is { Count: > 0 } forwardedHost ? forwardedHost.ToString() : host).AsSpan());
        head.Write("\r\nForwarded: "u8);
        if (trusted)
        {
            WriteList(ref head, headers["Forwarded"]);
        }

        // RFC 7239 §4: an IPv6 address and anything with a colon are quoted.
        var v6 = exchange.ClientAddress?.AddressFamily == AddressFamily.InterNetworkV6;
        head.Write(v6 ? "for=\"["u8 : "for="u8);
        WriteAddress(ref head, exchange);
        head.Write(v6 ? "]\";host=\""u8 : ";host=\""u8);
        head.Write(host.AsSpan());
        head.Write("\";proto="u8);
        head.Write(scheme.AsSpan());
        head.Write("\r\n"u8);
    }

    private static void WriteList(ref HeadBuffer head, StringValues values)
    {
        foreach (var value in values)
        {
            head.Write(value.AsSpan());
            head.Write(", "u8);
        }
    }

    /// <summary>A Unix socket has no address; the word is RFC 7239 §6.2's.</summary>
    private static void WriteAddress(ref HeadBuffer head, Exchange exchange)
        => head.Write(exchange.ClientText.IsEmpty ? "unknown"u8 : exchange.ClientText);

    private static void WriteVia(ref HeadBuffer head, IHttpRequestFeature request)
    {
        head.Write("Via: "u8);
        if (request.Headers is not FieldTable fields || fields.Contains(KnownField.Via))
        {
            WriteList(ref head, request.Headers.Via);
        }

        var protocol = request.Protocol.AsSpan();
        head.Write(protocol.StartsWith("HTTP/") ? protocol[5..] : "1.1");
        head.Write(" lakou\r\n"u8);
    }
}
