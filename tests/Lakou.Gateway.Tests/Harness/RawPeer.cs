using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Lakou.Gateway.Tests.Harness;

/// <summary>One end of a TCP connection, spoken byte by byte. Text is Latin-1, so that every byte can be written.</summary>
internal sealed class RawPeer(Socket socket) : IDisposable
{
    // A guard, not a measure: nothing in a passing test takes so long.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly StringBuilder _received = new();

    public Socket Socket { get; } = socket;

    public static async Task<RawPeer> ConnectAsync(EndPoint endPoint)
    {
        var socket = endPoint is UnixDomainSocketEndPoint
            ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            : new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(endPoint);
        return new(socket);
    }

    public Task SendAsync(string text) => SendAsync(Encoding.Latin1.GetBytes(text));

    public async Task SendAsync(byte[] bytes)
    {
        for (var sent = 0; sent < bytes.Length;)
        {
            sent += await Socket.SendAsync(bytes.AsMemory(sent));
        }
    }

    /// <summary>Reads up to and including the text; what follows stays for the next call.</summary>
    public async Task<string> ReadToAsync(string end)
    {
        while (true)
        {
            var all = _received.ToString();
            var at = all.IndexOf(end, StringComparison.Ordinal);
            if (at >= 0)
            {
                _received.Clear().Append(all.AsSpan(at + end.Length));
                return all[..(at + end.Length)];
            }

            Assert.True(await ReceiveAsync(), $"The connection ended before '{end}'; received: {all}");
        }
    }

    public async Task<string> ReadAsync(int count)
    {
        while (_received.Length < count)
        {
            Assert.True(await ReceiveAsync(), $"The connection ended before {count} bytes; received: {_received}");
        }

        var all = _received.ToString();
        _received.Clear().Append(all.AsSpan(count));
        return all[..count];
    }

    /// <summary>A head, to its empty line.</summary>
    public Task<string> ReadHeadAsync() => ReadToAsync("\r\n\r\n");

    /// <summary>A chunked body and its trailers, decoded; ends with the message.</summary>
    public async Task<(string Body, string Trailers)> ReadChunkedAsync()
    {
        var body = new StringBuilder();
        while (true)
        {
            var size = Convert.ToInt32((await ReadToAsync("\r\n")).TrimEnd(), 16);
            if (size == 0)
            {
                var trailers = new StringBuilder();
                string line;
                while ((line = await ReadToAsync("\r\n")) != "\r\n")
                {
                    trailers.Append(line);
                }

                return (body.ToString(), trailers.ToString());
            }

            body.Append(await ReadAsync(size));
            Assert.Equal("\r\n", await ReadAsync(2));
        }
    }

    /// <summary>Sends until nothing moves any more for a while; how many bytes the other side took.</summary>
    public async Task<long> FloodAsync(long most)
    {
        var block = new byte[64 * 1024];
        long sent = 0;
        for (var still = 0; still < 3 && sent < most; still++)
        {
            using var pause = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
            try
            {
                while (sent < most)
                {
                    sent += await Socket.SendAsync(block.AsMemory(0, (int)Math.Min(block.Length, most - sent)), pause.Token);
                    still = 0;
                    pause.CancelAfter(TimeSpan.FromMilliseconds(200));
                }
            }
            catch (OperationCanceledException)
            {
                // Nobody takes more just now.
            }
        }

        return sent;
    }

    /// <summary>Everything until the peer ends the stream.</summary>
    public async Task<string> ReadToEndAsync()
    {
        while (await ReceiveAsync())
        {
        }

        var all = _received.ToString();
        _received.Clear();
        return all;
    }

    /// <summary>True when the peer closes or resets without another byte.</summary>
    public async Task<bool> ClosesAsync()
    {
        try
        {
            return _received.Length == 0 && !await ReceiveAsync();
        }
        catch (SocketException)
        {
            return true;
        }
    }

    /// <summary>What still comes before the peer breaks the connection with a reset; fails on a clean end.</summary>
    public async Task<string> ReadToResetAsync()
    {
        try
        {
            var rest = await ReadToEndAsync();
            Assert.Fail($"The stream ended as if complete; received: {rest}");
            return rest;
        }
        catch (SocketException)
        {
            return _received.ToString();
        }
    }

    public void ShutdownSend() => Socket.Shutdown(SocketShutdown.Send);

    /// <summary>Ends the connection with a reset.</summary>
    public void Reset()
    {
        Socket.LingerState = new LingerOption(true, 0);
        Socket.Dispose();
    }

    public void Dispose() => Socket.Dispose();

    private async Task<bool> ReceiveAsync()
    {
        var buffer = new byte[64 * 1024];
        using var patience = new CancellationTokenSource(Patience);
        var count = await Socket.ReceiveAsync(buffer, patience.Token);
        _received.Append(Encoding.Latin1.GetString(buffer, 0, count));
        return count > 0;
    }
}
