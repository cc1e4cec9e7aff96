using System.Net.Sockets;
using System.Security.Authentication;
using Lakou.Gateway.Tls;
using Lakou.Transport;
using Microsoft.AspNetCore.Connections;

namespace Lakou.Gateway.Upstreams.Http2;

/// <summary>A connection of ours as the stream that the client of HTTP/2 wants.</summary>
internal sealed class DialledStream : PipeStream
{
    private readonly ConnectionContext _connection;
    private readonly EndpointState? _endpoint;
    private int _closed;

    private DialledStream(ConnectionContext connection, EndpointState? endpoint)
        : base(connection.Transport)
    {
        (_connection, _endpoint) = (connection, endpoint);
        endpoint?.OnHttp2Opened();
    }

    /// <param name="transport">Whose loops it lives on.</param>
    /// <param name="address">Where to; over TLS the stream is that of TLS, as the client of HTTP/2 wants it.</param>
    /// <param name="endpoint">Counts the connection while it is open; none for that of a probe.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="SocketException">There is no connection.</exception>
    /// <exception cref="AuthenticationException">The endpoint is not to be trusted, or does not agree to HTTP/2.</exception>
    public static async Task<Stream> OpenAsync(LakouTransport transport, EndpointAddress address, EndpointState? endpoint, CancellationToken cancellationToken)
    {
        var connection = await transport.ConnectAsync(address.EndPoint, cancellationToken);
        var stream = new DialledStream(connection, endpoint);
        try
        {
            return address.Tls is { } tls ? await tls.OpenHttp2Async(connection, stream, address.Host, cancellationToken) : stream;
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing && Interlocked.Exchange(ref _closed, 1) == 0)
        {
            _endpoint?.OnHttp2Closed();
            _connection.Transport.Input.CancelPendingRead(); // the client of HTTP/2 always reads
            _ = _connection.DisposeAsync().AsTask(); // never throws
        }

        base.Dispose(disposing);
    }
}
