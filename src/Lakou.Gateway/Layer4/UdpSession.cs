using System.Buffers;
using System.Net;
using System.Net.Sockets;
using Lakou.Core.Faults;
using Lakou.Core.Time;
using Lakou.Gateway.Upstreams;

namespace Lakou.Gateway.Layer4;

/// <summary>
/// One client of a <c>udp</c> listener and its socket to an endpoint. It ends when nothing passes for the idle time, when the
/// endpoint's host says that nobody listens (ICMP), or with the listener's socket.
/// </summary>
internal sealed class UdpSession : ISwept
{
    private static readonly IPEndPoint s_v4 = new(IPAddress.Any, 0);
    private static readonly IPEndPoint s_v6 = new(IPAddress.IPv6Any, 0);

    private readonly SocketAddress _client;
    private readonly EndpointState _endpoint;
    private readonly TimeSpan _connectTimeout;
    private readonly RelayedConnection _entry;
    private readonly long _idleTicks;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Socket? _upstream;
    private long _lastDatagram;
    private long _bytesIn;
    private long _bytesOut;
    private bool _hasAnswer;
    private int _isOver;

    /// <param name="listener">Whose client it is.</param>
    /// <param name="client">Not written to any more.</param>
    /// <param name="endpoint">Chosen for it.</param>
    /// <param name="upstream">Of the endpoint.</param>
    public UdpSession(UdpRelayListener listener, SocketAddress client, EndpointState endpoint, UpstreamPlan upstream)
    {
        Listener = listener;
        _client = client;
        _endpoint = endpoint;
        _connectTimeout = upstream.Timeouts.Connect;
        _lastDatagram = Time.GetTimestamp();
        _idleTicks = (long)(listener.Plan.Options.Udp!.Idle.TotalSeconds * Time.TimestampFrequency);
        _entry = new(listener.Plan.Name, "udp", _lastDatagram)
        {
            Client = AddressOf(client),
            Upstream = upstream.Name,
            Endpoint = endpoint.Address.Text,
            Attempts = 1,
        };
    }

    public UdpRelayListener Listener { get; }

    public Task Ended => _ended.Task;

    public static IPAddress? AddressOf(SocketAddress client)
        => TcpSession.AddressOf((client.Family == AddressFamily.InterNetwork ? s_v4 : s_v6).Create(client));

    private TimeProvider Time => Listener.Gateway.Time;

    /// <summary>Known to everybody from here on. The datagram is sent, or kept until the endpoint's name is resolved.</summary>
    public void Begin(ReadOnlyMemory<byte> first)
    {
        _endpoint.Enter();
        _endpoint.Metrics.Active.Increment();
        Listener.Metrics.Connections.Open();
        Listener.Clients.Sessions[_client] = this;
        Listener.Sweeper.Add(this);
        _ = RunAsync(first);
    }

    /// <summary>From the client to the endpoint.</summary>
    public void Send(ReadOnlySpan<byte> datagram)
    {
        if (Volatile.Read(ref _upstream) is not { } upstream)
        {
            Listener.Metrics.Drop(DropReason.Opening);
            return;
        }

        Touch();
        var error = SocketError.OperationAborted;
        try
        {
            upstream.Send(datagram, SocketFlags.None, out error);
        }
        catch (ObjectDisposedException)
        {
            // It has just ended.
        }

        switch (error)
        {
            case SocketError.Success:
                Interlocked.Add(ref _bytesIn, datagram.Length);
                Listener.Metrics.In.Add(datagram.Length);
                return;
            case SocketError.WouldBlock or SocketError.NoBufferSpaceAvailable or SocketError.MessageSize:
                break;
            default:
                Break(new SocketException((int)error)); // what became of the datagram before this one
                break;
        }

        Listener.Metrics.Drop(ReasonOf(error));
    }

    public void Sweep(long now)
    {
        if (now - Volatile.Read(ref _lastDatagram) >= _idleTicks)
        {
            End();
        }
    }

    /// <summary>Nothing is wrong.</summary>
    public void End()
    {
        if (Interlocked.Exchange(ref _isOver, 1) == 0)
        {
            Finish(null);
        }
    }

