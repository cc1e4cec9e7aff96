using System.Net.Sockets;

namespace Lakou.Transport.Sockets;

internal sealed partial class SocketConnection
{
    private volatile bool _endSendRequested;
    private GatherSend? _gather;

    /// <inheritdoc cref="IHalfCloseFeature.ShutdownSendAsync"/>
    public ValueTask ShutdownSendAsync(CancellationToken cancellationToken)
    {
        // The send loop's next read is cancelled, and holds every byte flushed before this line.
        _endSendRequested = true;
        _output.Reader.CancelPendingRead();
        return new ValueTask(_sending.WaitAsync(cancellationToken));
    }

    private async Task SendLoopAsync()
    {
        try
        {
            await SendUntilEndAsync();
            if (Volatile.Read(ref _abortReason) is null)
            {
                _socket.Shutdown(SocketShutdown.Send);
            }
        }
        catch (Exception e)
        {
            CloseWithReset(Describe(e));
        }

        _output.Reader.Complete();
        EndDirection(closesConnection: false);
    }

    private async Task SendUntilEndAsync()
    {
        var isLast = false;
        for (;;)
        {
            var read = await _output.Reader.ReadAsync();
            if (Volatile.Read(ref _abortReason) is not null)
            {
                return;
            }

            isLast |= read.IsCompleted || (read.IsCanceled && _endSendRequested);
            var buffer = read.Buffer;
            var sent = 0L;
            if (!buffer.IsEmpty)
            {
                sent = buffer.IsSingleSegment
                    ? await _socket.SendAsync(buffer.First, SocketFlags.None)
                    : await (_gather ??= new GatherSend()).SendAsync(_socket, buffer);
            }

            var isDone = isLast && sent == buffer.Length;
            _output.Reader.AdvanceTo(buffer.GetPosition(sent));
            if (isDone)
            {
                return;
            }
        }
    }
}
