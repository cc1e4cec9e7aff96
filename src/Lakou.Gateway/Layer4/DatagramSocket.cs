using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Lakou.Gateway.Layer4;

/// <summary>
/// A bound socket for datagrams, and who talks through it. Both outlive the listener: one that takes over the socket
/// goes on with its sessions. No operation on it ever waits; what the kernel does not take at once is dropped, as on any wire.
/// </summary>
internal sealed class DatagramSocket : IDisposable
{
    private int _sessionCount;
    private volatile bool _isClosed;

    private DatagramSocket(Socket socket)
    {
        socket.Blocking = false;
        Socket = socket;
        LocalEndPoint = socket.LocalEndPoint!;
    }

    public Socket Socket { get; }

    /// <summary>Whose rules hold: the last that took the socket, whoever receives.</summary>
    public UdpRelayListener? Listener { get; set; }

    /// <summary>The address as bound: a port 0 has become the real one.</summary>
    public EndPoint LocalEndPoint { get; }

    /// <summary>By the client's address and port.</summary>
    public ConcurrentDictionary<SocketAddress, UdpSession> Sessions { get; } = new();

    public bool IsClosed => _isClosed;

    public int SessionCount => Volatile.Read(ref _sessionCount);

    /// <summary>As for TCP, <c>[::]</c> takes IPv4 too, and means <c>0.0.0.0</c> on a host without IPv6.</summary>
    /// <exception cref="IOException">The message names the address.</exception>
    public static DatagramSocket Bind(EndPoint endPoint)
    {
        var socket = new Socket(endPoint.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            if (endPoint is IPEndPoint { Address: var address } && address.Equals(IPAddress.IPv6Any))
            {
                socket.DualMode = true;
            }

            socket.Bind(endPoint);
            return new(socket);
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw new IOException($"Cannot listen on {endPoint}: {e.Message}", e);
        }
    }

    /// <summary>False when there are as many as may be.</summary>
    public bool TryEnter(int max)
    {
        if (Interlocked.Increment(ref _sessionCount) <= max)
        {
            return true;
        }

        Interlocked.Decrement(ref _sessionCount);
        return false;
    }

    public void Leave() => Interlocked.Decrement(ref _sessionCount);

    public void Remove(SocketAddress client, UdpSession session)
    {
        Sessions.TryRemove(KeyValuePair.Create(client, session)); // perhaps it was replaced: two listeners receive during a hand-over
        Leave();
    }

    public void EndSessions()
    {
        foreach (var session in Sessions.Values)
        {
            session.End();
        }
    }

    /// <summary>Closes the socket, through which alone its clients can be answered: their sessions end with it.</summary>
    public void Dispose()
    {
        _isClosed = true;
        Socket.Dispose();
        EndSessions();
    }
}
