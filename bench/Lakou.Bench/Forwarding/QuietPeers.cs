using System.Net;
using System.Net.Sockets;

namespace Lakou.Bench.Forwarding;

/// <summary>
/// An endpoint and its clients on blocking sockets, which allocate nothing once they are connected: whatever is allocated while
/// they talk through a gateway is the gateway's.
/// </summary>
internal sealed class QuietPeers : IDisposable
{
    private static readonly byte[] Body = "{\"id\":17,\"status\":\"shipped\",\"total\":29.90}"u8.ToArray();

    private static readonly byte[] Answer =
        [.. "HTTP/1.1 200 OK\r\nServer: quiet\r\nDate: Fri, 21 Nov 2025 01:52:00 GMT\r\nContent-Type: application/json\r\nContent-Length: "u8,
         .. System.Text.Encoding.ASCII.GetBytes($"{Body.Length}"), .. "\r\nConnection: keep-alive\r\n\r\n"u8, .. Body];

    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly List<Socket> _clients = [];
    private readonly byte[] _received = new byte[4096];

    public QuietPeers()
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen();
        new Thread(Accept) { IsBackground = true }.Start();
    }

    /// <summary>The endpoint's.</summary>
    public string Url => $"http://{_listener.LocalEndPoint}";

    public void Connect(EndPoint gateway, int clients)
    {
        for (var i = 0; i < clients; i++)
        {
            var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            client.Connect(gateway);
            _clients.Add(client);
        }
    }

    /// <summary>Each client sends a request, then each takes its answer; so often.</summary>
    public void Talk(ReadOnlySpan<byte> request, int rounds)
    {
        for (var round = 0; round < rounds; round++)
        {
            foreach (var client in _clients)
            {
                client.Send(request);
            }

            foreach (var client in _clients)
            {
                ReadAnswer(client);
            }
        }
    }

    public void Dispose()
    {
        _listener.Dispose();
        _clients.ForEach(client => client.Dispose());
    }

    private void ReadAnswer(Socket client)
    {
        var count = 0;
        while (!_received.AsSpan(0, count).EndsWith(Body))
        {
            var more = client.Receive(_received.AsSpan(count));
            count += more > 0 ? more : throw new IOException("The gateway closed the connection.");
        }

        if (!_received.AsSpan().StartsWith("HTTP/1.1 200 "u8))
        {
            throw new IOException("The gateway answered something else.");
        }
    }

    private void Accept()
    {
        try
        {
            while (true)
            {
                var peer = _listener.Accept();
                peer.NoDelay = true;
                new Thread(() => Serve(peer)) { IsBackground = true }.Start();
            }
        }
        catch (SocketException)
        {
            // Disposed.
        }
    }

    /// <summary>Requests come one at a time and without a body: each ends with an empty line.</summary>
    private static void Serve(Socket peer)
    {
        using (peer)
        {
            var buffer = new byte[4096];
            var count = 0;
            try
            {
                while (peer.Receive(buffer.AsSpan(count)) is > 0 and var more)
                {
                    count += more;
                    if (buffer.AsSpan(0, count).EndsWith("\r\n\r\n"u8))
                    {
                        peer.Send(Answer);
                        count = 0;
                    }
                }
            }
            catch (SocketException)
            {
                // The gateway is gone.
            }
        }
    }
}
