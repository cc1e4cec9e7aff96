using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Lakou.Transport.Uring;

/// <summary>
/// Accepts from a listening socket on one loop, and gives the connections to all loops in turn: each gets as many, which neither
/// a queue for each (SO_REUSEPORT, by hash) nor a queue for all (who wakes first) can promise. The socket is closed only when it is our own.
/// </summary>
internal sealed class UringListener : IConnectionListener, IOperations
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    private readonly UringTransport _transport;
    private readonly Loop _loop;
    private readonly ListenSocket _socket;
    private readonly bool _isShared;
    private readonly int _descriptor;
    private readonly Channel<UringConnection> _accepted; // bounded by the places
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _slot;
    private int _operations;
    private int _starting;   // connections on their way to their loops
    private bool _isAccepting;
    private bool _hasPlace;  // the accept under way has a place for its connection
    private bool _isUnbound;
    private bool _isPaused;
    private TimeSpan _pause; // zero when accepting works
    private ITimer? _pauseTimer;

    public UringListener(UringTransport transport, Loop loop, ListenSocket socket, bool isShared)
    {
        _transport = transport;
        _loop = loop;
        _socket = socket;
        _isShared = isShared;
        EndPoint = socket.LocalEndPoint;
        _accepted = Channel.CreateUnbounded<UringConnection>(new() { SingleReader = true, AllowSynchronousContinuations = transport.Options.ApplicationScheduler == PipeScheduler.Inline });
        _descriptor = Native.Duplicate((int)socket.Socket.Handle); // ours: nothing else may close it while an accept is under way
        loop.Schedule(static state => ((UringListener)state!).Begin(), this);
    }

    public EndPoint EndPoint { get; }

    /// <returns>Null when unbound. A connection that the kernel had already handed over when unbinding came is still returned.</returns>
    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        try
        {
            return await _accepted.Reader.ReadAsync(cancellationToken);
        }
        catch (ChannelClosedException)
        {
            return null;
        }
    }

    public async ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        _loop.Schedule(static state => ((UringListener)state!).Stop(), this);
        await _ended.Task;
        if (!_isShared)
        {
            _socket.Dispose();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await UnbindAsync();
        while (_accepted.Reader.TryRead(out var left))
        {
            left.Abort(); // nobody asked for it
            await left.DisposeAsync();
        }
    }

    public void OnCompleted(OperationKind kind, in Completion completion)
    {
        var goesOn = (completion.Flags & Completion.HasMore) != 0;
        if (!goesOn)
        {
            _operations--;
        }

        if (kind == OperationKind.Accept)
        {
            _isAccepting = goesOn;
            OnAccepted(completion.Result);
        }
        else if (completion.Result == -Errno.NoEntry)
        {
            CancelAccept(); // it was between two waits, and waits again
        }

        EndIfDone();
    }

    public void Stop()
    {
        if (_isUnbound)
        {
            return;
        }

        _isUnbound = true;
        _pauseTimer?.Dispose();
        _transport.Forget(this);
        CancelAccept();
        EndIfDone();
    }

    /// <summary>There are places for connections again, or the pause is over. On any thread.</summary>
    public void TryAgain() => _loop.Schedule(
        static state =>
        {
            var listener = (UringListener)state!;
            listener._isPaused = false;
            listener.Accept();
        },
        this);

    private void Begin()
    {
        _slot = _loop.Register(this);
        _socket.LeftUnseen += LookAgain;
        Accept();
    }

    /// <summary>The accept ends and begins anew, with a look at the queue. On any thread.</summary>
    private void LookAgain() => _loop.Schedule(static state => ((UringListener)state!).CancelAccept(), this);

    private void Accept()
    {
        const ushort multishot = 1 << 0; // IORING_ACCEPT_MULTISHOT
        if (_isAccepting || _isPaused || _isUnbound)
        {
            return;
        }

        // Many at a time while there are many places, then one by one, so that none is accepted in excess.
        var many = _transport.HasManyPlaces;
        if (!many && !_transport.TryTakePlace(this))
        {
            return;
        }

        _hasPlace = !many;
        _isAccepting = true;
        Prepare(many ? multishot : (ushort)0);
    }

    private unsafe void Prepare(ushort how)
    {
        const uint closeOnExec = 0x80000; // SOCK_CLOEXEC
        _operations++;
        var accept = _loop.Prepare(Operation.Accept, OperationKind.Accept, _slot, _descriptor);
        accept->OperationFlags = closeOnExec;
        accept->Priority = how;
    }

    private void OnAccepted(int result)
    {
        var hadPlace = _hasPlace;
        _hasPlace = false;
        if (result >= 0)
        {
            Recovered();
            if (!hadPlace)
            {
                _transport.TakePlace();
            }

            Give(result);
            if (_isAccepting && !_transport.HasManyPlaces)
            {
                CancelAccept();
            }
        }
        else
        {
            OnNotAccepted(-result);
            if (hadPlace)
            {
                _transport.ReleasePlace();
            }
        }

        if (_isUnbound && !_isAccepting)
        {
            // The kernel wakes one waiter for each connection. It may have been this one as it was being cancelled, and then nobody
            // else knows of the connection: what is in the queue now is ours to take. Before Linux 6.10 this ends with EINVAL, and
            // those that go on accepting from the socket have to look.
            const ushort dontWait = 1 << 1; // IORING_ACCEPT_DONTWAIT
            switch (result)
            {
                case >= 0 or -Errno.Canceled:
                    Prepare(dontWait);
                    break;
                case -Errno.Invalid:
                    _socket.LeaveUnseen();
                    break;
            }

            return;
        }

        Accept();
    }

    private void OnNotAccepted(int errno)
    {
        switch (errno)
        {
            case Errno.TooManyFiles or Errno.FileTableFull or Errno.NoMemory or Errno.NoBuffers when !_isUnbound:
                Pause(Errno.ToException(errno));
                break;
            case Errno.Invalid or Errno.BadDescriptor:
                _isUnbound = true; // the ListenSocket was closed
                break;
            case not (Errno.Canceled or Errno.Again):
                // accept(2): errors already pending on the new socket come out of accept and must be treated like EAGAIN.
                _transport.Log.LogDebug("A connection to {EndPoint} ended before it was accepted (error {Error})", EndPoint, errno);
                break;
        }
    }

    private void Give(int descriptor)
    {
        var loop = _transport.NextLoop();
        var connection = new UringConnection(_transport, loop, holdsPlace: true);
        if (loop == _loop)
        {
            connection.Start(descriptor);
            _accepted.Writer.TryWrite(connection);
            return;
        }

        _starting++;
        loop.Post(
            static state =>
            {
                var (listener, connection, descriptor) = ((UringListener, UringConnection, int))state!;
                connection.Start(descriptor);
                listener._accepted.Writer.TryWrite(connection);
                listener._loop.Post(static state => ((UringListener)state!).OnStarted(), listener);
            },
            (this, connection, descriptor));
    }

    private void OnStarted()
    {
        _starting--;
        EndIfDone();
    }

    private unsafe void CancelAccept()
    {
        if (_isAccepting)
        {
            _operations++;
            var cancel = _loop.Prepare(Operation.Cancel, OperationKind.Cancel, _slot, -1);
            cancel->Address = _loop.UserData(OperationKind.Accept, _slot);
        }
    }

    private void EndIfDone()
    {
        if (_isUnbound && _operations == 0 && _starting == 0 && _slot != 0)
        {
            _socket.LeftUnseen -= LookAgain;
            _loop.Unregister(_slot);
            _slot = 0;
            _ = Native.Close(_descriptor);
            _accepted.Writer.TryComplete();
            _ended.TrySetResult();
        }
    }

    // Out of file descriptors (EMFILE, ENFILE) or kernel memory: trying again at once would spin, giving up would kill the listener.
    private void Pause(SocketException error)
    {
        if (_pause == TimeSpan.Zero)
        {
            _transport.Log.LogError(error, "Cannot accept connections on {EndPoint}; trying again until it works", EndPoint);
        }

        _isPaused = true;
        _pause = _pause == TimeSpan.Zero ? FirstPause : TimeSpan.FromTicks(Math.Min(_pause.Ticks * 2, LongestPause.Ticks));
        _pauseTimer?.Dispose();
        _pauseTimer = _transport.Options.Time.CreateTimer(static state => ((UringListener)state!).TryAgain(), this, _pause, Timeout.InfiniteTimeSpan);
    }

    private void Recovered()
    {
        if (_pause != TimeSpan.Zero)
        {
            _pause = TimeSpan.Zero;
            _transport.Log.LogInformation("Accepting connections on {EndPoint} again", EndPoint);
        }
    }
}
