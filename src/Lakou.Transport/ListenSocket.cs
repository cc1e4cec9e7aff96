using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace Lakou.Transport;

/// <summary>
/// A bound, listening socket that outlives the servers which accept from it. On handover the new server binds <see cref="AsEndPoint"/>
/// before the old one unbinds: the kernel's queue of finished handshakes is never closed, so no connection is refused or lost.
/// </summary>
public sealed class ListenSocket : IDisposable
{
    private ListenSocket(Socket socket)
    {
        Socket = socket;
        LocalEndPoint = socket.LocalEndPoint!;
    }

    /// <summary>The address as bound: a port 0 has become the real one.</summary>
    public EndPoint LocalEndPoint { get; }

    internal Socket Socket { get; }

    /// <summary>A listener has left, and may have kept from the others that a connection is in the queue.</summary>
    internal event Action? LeftUnseen;

    /// <summary>
    /// Binds and listens. <c>[::]</c> takes IPv4 too, and means <c>0.0.0.0</c> on a host without IPv6. A Unix socket file to which nobody answers is replaced.
    /// </summary>
    /// <param name="endPoint"><see cref="IPEndPoint"/> or <see cref="UnixDomainSocketEndPoint"/>.</param>
    /// <param name="options">Those that concern a listening socket: backlog, no delay, keep-alive.</param>
    /// <exception cref="AddressInUseException">Somebody else listens there.</exception>
    /// <exception cref="IOException">Any other reason; the message names the address.</exception>
    public static ListenSocket Bind(EndPoint endPoint, TransportOptions? options = null)
    {
        options ??= new TransportOptions();
        try
        {
            return new ListenSocket(Open(endPoint, options));
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse
            && endPoint is UnixDomainSocketEndPoint unix && UnixSocketFile.RemoveIfStale(unix))
        {
            return Bind(endPoint, options);
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.AddressFamilyNotSupported or SocketError.AddressNotAvailable
            && endPoint is IPEndPoint ip && ip.Address.Equals(IPAddress.IPv6Any))
        {
            return Bind(new IPEndPoint(IPAddress.Any, ip.Port), options);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            throw new AddressInUseException($"{endPoint} is in use.", e);
        }
        catch (SocketException e)
        {
            throw new IOException($"Cannot listen on {endPoint}: {e.Message}", e);
        }
    }

    /// <summary>What a server binds to accept from this socket.</summary>
    public ListenSocketEndPoint AsEndPoint() => new(this);

    internal void LeaveUnseen() => LeftUnseen?.Invoke();

    /// <summary>Closes the socket; a Unix socket's file is removed. Listeners still accepting from it end.</summary>
    public void Dispose()
    {
        try
        {
            // An accept under way holds the socket open; this ends it, and connects are refused from here on.
            Socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Closed before.
        }

        Socket.Dispose();
    }

    private static Socket Open(EndPoint endPoint, TransportOptions options)
    {
        var isTcp = endPoint switch
        {
            IPEndPoint => true,
            UnixDomainSocketEndPoint => false,
            _ => throw new NotSupportedException($"{endPoint} ({endPoint.GetType().Name}) is neither an IP address with port nor a Unix socket."),
        };
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, isTcp ? ProtocolType.Tcp : ProtocolType.Unspecified);
        try
        {
            if (isTcp)
            {
                // Accepted sockets inherit these from the listening one: no system call for each connection.
                socket.NoDelay = options.NoDelay;
                socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, options.KeepAlive);
                if (options.UserTimeout > TimeSpan.Zero && OperatingSystem.IsLinux())
                {
                    const int userTimeout = 18; // TCP_USER_TIMEOUT, in milliseconds
                    socket.SetRawSocketOption((int)SocketOptionLevel.Tcp, userTimeout, BitConverter.GetBytes((int)options.UserTimeout.TotalMilliseconds));
                }
            }

            if (endPoint is IPEndPoint ip && ip.Address.Equals(IPAddress.IPv6Any))
            {
                socket.DualMode = true;
            }

            socket.Bind(endPoint);
            socket.Listen(options.Backlog);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}

/// <summary>The address of a <see cref="ListenSocket"/>: whoever binds it accepts from that socket, and does not close it.</summary>
public sealed class ListenSocketEndPoint : EndPoint
{
    internal ListenSocketEndPoint(ListenSocket listenSocket) => ListenSocket = listenSocket;

    internal ListenSocket ListenSocket { get; }

    public override AddressFamily AddressFamily => ListenSocket.LocalEndPoint.AddressFamily;

    public override SocketAddress Serialize() => ListenSocket.LocalEndPoint.Serialize();

    /// <summary>The bound address, as servers print it.</summary>
    public override string ToString() => ListenSocket.LocalEndPoint.ToString()!;
}
