using System.Text;
using Lakou.Http;

namespace Lakou.Gateway.Upstreams.Http2;

/// <summary>The runtime's client of HTTP/2 with nothing of what a browser would do: it speaks the protocol, we decide.</summary>
internal static class Http2Handler
{
    // Held for an answer that its client does not read. 256 KiB is 250 MB/s at a millisecond to the endpoint and back. A switch in the binary's
    // project keeps it so: windows that grow do so to 16 MiB, and are measured with pings, which gRPC servers count.
    private const int StreamWindowBytes = 256 * 1024;

    // A gRPC server may end a connection that pings more often than every five minutes (its GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS).
    private static readonly TimeSpan PingAfter = TimeSpan.FromMinutes(6);

    private static readonly TimeSpan PingTimeout = TimeSpan.FromSeconds(20); // gRPC's default

    public static SocketsHttpHandler Create(Func<SocketsHttpConnectionContext, CancellationToken, ValueTask<Stream>> dial) => new()
    {
        ConnectCallback = dial,
        ConnectTimeout = Timeout.InfiniteTimeSpan, // dialling has its own
        EnableMultipleHttp2Connections = true,
        InitialHttp2StreamWindowSize = StreamWindowBytes,
        KeepAlivePingDelay = PingAfter,
        KeepAlivePingTimeout = PingTimeout,
        KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
        MaxResponseHeadersLength = HeadLimits.Default.Bytes / 1024,
        RequestHeaderEncodingSelector = static (_, _) => Encoding.Latin1, // field values keep their bytes
        ResponseHeaderEncodingSelector = static (_, _) => Encoding.Latin1,
        ActivityHeadersPropagator = null,
        AllowAutoRedirect = false,
        AutomaticDecompression = System.Net.DecompressionMethods.None,
        UseCookies = false,
        UseProxy = false,
    };
}
