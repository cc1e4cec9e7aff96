using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Lakou.Http.Tests.Server;

/// <summary>The client's end of a connection, spoken byte by byte in Latin-1.</summary>
internal sealed class Peer(Socket socket) : IDisposable
{
    // A guard, not a measure: nothing in a passing test takes so long.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly StringBuilder _received = new();

    public Socket Socket { get; } = socket;

    public static async Task<Peer> ConnectAsync(EndPoint endPoint)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(endPoint);
        return new(socket);
    }

    public async Task SendAsync(string text)
    {
        var bytes = Encoding.Latin1.GetBytes(text);
        for (var sent = 0; sent < bytes.Length;)
        {
            sent += await Socket.SendAsync(bytes.AsMemory(sent));
        }
    }

    /// <summary>Reads to the text and past it.</summary>
    public async Task<string> ReadToAsync(string end)
    {
        while (true)
        {
            var all = _received.ToString();
            if (all.IndexOf(end, StringComparison.Ordinal) is >= 0 and var at)
            {
                return Take(all, at + end.Length);
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

        return Take(_received.ToString(), count);
    }

    public Task<string> ReadHeadAsync() => ReadToAsync("\r\n\r\n");

    /// <summary>A response with Content-Length, head and body.</summary>
    public async Task<(string Head, string Body)> ReadResponseAsync()
    {
        var head = await ReadHeadAsync();
        var length = head.Split("\r\n").Single(line => line.StartsWith("Content-Length: ", StringComparison.Ordinal))["Content-Length: ".Length..];
        return (head, await ReadAsync(int.Parse(length)));
    }

    public async Task<string> ReadToEndAsync()
    {
        while (await ReceiveAsync())
        {
        }

        return Take(_received.ToString(), _received.Length);
    }

    /// <summary>True when the server ends the connection by a reset, whatever came before.</summary>
    public async Task<bool> IsResetAsync()
    {
        try
        {
            await ReadToEndAsync();
            return false;
        }
        catch (SocketException)
        {
            return true;
        }
    }

    public void ShutdownSend() => Socket.Shutdown(SocketShutdown.Send);

    public void Reset()
    {
        Socket.LingerState = new LingerOption(true, 0);
        Socket.Dispose();
    }

    public void Dispose() => Socket.Dispose();

    private string Take(string all, int count)
    {
        _received.Clear().Append(all.AsSpan(count));
        return all[..count];
    }

    private async Task<bool> ReceiveAsync()
    {
        var buffer = new byte[64 * 1024];
        using var patience = new CancellationTokenSource(Patience);
        var count = await Socket.ReceiveAsync(buffer, patience.Token);
        _received.Append(Encoding.Latin1.GetString(buffer, 0, count));
        return count > 0;
    }
}
