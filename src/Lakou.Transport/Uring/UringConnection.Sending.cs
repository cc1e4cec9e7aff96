using Lakou.Transport.Blocks;

namespace Lakou.Transport.Uring;

internal sealed partial class UringConnection
{
    private bool _sendsLater;       // on the loop's list
    private Exception? _sendError;  // why the peer takes no more

    public Block RentBlock() => _loop.IsCurrent ? _loop.Blocks.Rent() : _transport.Pool.Rent();

    /// <inheritdoc cref="IHalfCloseFeature.ShutdownSendAsync"/>
    public ValueTask ShutdownSendAsync(CancellationToken cancellationToken)
    {
        _writer.RequestEnd();
        return new ValueTask(_sendEnded.Task.WaitAsync(cancellationToken));
    }

    /// <summary>From the writer, on any thread: there is something to send, or the end.</summary>
    public void RequestSend() => _loop.Schedule(
        static state =>
        {
            // At the end of the turn: several flushes become one send.
            var connection = (UringConnection)state!;
            if (!connection._sendsLater)
            {
                connection._sendsLater = true;
                connection._loop.SendLater(connection);
            }
        },
        this);

    /// <summary>On the loop.</summary>
    public void Send()
    {
        _sendsLater = false;
        if (_descriptor < 0 || _closing)
        {
            return;
        }

        var pieces = _writer.BeginSend(_loop.Vectors, out var isLast);
        if (pieces > 0)
        {
            _operations++;
            _loop.Send(_slot, _descriptor, pieces);
        }
        else if (isLast && Volatile.Read(ref _abortReason) is null) // no FIN before an RST that is on its way
        {
            _ = Native.ShutdownSend(_descriptor);
            EndSending();
        }
    }

    private void OnSent(int result)
    {
        _writer.OnSent(Math.Max(0, result));
        if (result >= 0)
        {
            Send();
            return;
        }

        if (-result is Errno.Interrupted or Errno.Again)
        {
            Send();
            return;
        }

        // The peer takes no more. What it sent before may still be read; the receive ends by itself. EPIPE comes after a plain end of the peer's.
        _sendError = -result == Errno.BrokenPipe ? null : Describe(-result);
        EndSending();
    }

    /// <summary>On the loop: nothing more is sent.</summary>
    private void EndSending()
    {
        _writer.End();
        if (!_sendEnded.IsSet)
        {
            _sendEnded.Set();
            EndDirection(closesConnection: false);
        }
    }
}
