using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Lakou.Gateway.Tests.Layer4;

/// <summary>One end of datagrams on a free port of loopback.</summary>
internal sealed class UdpPeer : IDisposable
{
    // A guard, not a measure.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly byte[] _buffer = new byte[70_000];

    /// <param name="at">A free port of 127.0.0.1 when null.</param>
    public UdpPeer(IPEndPoint? at = null)
    {
        Socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveBufferSize = 1 << 20 };
        Socket.Bind(at ?? new IPEndPoint(IPAddress.Loopback, 0));
    }

    public Socket Socket { get; }

    public IPEndPoint Address => (IPEndPoint)Socket.LocalEndPoint!;

    public string Url => $"udp://{Address}";

    public Task SendAsync(EndPoint to, string datagram) => Socket.SendToAsync(Encoding.Latin1.GetBytes(datagram), to);

    /// <summary>The next datagram and who sent it.</summary>
    public async Task<(string Datagram, IPEndPoint From)> ReceiveAsync()
    {
        using var patience = new CancellationTokenSource(Patience);
        var received = await Socket.ReceiveFromAsync(_buffer, SocketFlags.None, new IPEndPoint(IPAddress.Any, 0), patience.Token);
        return (Encoding.Latin1.GetString(_buffer, 0, received.ReceivedBytes), (IPEndPoint)received.RemoteEndPoint);
    }

    /// <summary>Sends until one comes through: what is sent while nobody listens, or while a session ends, is lost.</summary>
    public async Task<(string Datagram, IPEndPoint From)> SendUntilAsync(EndPoint to, string datagram, UdpPeer receiver)
    {
        var received = receiver.ReceiveAsync();
        while (!received.IsCompleted)
        {
            await SendAsync(to, datagram);
            await Task.WhenAny(received, Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, CancellationToken.None));
        }

        return await received;
    }

    public void Dispose() => Socket.Dispose();
}
