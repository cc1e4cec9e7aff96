using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace Lakou.Transport.Uring;

/// <summary>
/// A connected socket on an event loop. Its state belongs to the loop; what other threads want is posted there.
/// <code>
///   end of …       seen as                              ConnectionClosed
///   peer's FIN     input completes                      fires; when KeepOpenOnPeerFin, once sending has ended too
///   peer's RST     input: ConnectionResetException      fires
///   Abort          input: the reason; RST to the peer   fires
///   our sending    FIN to the peer, output completes    fires, when KeepOpenOnPeerFin and receiving has ended too
///   DisposeAsync   the rest is sent, FIN, close         fires
/// </code>
/// The descriptor is closed on the loop, once no operation on it is under way: nothing can use its number for another's.
/// </summary>
internal sealed partial class UringConnection : ConnectionContext, IOperations
{
    private readonly Loop _loop;
    private readonly UringTransport _transport;
    private readonly bool _holdsPlace;
    private readonly UringReader _reader;
    private readonly UringWriter _writer;
    private readonly CancellationTokenSource _closed = new();
    private readonly Ending _sendEnded;
    private readonly Ending _receiveEnded;
    private readonly Ending _descriptorClosed;
    private int _descriptor = -1;
    private int _slot;
    private int _operations;     // under way
    private int _cancels;        // those of them that cancel others
    private int _toCancel;       // the others, when all were last cancelled
    private bool _closing;       // the descriptor goes when they have ended
    private Exception? _abortReason;
    private int _endedDirections;
    private int _closedFired;
    private int _disposed;

    public UringConnection(UringTransport transport, Loop loop, bool holdsPlace)
    {
        _transport = transport;
        _loop = loop;
        _holdsPlace = holdsPlace;
        var endingsGate = new Lock();
        (_sendEnded, _receiveEnded, _descriptorClosed) = (new(endingsGate), new(endingsGate), new(endingsGate));
        _reader = new UringReader(this);
        _writer = new UringWriter(this);
        ConnectionClosed = _closed.Token;
        Transport = this;
        Features = CreateFeatures();
    }

    public override IDuplexPipe Transport { get; set; }

    public override EndPoint? LocalEndPoint { get; set; }

    public override EndPoint? RemoteEndPoint { get; set; }

    public override CancellationToken ConnectionClosed { get; set; }

    public override IFeatureCollection Features { get; }

    public TransportOptions Options => _loop.Options;

    /// <summary>Who waits for input or room goes on at once, on the loop.</summary>
    public bool RunsInline => Options.ApplicationScheduler == PipeScheduler.Inline;

    private ILogger Log => _transport.Log;

    /// <summary>On the loop: begins to receive from a connected socket.</summary>
    public void Start(int descriptor)
    {
        if (_slot == 0)
        {
            _slot = _loop.Register(this);
        }

        _descriptor = descriptor;
        (LocalEndPoint, RemoteEndPoint) = (AddressOf(descriptor, peer: false), AddressOf(descriptor, peer: true));
        if (_abortReason is null)
        {
            Receive();
        }
        else
        {
            CloseNow();
        }
    }

    public void OnCompleted(OperationKind kind, in Completion completion)
    {
        if ((completion.Flags & Completion.HasMore) == 0)
        {
            _operations--;
        }

        switch (kind)
        {
            case OperationKind.Receive:
                OnReceived(completion);
                break;
            case OperationKind.Send:
                OnSent(completion.Result);
                break;
            case OperationKind.Connect:
                OnConnected(completion.Result);
                break;
            case OperationKind.Cancel:
                OnCanceled(completion.Result);
                break;
        }

        if (_closing && _operations == 0)
        {
            CloseDescriptor();
        }
    }

    public void Stop() => Abort(new ConnectionAbortedException("The transport has ended."));

    /// <summary>Closes with RST, at once; what is not sent yet is lost.</summary>
    public override void Abort(ConnectionAbortedException abortReason)
    {
        if (Interlocked.CompareExchange(ref _abortReason, abortReason, null) is null)
        {
            _loop.Schedule(static state => ((UringConnection)state!).CloseNow(), this);
        }
    }

    public override void Abort() => Abort(new ConnectionAbortedException("The connection was aborted by the application."));