    private async Task RunAsync(ReadOnlyMemory<byte> first)
    {
        try
        {
            if (_endpoint.Address.EndPoint is not IPEndPoint address)
            {
                first = first.ToArray(); // the buffer is the listener's
                address = await ResolveAsync((DnsEndPoint)_endpoint.Address.EndPoint);
            }

            var socket = await ConnectAsync(address);
            Interlocked.Exchange(ref _upstream, socket);
            if (Volatile.Read(ref _isOver) != 0)
            {
                socket.Dispose();
                return;
            }

            _endpoint.Metrics.Opened.Increment();
            Send(first.Span);
            await AnswerAsync(socket);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            Break(e);
        }
    }

    private async ValueTask<IPEndPoint> ResolveAsync(DnsEndPoint name)
    {
        using var timeout = new CancellationTokenSource(_connectTimeout, Time);
        var addresses = await Dns.GetHostAddressesAsync(name.Host, timeout.Token);
        return addresses.Length > 0 ? new(addresses[0], name.Port) : throw new SocketException((int)SocketError.HostNotFound);
    }

    /// <summary>Sends nothing: from now on only this address is heard, errors of its host among it.</summary>
    private static async ValueTask<Socket> ConnectAsync(IPEndPoint address)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp) { Blocking = false };
        try
        {
            await socket.ConnectAsync(address);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>From the endpoint to the client, as long as there is a session.</summary>
    private async Task AnswerAsync(Socket upstream)
    {
        var peek = new byte[1];
        while (true)
        {
            // Waits without taking the datagram: a session that waits holds one byte, not 64 KiB.
            await upstream.ReceiveAsync(peek, SocketFlags.Peek);
            var buffer = ArrayPool<byte>.Shared.Rent(UdpRelayListener.MaxDatagramBytes);
            try
            {
                while (TryReceive(upstream, buffer, out var count))
                {
                    Touch();
                    if (!_hasAnswer)
                    {
                        _hasAnswer = true;
                        _endpoint.Health.Succeeded();
                    }

                    Answer(buffer.AsSpan(0, count));
                }
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }
    }

    private static bool TryReceive(Socket upstream, byte[] buffer, out int count)
    {
        count = upstream.Receive(buffer, SocketFlags.None, out var error);
        return error switch
        {
            SocketError.Success => true,
            SocketError.WouldBlock => false,
            _ => throw new SocketException((int)error),
        };
    }

    private void Answer(ReadOnlySpan<byte> datagram)
    {
        try
        {
            Listener.Clients.Socket.SendTo(datagram, SocketFlags.None, _client);
            Interlocked.Add(ref _bytesOut, datagram.Length);
            Listener.Metrics.Out.Add(datagram.Length);
        }
        catch (SocketException e)
        {
            Listener.Metrics.Drop(ReasonOf(e.SocketErrorCode));
        }
    }

    private static DropReason ReasonOf(SocketError error) => error == SocketError.MessageSize ? DropReason.TooLarge : DropReason.Unsent;

    private void Touch() => Volatile.Write(ref _lastDatagram, Time.GetTimestamp());

    /// <summary>The next datagram of this client begins a new session, perhaps with another endpoint.</summary>
    private void Break(Exception error)
    {
        if (Interlocked.Exchange(ref _isOver, 1) == 0)
        {
            Finish(Dialer.Failed(_endpoint, error, _connectTimeout, Time.GetTimestamp()));
        }
    }

    private void Finish(Fault? fault)
    {
        Listener.Sweeper.Remove(this);
        Listener.Clients.Remove(_client, this);
        Volatile.Read(ref _upstream)?.Dispose();
        _endpoint.Metrics.Active.Decrement();
        _endpoint.Leave();
        Listener.Metrics.Connections.Close();
        _entry.BytesIn = Interlocked.Read(ref _bytesIn);
        _entry.BytesOut = Interlocked.Read(ref _bytesOut);
        _entry.Fault = fault;
        _entry.Finish(Listener.Gateway);
        _ended.TrySetResult();
    }
}
