using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Lakou.Load;

/// <summary>A closed loop: every connection sends a text message of 64 bytes, waits for the same text, and begins again.</summary>
internal sealed class WebSocketLoad(IPEndPoint address, string path)
{
    // For what is on its way when the time is up.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);

    private readonly TimeProvider _clock = TimeProvider.System;
    private readonly Summary _summary = new();

    public async Task<Summary> RunAsync(int connections, int seconds)
    {
        var sockets = new List<Socket>();
        for (var i = 0; i < connections; i++)
        {
            if (await OpenAsync() is { } socket)
            {
                sockets.Add(socket);
            }
        }

        var start = _clock.GetTimestamp();
        var end = TimeSpan.FromSeconds(seconds);
        var talks = sockets.ConvertAll(socket => TalkAsync(socket, start, end));
        await Task.WhenAny(Task.WhenAll(talks), Task.Delay(end + Grace, _clock));
        _summary.Elapsed = _clock.GetElapsedTime(start);
        _summary.Timeout += talks.Count(talk => !talk.IsCompleted);
        return _summary;
    }

    private async Task<Socket?> OpenAsync()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(address);
            await socket.SendAsync(WebSocketFrames.Handshake(address, path));
            var answer = await WebSocketFrames.ReceiveHeadAsync(socket);
            if (answer.StartsWith("HTTP/1.1 101 ", StringComparison.Ordinal) && answer.Contains(WebSocketFrames.SampleAccept, StringComparison.Ordinal))
            {
                return socket;
            }

            _summary.Status++;
        }
        catch (SocketException)
        {
            _summary.Connect++;
        }

        socket.Dispose();
        return null;
    }

    private async Task TalkAsync(Socket socket, long start, TimeSpan end)
    {
        var text = Encoding.ASCII.GetBytes("64 bytes of text, as long as what a chat or a ticker sends once.");
        var message = WebSocketFrames.FromClient(text);
        var echo = WebSocketFrames.FromServer(text);
        var received = new byte[echo.Length];
        try
        {
            for (var sent = _clock.GetElapsedTime(start); sent < end;)
            {
                await socket.SendAsync(message);
                for (var filled = 0; filled < received.Length;)
                {
                    var count = await socket.ReceiveAsync(received.AsMemory(filled));
                    if (count == 0)
                    {
                        throw new SocketException((int)SocketError.ConnectionReset);
                    }

                    filled += count;
                }

                if (!received.AsSpan().SequenceEqual(echo))
                {
                    throw new SocketException((int)SocketError.ProtocolNotSupported);
                }

                var now = _clock.GetElapsedTime(start);
                Interlocked.Increment(ref _summary.Requests);
                _summary.Latencies.Add(now - sent);
                sent = now;
            }
        }
        catch (SocketException)
        {
            Interlocked.Increment(ref _summary.Read);
        }

        socket.Dispose();
    }
}
