using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lakou.Transport;

/// <summary>
/// Connections for Kestrel over <see cref="System.Net.Sockets"/>, with what its own transport lacks: half-close
/// (<see cref="IHalfCloseFeature"/>), listening sockets that servers hand to each other (<see cref="ListenSocket"/>) and the time
/// at which bytes came (<see cref="IReceiveTimestampFeature"/>). Both features are on every connection.
/// </summary>
public sealed class SocketTransport(SocketTransportOptions? options = null, ILoggerFactory? loggers = null)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    private readonly SocketConnectionFactory _connections =
        new(options ?? new SocketTransportOptions(), (loggers ?? NullLoggerFactory.Instance).CreateLogger("Lakou.Transport"));

    internal PinnedBlockPool Pool => _connections.Pool;

    /// <summary>Listens on an <see cref="IPEndPoint"/>, a <see cref="UnixDomainSocketEndPoint"/>, or accepts from the socket of a <see cref="ListenSocketEndPoint"/>.</summary>
    /// <exception cref="AddressInUseException">Somebody else listens there.</exception>
    /// <exception cref="IOException">Any other reason; the message names the address.</exception>
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var (socket, isShared) = endpoint is ListenSocketEndPoint shared
            ? (shared.ListenSocket, true)
            : (ListenSocket.Bind(endpoint, _connections.Options), false);
        return new(new SocketListener(socket, isShared, _connections));
    }

    public bool CanBind(EndPoint endpoint) => endpoint is IPEndPoint or UnixDomainSocketEndPoint or ListenSocketEndPoint;
}
