using System.Net;
using System.Net.Sockets;
using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Upstreams.Health;

/// <summary>An endpoint that answers every request as its mood is, then closes; its address can be taken again after it has died.</summary>
internal sealed class Moody : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private volatile string _answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    private int _probes;

    public Moody(string? url = null)
    {
        _listener.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        _listener.Bind(url is null ? new IPEndPoint(IPAddress.Loopback, 0) : IPEndPoint.Parse(url["http://".Length..]));
        _listener.Listen();
        Url = $"http://{_listener.LocalEndPoint}";
        _ = ServeAsync();
    }

    public string Url { get; }

    public string Answer
    {
        get => _answer;
        set => _answer = value;
    }

    /// <summary>Connections so far.</summary>
    public int Probes => Volatile.Read(ref _probes);

    public void Dispose() => _listener.Dispose();

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                _ = AnswerAsync(new RawPeer(await _listener.AcceptAsync()));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // It has died.
        }
    }

    private async Task AnswerAsync(RawPeer peer)
    {
        using (peer)
        {
            Interlocked.Increment(ref _probes);
            try
            {
                await peer.ReadHeadAsync();
                await peer.SendAsync(_answer);
                peer.ShutdownSend();
                await peer.ReadToEndAsync();
            }
            catch (Exception e) when (e is SocketException or Xunit.Sdk.XunitException)
            {
                // Only a connection was wanted.
            }
        }
    }
}
