using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Gateway.Filters.GrpcWeb;

/// <summary>The frames of an answer, in base64 where the client wants it, and its trailers as the last of them.</summary>
internal sealed class GrpcWebResponseBody(IHttpResponseBodyFeature below, bool isText) : IHttpResponseBodyFeature, IHttpResponseTrailersFeature
{
    private const int HeadBytes = 5;

    public PipeWriter Writer { get; } = isText ? new Base64Writer(below.Writer) : below.Writer;

    public Stream Stream => Writer.AsStream(leaveOpen: true);

    public IHeaderDictionary Trailers { get; set; } = new HeaderDictionary();

    /// <summary>The answer of the endpoint was whole.</summary>
    public async Task EndAsync(CancellationToken cancellationToken)
    {
        if (Trailers.Count > 0)
        {
            var lines = Encoding.Latin1.GetBytes(string.Concat(Trailers.SelectMany(static field => field.Value, static (field, value) => $"{field.Key.ToLowerInvariant()}: {value}\r\n")));
            FrameCheck.WriteTrailersHead(Writer.GetSpan(HeadBytes), lines.Length);
            Writer.Advance(HeadBytes);
            Writer.Write(lines);
        }

        await Writer.FlushAsync(cancellationToken);
    }

    public Task StartAsync(CancellationToken cancellationToken = default) => below.StartAsync(cancellationToken);

    public Task CompleteAsync() => below.CompleteAsync();

    public void DisableBuffering() => below.DisableBuffering();

    public Task SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken = default)
        => SendFileFallback.SendFileAsync(Stream, path, offset, count, cancellationToken);
}
