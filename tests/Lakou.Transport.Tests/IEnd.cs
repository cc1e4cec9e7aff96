using System.Buffers;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Transport.Tests;

/// <summary>One end of a connection as a client uses it: over a plain socket, or dialled by a transport.</summary>
internal interface IEnd : IAsyncDisposable
{
    /// <returns>False when the connection is broken.</returns>
    Task<bool> SendAsync(ReadOnlyMemory<byte> bytes, CancellationToken stop);

    /// <returns>0 at the end, -1 when the connection is broken.</returns>
    Task<int> ReceiveAsync(Memory<byte> buffer, CancellationToken stop);

    Task EndSendingAsync(CancellationToken stop);

    void Reset();

    static async Task<IEnd> OpenAsync(LakouTransport? transport, EndPoint target, CancellationToken stop)
        => transport is null ? new SocketEnd(await Peer.ConnectAsync(target, stop)) : new DialledEnd(await transport.ConnectAsync(target, stop));

    private sealed class SocketEnd(Peer peer) : IEnd
    {
        public async Task<bool> SendAsync(ReadOnlyMemory<byte> bytes, CancellationToken stop)
        {
            try
            {
                await peer.SendAsync(bytes, stop);
                return true;
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return false;
            }
        }

        public async Task<int> ReceiveAsync(Memory<byte> buffer, CancellationToken stop)
        {
            try
            {
                return await peer.Socket.ReceiveAsync(buffer, stop);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return -1;
            }
        }

        public Task EndSendingAsync(CancellationToken stop)
        {
            try
            {
                peer.EndSending();
            }
            catch (SocketException)
            {
                // Broken already.
            }

            return Task.CompletedTask;
        }

        public void Reset() => peer.Reset();

        public ValueTask DisposeAsync()
        {
            peer.Dispose();
            return default;
        }
    }

    private sealed class DialledEnd(ConnectionContext connection) : IEnd
    {
        public async Task<bool> SendAsync(ReadOnlyMemory<byte> bytes, CancellationToken stop)
            => !(await connection.Transport.Output.WriteAsync(bytes, stop)).IsCompleted;

        public async Task<int> ReceiveAsync(Memory<byte> buffer, CancellationToken stop)
        {
            try
            {
                var read = await connection.Transport.Input.ReadAsync(stop);
                var count = (int)Math.Min(read.Buffer.Length, buffer.Length);
                var part = read.Buffer.Slice(0, count);
                part.CopyTo(buffer.Span);
                connection.Transport.Input.AdvanceTo(part.End);
                return count;
            }
            catch (Exception e) when (e is ConnectionAbortedException or ConnectionResetException)
            {
                return -1;
            }
        }

        public async Task EndSendingAsync(CancellationToken stop)
            => await connection.Features.GetRequiredFeature<IHalfCloseFeature>().ShutdownSendAsync(stop);

        public void Reset() => connection.Abort();

        public ValueTask DisposeAsync() => connection.DisposeAsync();
    }
}
