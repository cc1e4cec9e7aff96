using Lakou.Transport.Blocks;

namespace Lakou.Transport.Uring;

internal sealed partial class UringConnection
{
    private long _firstReceived;
    private int _keepOpenOnPeerFin;
    private bool _isReceiving;      // a receive is under way
    private bool _isPausing;        // and is being cancelled
    private bool _isSteady;         // the peer sends faster than the reader reads: one pipe full at a time
    private bool _isReady;          // on the loop's list
    private int _resumePosted;
    private volatile bool _isPaused;

    /// <summary>From the reader, on any thread: there may be room again.</summary>
    public void OnConsumed()
    {
        if (_isPaused && _reader.Unexamined <= Options.InputPauseBytes / 2 && Interlocked.Exchange(ref _resumePosted, 1) == 0)
        {
            _loop.Schedule(static state => ((UringConnection)state!).Resume(), this);
        }
    }

    /// <summary>From the reader, on any thread: the rest is thrown away, but its end matters.</summary>
    public void OnReaderCompleted() => OnConsumed();

    /// <summary>On the loop: the reader goes on.</summary>
    public void RunReady()
    {
        _isReady = false;
        _reader.Wake();
    }

    /// <summary>On the loop, unless it does already.</summary>
    public unsafe void Receive()
    {
        const byte selectBuffer = 1 << 5;  // IOSQE_BUFFER_SELECT
        const ushort multishot = 1 << 1;   // IORING_RECV_MULTISHOT
        const ushort bundle = 1 << 4;      // IORING_RECVSEND_BUNDLE
        if (_isReceiving || _isPaused || _receiveEnded.IsSet || _closing)
        {
            return;
        }

        var bundles = _isSteady && _loop.HasBundles && Options.InputPauseBytes >= Block.Bytes; // for less the kernel shortens a buffer
        _isReceiving = true;
        _operations++;
        var receive = _loop.Prepare(Operation.Receive, OperationKind.Receive, _slot, _descriptor);
        receive->Flags = selectBuffer;
        receive->Priority = !_isSteady ? multishot : bundles ? bundle : (ushort)0;
        receive->Length = bundles ? (uint)Options.InputPauseBytes : 0; // 0: what the buffer takes
        receive->BufferGroup = BufferRing.Group;
    }

    private void OnReceived(in Completion completion)
    {
        var goesOn = (completion.Flags & Completion.HasMore) != 0;
        if (!goesOn)
        {
            (_isReceiving, _isPausing) = (false, false);
        }

        if ((completion.Flags & Completion.HasBuffer) != 0)
        {
            TakeBlocks(completion.BufferId, completion.Result);
        }

        switch (completion.Result)
        {
            case > 0:
            case -Errno.Again or -Errno.Interrupted or -Errno.Canceled:
                break; // it goes on below
            case -Errno.NoBuffers:
                _loop.ReceiveLater(this);
                return;
            case 0:
                EndReceiving(_sendError); // an error is told once: to the send, if one waited
                return;
            default:
                var error = Describe(-completion.Result);
                EndReceiving(error);
                EndSending();
                return;
        }

        if (!goesOn)
        {
            Receive();
        }
    }

    private void TakeBlocks(int id, int bytes)
    {
        _isSteady &= bytes >= Block.Bytes;
        do
        {
            var block = _loop.Take(id, out id);
            var count = Math.Min(bytes, Block.Bytes);
            if (count > 0)
            {
                Append(block, count);
            }
            else
            {
                block.Dispose();
            }

            bytes -= count;
        }
        while (bytes > 0);
    }

    private void Append(Block block, int count)
    {
        if (_firstReceived == 0)
        {
            Volatile.Write(ref _firstReceived, _loop.Now);
        }

        if (_reader.Append(block, count) && !_isReady)
        {
            _isReady = true;
            _loop.Ready(this);
        }

        if (_reader.Unexamined >= Options.InputPauseBytes)
        {
            Pause();
        }
    }

    /// <summary>Stops the peer: what is not received stays in the kernel, whose window closes.</summary>
    private void Pause()
    {
        if (_isPaused)
        {
            return;
        }

        _isPaused = true;
        _isSteady = true;
        Interlocked.Exchange(ref _resumePosted, 0); // in this order before the look at the length below
        if (_isReceiving && !_isPausing)
        {
            _isPausing = true;
            CancelReceive();
        }

        OnConsumed(); // the reader may have made room in between, and seen no pause
    }

    private unsafe void CancelReceive()
    {
        _operations++;
        _cancels++;
        var cancel = _loop.Prepare(Operation.Cancel, OperationKind.Cancel, _slot, -1);
        cancel->Address = _loop.UserData(OperationKind.Receive, _slot);
    }

    private void OnPauseCanceled(int found)
    {
        if (found == -Errno.NoEntry && _isPausing && _isPaused)
        {
            CancelReceive();
        }
        else if (found == -Errno.NoEntry)
        {
            _isPausing = false; // the receive goes on, as it should by now
        }
    }

    private void Resume()
    {
        _isPaused = false;
        if (!_isPausing)
        {
            Receive();
        }
    }

    /// <summary>On the loop: nothing more comes. A plain end is the peer's FIN.</summary>
    private void EndReceiving(Exception? error)
    {
        if (_receiveEnded.IsSet)
        {
            if (_abortReason is not null)
            {
                _reader.End(_abortReason, isAborted: true);
            }

            return;
        }

        // The exchange pairs with KeepOpenOnPeerFin's.
        _receiveEnded.Set();
        Interlocked.MemoryBarrier();
        EndDirection(closesConnection: error is not null || Volatile.Read(ref _keepOpenOnPeerFin) == 0);
        _reader.End(error, isAborted: error is not null && error == _abortReason);
    }
}
