using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Lakou.Transport.Sockets;

/// <summary>
/// Connections over <see cref="System.Net.Sockets"/>, with what Kestrel's own transport lacks: half-close, listening sockets that
/// servers hand to each other (<see cref="ListenSocket"/>), the time at which bytes came, and a way to open connections.
/// </summary>
internal sealed class SocketTransport(TransportOptions options, ILogger log) : LakouTransport
{
    private readonly SocketConnectionFactory _connections = new(options, log);

    public override TransportKind Kind => TransportKind.Sockets;

    public override int Loops => 1;

    public override int CurrentLoop => -1;

    internal override int OutstandingBlocks => _connections.Pool.Outstanding;

    public override ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var (socket, isShared) = endpoint is ListenSocketEndPoint shared
            ? (shared.ListenSocket, true)
            : (ListenSocket.Bind(endpoint, _connections.Options), false);
        return new(new SocketListener(socket, isShared, _connections));
    }

    public override async ValueTask<ConnectionContext> ConnectAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var socket = endpoint switch
        {
            UnixDomainSocketEndPoint => new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified),
            IPEndPoint ip => new Socket(ip.AddressFamily, SocketType.Stream, ProtocolType.Tcp),
            _ => new Socket(SocketType.Stream, ProtocolType.Tcp), // both families: a name may have addresses of either
        };
        try
        {
            if (endpoint is not UnixDomainSocketEndPoint)
            {
                socket.NoDelay = _connections.Options.NoDelay;
                socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, _connections.Options.KeepAlive);
            }

            await socket.ConnectAsync(endpoint, cancellationToken);
            return _connections.Start(socket, holdsPlace: false);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public override ValueTask DisposeAsync() => default;
}
