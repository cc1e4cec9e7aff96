using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Lakou.Transport.Sockets;

internal sealed partial class SocketConnection
{
    // A quarter of a block: the rest of a block is used before a new one is taken, but not for crumbs.
    private const int MinReceiveBytes = 4 * 1024;

    private long _firstReceived;
    private int _keepOpenOnPeerFin;
    private int _receiveEnded;

    private async Task ReceiveLoopAsync()
    {
        Exception? error;
        try
        {
            await ReceiveUntilEndAsync();
            error = Volatile.Read(ref _abortReason);
        }
        catch (Exception e)
        {
            error = Volatile.Read(ref _abortReason) ?? Describe(e);
        }

        // In this order: completing the input may run the application right here, for long. The exchange pairs with KeepOpenOnPeerFin's.
        Interlocked.Exchange(ref _receiveEnded, 1);
        EndDirection(closesConnection: error is not null || Volatile.Read(ref _keepOpenOnPeerFin) == 0);
        _input.Writer.Complete(error);
    }

    private async Task ReceiveUntilEndAsync()
    {
        await ReadableAsync();
        for (var isRead = true; isRead;)
        {
            var memory = _input.Writer.GetMemory(MinReceiveBytes);
            var received = await _socket.ReceiveAsync(memory, SocketFlags.None);
            if (received == 0)
            {
                return;
            }

            if (Volatile.Read(ref _firstReceived) == 0)
            {
                Volatile.Write(ref _firstReceived, _shared.Options.Time.GetTimestamp());
            }

            _input.Writer.Advance(received);
            if (received == memory.Length)
            {
                isRead = await FlushAsync(); // a full block: more is likely here already
                continue;
            }

            // The next wait begins before the flush, which may run the application right here: begun afterwards it would race with the
            // peer's next request, and each race won wakes the event loop for nothing (2.0 receives a request so, 2.6 otherwise, by strace).
            var readable = ReadableAsync();
            isRead = await FlushAsync();
            await readable;
        }

        await DiscardUntilEndAsync();
    }

    /// <returns>False when the application reads no more.</returns>
    private async ValueTask<bool> FlushAsync()
    {
        bool isRead;
        try
        {
            isRead = !(await _input.Writer.FlushAsync()).IsCompleted;
        }
        catch (Exception e)
        {
            _shared.Log.LogDebug(e, "The application completed the input of {ConnectionId} with an error", ConnectionId);
            isRead = false;
        }

        if (!isRead)
        {
            _input.Writer.Complete(); // gives the blocks back
        }

        return isRead;
    }

    // The peer may go on sending: taking it keeps its end visible, and lets our own end be a clean one.
    private async Task DiscardUntilEndAsync()
    {
        for (var received = -1; received != 0;)
        {
            await ReadableAsync();
            using var block = _shared.Pool.Rent();
            received = await _socket.ReceiveAsync(block.Memory, SocketFlags.None);
        }
    }

    /// <summary>Waits for bytes or the end without a buffer: an idle connection holds none.</summary>
    private ValueTask<int> ReadableAsync() => _socket.ReceiveAsync(Memory<byte>.Empty, SocketFlags.None);

    private Exception Describe(Exception e)
    {
        switch (e)
        {
            case SocketException { SocketErrorCode: SocketError.ConnectionReset or SocketError.Shutdown or SocketError.NetworkReset }:
                return new ConnectionResetException(e.Message, e);
            case ObjectDisposedException or SocketException { SocketErrorCode: SocketError.OperationAborted }:
                return new ConnectionAbortedException("The connection was closed by the application.", e);
            default:
                _shared.Log.LogDebug(e, "{ConnectionId} ended with an error", ConnectionId);
                return new ConnectionAbortedException(e.Message, e);
        }
    }
}
