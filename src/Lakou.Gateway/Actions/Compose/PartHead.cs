using System.Buffers;
using System.IO.Pipelines;
using Lakou.Gateway.Forwarding;
using Lakou.Gateway.Observation;
using Lakou.Gateway.Upstreams;
using Lakou.Gateway.Upstreams.Balancing;
using Lakou.Http;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Actions.Compose;

/// <summary>The head of a part's request: what of the client's fields was chosen, and our own account of the client.</summary>
internal static class PartHead
{
    /// <summary>All but the trace and the empty line. Made before any part runs: the client's fields are not for several threads.</summary>
    public static byte[] Prepare(Exchange exchange, string target, PartPlan part, UpstreamPlan upstream, EndpointAddress endpoint)
    {
        var bytes = new MemoryStream(1024);
        var writer = PipeWriter.Create(bytes);
        var head = new HeadBuffer(writer);
        var host = exchange.Features.Request.Headers.Host.ToString();
        head.Write("GET "u8);
        head.Write(target.AsSpan());
        head.Write(" HTTP/1.1\r\nHost: "u8);
        head.Write((upstream.Host == HostMode.Endpoint || host.Length == 0 ? endpoint.Authority : host).AsSpan());
        head.Write("\r\nAccept: application/json\r\nAccept-Encoding: identity\r\n"u8);
        foreach (var name in part.Headers)
        {
            WriteField(ref head, exchange.Features.Request.Headers, name, upstream.Balance.Sticky);
        }

        RequestHeadWriter.WriteAccount(ref head, exchange, host);
        head.End();
        writer.Complete(); // writes at once: the stream is memory
        return bytes.ToArray();
    }

    public static void Write(PipeWriter output, byte[] prepared, TraceContext trace)
    {
        output.Write(prepared);
        var head = new HeadBuffer(output);
        RequestHeadWriter.WriteTrace(ref head, trace);
        head.Write("\r\n"u8);
        head.End();
    }

    private static void WriteField(ref HeadBuffer head, IHeaderDictionary fields, string name, StickyPlan? sticky)
    {
        var values = fields[name];
        if (KnownFields.Of(name) == KnownField.Cookie && values.Count > 0)
        {
            // One line, as RFC 9113 §8.2.3 has it; the cookie that chose the endpoint is none of its business.
            var cookie = string.Join("; ", (IEnumerable<string?>)values);
            CookiePairs.WriteWithout(ref head, cookie, sticky is { Options.Forward: false } ? sticky.CookieName : default);
            return;
        }

        foreach (var value in values)
        {
            head.Field(name.AsSpan(), value.AsSpan());
        }
    }
}
