using System.Security.Cryptography;
using Lakou.Http.Server;
using Lakou.Http.Tasks;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Gateway.Listeners;

/// <summary>
/// A WebSocket over HTTP/2 (RFC 8441) as the upgrade of HTTP/1.1 that endpoints know. Kestrel offers it to every client, and
/// browsers take the offer, so it must work.
/// <code>
/// :method CONNECT, :protocol websocket   →  GET, Upgrade: websocket, Sec-WebSocket-Key
/// :status 200, the stream                ←  101, the connection
/// </code>
/// </summary>
internal sealed class Http2Upgrade(HttpContext context, IHttpExtendedConnectFeature connect) : IHttpUpgradeFeature, IHttpRequestBodyDetectionFeature
{
    public bool IsUpgradableRequest => true;

    /// <summary>What the client sends is the tunnel's.</summary>
    public bool CanHaveBody => false;

    /// <summary>Gives a request that asks for a WebSocket its form in HTTP/1.1; false for any other CONNECT.</summary>
    public static bool TryAdapt(HttpContext context)
    {
        if (context.Features.Get<IHttpExtendedConnectFeature>() is not { IsExtendedConnect: true, Protocol: "websocket" } connect)
        {
            return false;
        }

        var upgrade = new Http2Upgrade(context, connect);
        context.Features.Set<IHttpUpgradeFeature>(upgrade);
        context.Features.Set<IHttpRequestBodyDetectionFeature>(upgrade);
        context.Request.Method = HttpMethods.Get;
        context.Request.Headers.Upgrade = "websocket";
        context.Request.Headers.SecWebSocketKey = Convert.ToBase64String(RandomNumberGenerator.GetBytes(16)); // RFC 6455 §4.1
        return true;
    }

    public async Task<Stream> UpgradeAsync()
    {
        // RFC 8441 §5: none of these is used over HTTP/2.
        var fields = context.Response.Headers;
        fields.Remove("Connection");
        fields.Remove("Upgrade");
        fields.Remove("Sec-WebSocket-Accept");
        context.Response.StatusCode = StatusCodes.Status200OK;
        return new Tunnel(await connect.AcceptAsync(), context.Features.GetRequiredFeature<IHttpResponseBodyFeature>());
    }

    private sealed class Tunnel(Stream stream, IHttpResponseBodyFeature response) : AsyncStream, IHalfClosable
    {
        public ValueTask ShutdownSendAsync(CancellationToken cancellation) => new(response.CompleteAsync());

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => stream.ReadAsync(buffer, cancellationToken);

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => stream.WriteAsync(buffer, cancellationToken);

        public override Task FlushAsync(CancellationToken cancellationToken) => stream.FlushAsync(cancellationToken);
    }
}
