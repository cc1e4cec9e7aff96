using System.Net;
using System.Net.Sockets;

namespace Lakou.Transport.Tests;

/// <summary>The other end: a plain socket.</summary>
internal sealed class Peer(Socket socket) : IDisposable
{
    public Socket Socket => socket;

    public static async Task<Peer> ConnectAsync(EndPoint endPoint, CancellationToken stop)
    {
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, endPoint is IPEndPoint ? ProtocolType.Tcp : ProtocolType.Unspecified);
        await socket.ConnectAsync(endPoint, stop);
        return new Peer(socket);
    }

    public async Task SendAsync(ReadOnlyMemory<byte> bytes, CancellationToken stop)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[await socket.SendAsync(bytes, stop)..];
        }
    }

    public async Task<byte[]> ReceiveAsync(int count, CancellationToken stop)
    {
        var bytes = new byte[count];
        var filled = 0;
        while (filled < count)
        {
            var received = await socket.ReceiveAsync(bytes.AsMemory(filled), stop);
            Assert.NotEqual(0, received);
            filled += received;
        }

        return bytes;
    }

    /// <summary>Receives until FIN and checks each byte against its place in <see cref="Bytes.At"/>.</summary>
    public async Task<long> ReceivePatternToEndAsync(CancellationToken stop)
    {
        var buffer = new byte[256 * 1024];
        var total = 0L;
        for (;;)
        {
            var received = await socket.ReceiveAsync(buffer, stop);
            if (received == 0)
            {
                return total;
            }

            Bytes.AssertPattern(buffer.AsSpan(0, received), total);
            total += received;
        }
    }

    public void EndSending() => socket.Shutdown(SocketShutdown.Send);

    public void Reset()
    {
        socket.LingerState = new LingerOption(enable: true, seconds: 0);
        socket.Dispose();
    }

    public void Dispose() => socket.Dispose();
}
