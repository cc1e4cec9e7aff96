using System.Net;
using System.Net.Sockets;
using Lakou.Transport.Sockets;
using Lakou.Transport.Uring;
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

    /// <summary>Times that something blocked a loop; always 0 without loops of our own.</summary>
    public virtual long Stalls => 0;

    /// <summary>Blocks of memory that connections hold.</summary>
    internal abstract int OutstandingBlocks { get; }

    /// <exception cref="PlatformNotSupportedException"><see cref="TransportKind.IoUring"/> was asked for and cannot be had; the message says why.</exception>
    public static LakouTransport Start(TransportOptions? options = null, ILoggerFactory? loggers = null)
    {
        options ??= new TransportOptions();
        var log = (loggers ?? NullLoggerFactory.Instance).CreateLogger("Lakou.Transport");
        var kind = options.Kind == TransportKind.Auto ? KindOfEnvironment() : options.Kind;
        if (kind == TransportKind.Sockets)
        {
            return new SocketTransport(options, log);
        }

        try
        {
            return OperatingSystem.IsLinux() && Environment.Is64BitProcess
                ? new UringTransport(options, log)
                : throw new PlatformNotSupportedException("io_uring is Linux's, on 64 bits");
        }
        catch (PlatformNotSupportedException e) when (kind == TransportKind.Auto)
        {
            log.LogInformation("Connections use the sockets of the runtime, not io_uring: {Reason}", e.Message);
            return new SocketTransport(options, log);
        }
    }

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

    // For a host where the file cannot say it: one image for many, or a test of everything on the other transport.
    private static TransportKind KindOfEnvironment() => Environment.GetEnvironmentVariable("LAKOU_TRANSPORT") switch
    {
        "io_uring" => TransportKind.IoUring,
        "sockets" => TransportKind.Sockets,
        _ => TransportKind.Auto,
    };
}
