using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Lakou.Core.Faults;
using Lakou.Gateway.Grpc;
using Lakou.Gateway.Observation;
using Lakou.Gateway.Upstreams;
using Lakou.Gateway.Upstreams.Http2;
using Lakou.Http;

namespace Lakou.Gateway.Forwarding.Http2;

/// <summary>
/// Makes the request that an endpoint gets over HTTP/2: the head that it would get over HTTP/1.1, read line by line, so that there is one
/// set of rules about what passes and what is ours.
/// </summary>
internal static class RequestComposer
{
    // Written by the protocol, or of no use to it: HTTP/2 has no need for Expect, and its client cannot send trailers.
    private static readonly FieldSet OfTheProtocol =
        new(KnownField.ContentLength, KnownField.TransferEncoding, KnownField.Trailer, KnownField.Expect);

    /// <returns>The fault, when the request cannot be said over HTTP/2.</returns>
    public static Fault? Compose(Exchange exchange, UpstreamPlan plan, EndpointAddress address, RequestFraming framing, TraceContext trace, HttpContent? body, out Http2Request request)
    {
        var target = exchange.ForwardTarget;
        if (!target.StartsWith('/'))
        {
            request = null!;
            return GatewayFaults.Unsupported.With("A request for '*' cannot be sent to an endpoint over HTTP/2.");
        }

        request = new Http2Request(exchange.Features.Request.Method, address, target) { Begun = exchange.Timestamp(), ConnectTimeout = plan.Timeouts.Connect, Content = body };
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
        var head = new HeadBuffer(pipe.Writer);
        RequestHeadWriter.Write(ref head, exchange, plan, address, framing with { ExpectContinue = false }, trace, upgrade: null);
        pipe.Writer.Complete();
        _ = pipe.Reader.TryRead(out var written);
        ReadFields(written.Buffer, request);
        pipe.Reader.Complete();

        // RFC 9113 §8.2.2: the one transfer option that HTTP/2 knows. gRPC servers ask for it.
        if (AcceptsTrailers(exchange.Features.Request.Headers.TE))
        {
            request.Headers.TryAddWithoutValidation("TE", "trailers");
        }

        if (GrpcTimeout.ToSend(exchange) is { } timeout)
        {
            request.Headers.Remove(GrpcTimeout.FieldName);
            request.Headers.TryAddWithoutValidation(GrpcTimeout.FieldName, timeout);
        }

        // What is no host would silently be another.
        return request.Headers.Host is null ? HttpFaults.BadHost.With("The Host field is none that can be sent over HTTP/2.") : null;
    }

    private static void ReadFields(in ReadOnlySequence<byte> head, Http2Request request)
    {
        var reader = new SequenceReader<byte>(head);
        reader.TryAdvanceTo((byte)'\n'); // the request line, which the message says itself
        while (reader.TryReadTo(out ReadOnlySpan<byte> line, "\r\n"u8) && !line.IsEmpty)
        {
            var colon = line.IndexOf((byte)':');
            var name = line[..colon];
            var known = KnownFields.Of(name);
            if (!OfTheProtocol.Contains(known))
            {
                Add(request, known == KnownField.Other ? Encoding.Latin1.GetString(name) : KnownFields.NameOf(known), Encoding.Latin1.GetString(FieldGrammar.TrimOws(line[(colon + 1)..])));
            }
        }
    }

    private static void Add(Http2Request request, string name, string value)
    {
        if (!request.Headers.TryAddWithoutValidation(name, value))
        {
            // The library keeps fields about the body beside the body.
            request.Content ??= new ByteArrayContent([]);
            request.Content.Headers.TryAddWithoutValidation(name, value);
        }
    }

    private static bool AcceptsTrailers(Microsoft.Extensions.Primitives.StringValues te)
        => te.Any(static value => value!.Split(',').Any(static option => option.AsSpan().Trim(" \t").Equals("trailers", StringComparison.OrdinalIgnoreCase)));
}
