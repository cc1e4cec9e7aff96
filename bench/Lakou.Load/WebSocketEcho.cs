using System.Net;
using System.Net.Sockets;

namespace Lakou.Load;

/// <summary>Accepts WebSockets on any path and sends every message back. Messages are one frame of at most 125 bytes; any other ends the connection.</summary>
internal static class WebSocketEcho
{
    public static async Task ServeAsync(IPEndPoint address)
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(address);
        listener.Listen(4096);
        while (true)
        {
            _ = AnswerAsync(await listener.AcceptAsync());
        }
    }

    private static async Task AnswerAsync(Socket socket)
    {
        using (socket)
        {
            try
            {
                socket.NoDelay = true;
                await socket.SendAsync(WebSocketFrames.Acceptance(await WebSocketFrames.ReceiveHeadAsync(socket)));
                await EchoAsync(socket);
            }
            catch (SocketException)
            {
                // The proxy or the client left; both end a connection like this.
            }
        }
    }

    private static async Task EchoAsync(Socket socket)
    {
        var received = new byte[4096];
        var answers = new byte[4096];
        var filled = 0;
        while (true)
        {
            var count = await socket.ReceiveAsync(received.AsMemory(filled));
            filled += count;
            var (taken, made) = WebSocketFrames.Echo(received.AsSpan(0, filled), answers);
            if (count == 0 || taken < 0)
            {
                return;
            }

            received.AsSpan(taken, filled - taken).CopyTo(received);
            filled -= taken;
            if (made > 0)
            {
                await socket.SendAsync(answers.AsMemory(0, made));
            }
        }
    }
}
