using System.Net;
using System.Net.Sockets;
using Lakou.Transport.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lakou.Transport;

/// <summary>What moves the bytes of a process.</summary>
public enum TransportKind
{
    /// <summary>io_uring where the kernel offers all that it takes, else the sockets of the runtime.</summary>
    Auto,

    /// <summary>io_uring, or a failure to start.</summary>
    IoUring,

    /// <summary>The sockets of the runtime.</summary>
    Sockets,
}

/// <summary>
/// Connections that others open to us and that we open to others, over one set of event loops. Every connection is a
/// <see cref="ConnectionContext"/> with two pipes and the features <see cref="IHalfCloseFeature"/>, <see cref="IReceiveTimestampFeature"/>
/// and <see cref="ILoopFeature"/>. One transport serves a whole process; it outlives the servers that bind it.
/// </summary>
public abstract class LakouTransport : IConnectionListenerFactory, IConnectionListenerFactorySelector, IConnectionFactory, IAsyncDisposable
{
    /// <summary>What it turned out to be: never <see cref="TransportKind.Auto"/>.</summary>
    public abstract TransportKind Kind { get; }

    /// <summary>Event loops, each with its number from 0. 1 when the runtime's own serve.</summary>
    public abstract int Loops { get; }

    /// <summary>The loop that runs the caller; -1 on any other thread.</summary>
    public abstract int CurrentLoop { get; }

    /// <summary>Blocks of memory that connections hold.</summary>
    internal abstract int OutstandingBlocks { get; }

    /// <exception cref="PlatformNotSupportedException"><see cref="TransportKind.IoUring"/> was asked for and cannot be had; the message says why.</exception>
    public static LakouTransport Start(TransportOptions? options = null, ILoggerFactory? loggers = null)
        => new SocketTransport(options ?? new TransportOptions(), loggers ?? NullLoggerFactory.Instance);

    /// <summary>Listens on an <see cref="IPEndPoint"/>, a <see cref="UnixDomainSocketEndPoint"/>, or accepts from the socket of a <see cref="ListenSocketEndPoint"/>.</summary>
    /// <exception cref="AddressInUseException">Somebody else listens there.</exception>
    /// <exception cref="IOException">Any other reason; the message names the address.</exception>
    public abstract ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default);

    /// <summary>
    /// Opens a connection on the loop of the caller, or on any when there is none. A name is resolved, and its addresses are tried in turn.
    /// </summary>
    /// <param name="endpoint">An <see cref="IPEndPoint"/>, a <see cref="DnsEndPoint"/> or a <see cref="UnixDomainSocketEndPoint"/>.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="SocketException">Why there is none.</exception>
    public abstract ValueTask<ConnectionContext> ConnectAsync(EndPoint endpoint, CancellationToken cancellationToken = default);

    public bool CanBind(EndPoint endpoint) => endpoint is IPEndPoint or UnixDomainSocketEndPoint or ListenSocketEndPoint;

    /// <summary>Ends the loops. Connections that are still open are reset.</summary>
    public abstract ValueTask DisposeAsync();
}