    /// <summary>Sends what was flushed, then FIN, then closes; see the options for how long each may take. Never throws.</summary>
    public override async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            await _descriptorClosed.Task;
            await base.DisposeAsync();
            return;
        }

        // 1. The application is done: the rest is sent, then FIN; what still comes is thrown away.
        _reader.Complete();
        _writer.Complete();
        if (!await EndsWithin(_sendEnded, Options.CloseTimeout))
        {
            Abort(new ConnectionAbortedException("The peer did not take the rest in time."));
        }

        // 2. The peer ends too, or has had the time to.
        await EndsWithin(_receiveEnded, Options.LingerTime);

        // 3. Close.
        _loop.Schedule(static state => ((UringConnection)state!).Close(), this);
        await _descriptorClosed.Task;
        if (_holdsPlace)
        {
            _transport.ReleasePlace();
        }

        FireClosed();
        await base.DisposeAsync();
    }

    private async ValueTask<bool> EndsWithin(Ending ending, TimeSpan limit)
    {
        if (ending.IsSet)
        {
            return true;
        }

        try
        {
            await ending.Task.WaitAsync(limit, Options.Time);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    /// <summary>On the loop, after <see cref="_abortReason"/> was set: both directions end, and the close is a reset.</summary>
    private void CloseNow()
    {
        if (_descriptor >= 0)
        {
            Native.ResetOnClose(_descriptor);
        }

        EndReceiving(_abortReason);
        EndSending();
        Close();
    }

    /// <summary>On the loop: ends what is under way, then the descriptor.</summary>
    private void Close()
    {
        if (_closing)
        {
            return;
        }

        _closing = true;
        EndSending();
        if (_operations == 0)
        {
            CloseDescriptor();
            return;
        }

        CancelAll();
    }

    private unsafe void CancelAll()
    {
        const uint all = 1 << 0;          // IORING_ASYNC_CANCEL_ALL
        const uint byDescriptor = 1 << 1; // IORING_ASYNC_CANCEL_FD
        _toCancel = _operations - _cancels;
        _operations++;
        _cancels++;
        var cancel = _loop.Prepare(Operation.Cancel, OperationKind.Cancel, _slot, _descriptor);
        cancel->OperationFlags = all | byDescriptor;
    }

    /// <summary>An operation that was between two waits was not found, and waits again: it is cancelled again.</summary>
    /// <param name="found">Of <see cref="CancelAll"/>: how many, also none. Of a single one: 0, or -ENOENT.</param>
    private void OnCanceled(int found)
    {
        _cancels--;
        if (!_closing)
        {
            OnPauseCanceled(found);
        }
        else if (_cancels == 0 && _operations > 0 && found < _toCancel)
        {
            CancelAll();
        }
    }

    private void CloseDescriptor()
    {
        if (_descriptorClosed.IsSet)
        {
            return;
        }

        if (_descriptor >= 0)
        {
            _socket?.Dispose();
            _ = Native.Close(_descriptor);
            _descriptor = -1;
        }

        if (_slot != 0)
        {
            _loop.Unregister(_slot);
        }

        EndReceiving(_abortReason);
        _descriptorClosed.Set();
    }

    private void EndDirection(bool closesConnection)
    {
        if (Interlocked.Increment(ref _endedDirections) == 2 || closesConnection)
        {
            FireClosed();
        }
    }

    // On the thread pool: whoever registered may block, or call back into this connection.
    private void FireClosed()
    {
        if (Interlocked.Exchange(ref _closedFired, 1) == 0)
        {
            ThreadPool.UnsafeQueueUserWorkItem(static connection => connection.RunClosed(), this, preferLocal: false);
        }
    }

    private void RunClosed()
    {
        try
        {
            _closed.Cancel();
        }
        catch (Exception e)
        {
            Log.LogDebug(e, "A callback of ConnectionClosed failed on {ConnectionId}", ConnectionId);
        }
    }

    private static Exception Describe(int errno)
    {
        var error = Errno.ToException(errno);
        return error.SocketErrorCode is SocketError.ConnectionReset or SocketError.Shutdown or SocketError.NetworkReset
            ? new ConnectionResetException(error.Message, error)
            : new ConnectionAbortedException(error.Message, error);
    }

    private static unsafe EndPoint? AddressOf(int descriptor, bool peer)
    {
        var bytes = stackalloc byte[SocketAddresses.MaxBytes];
        var length = Native.AddressOf(descriptor, peer, bytes);
        return length < 0 ? null : SocketAddresses.Read(new ReadOnlySpan<byte>(bytes, length)); // the peer may have left already
    }

    /// <summary>Something that happens once; a task only for who waits.</summary>
    private sealed class Ending(Lock gate)
    {
        private TaskCompletionSource? _waiting;
        private volatile bool _isSet;

        public bool IsSet => _isSet;

        public Task Task
        {
            get
            {
                lock (gate)
                {
                    return _isSet ? Task.CompletedTask : (_waiting ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
                }
            }
        }

        public void Set()
        {
            lock (gate)
            {
                _isSet = true;
            }

            _waiting?.TrySetResult();
        }
    }
}
