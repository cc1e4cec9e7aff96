using System.Buffers;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Lakou.Core.Time;
using Lakou.Http;

namespace Lakou.Gateway.Upstreams;

/// <summary>What a connection waits for; each ends in its own fault.</summary>
internal enum Wait
{
    Nothing,
    Connect,
    Response,
    Idle,
    Total,
    PoolIdle,
}

/// <summary>
/// One connection to an endpoint: a socket, a receive buffer held only while a request runs, and two deadlines.
/// Whatever ends it from outside (deadline, client gone) closes the socket, and the pending operation fails.
/// </summary>
internal sealed class UpstreamConnection : ISwept, IDisposable
{
    // 16 KiB: one receive takes what a typical response has; HAProxy's buffer size.
    private const int BufferBytes = 16 * 1024;

    private readonly Socket _socket;
    private readonly Sweeper _sweeper;
    private byte[] _buffer = [];
    private int _start;
    private int _end;
    private DeadlineSlot _receive;
    private DeadlineSlot _send;
    private long _totalDeadline = long.MaxValue;
    private ValueTask<int> _pending;
    private bool _hasPending;
    private int _closed;

    private UpstreamConnection(EndpointState endpoint, Socket socket, Sweeper sweeper)
    {
        Endpoint = endpoint;
        _socket = socket;
        _sweeper = sweeper;
        CreatedAt = sweeper.Time.GetTimestamp();
    }

    public EndpointState Endpoint { get; }

    public long CreatedAt { get; }

    public ResponseHead Head { get; } = new();

    public ChunkedDecoder Chunks { get; } = new(MessageSide.Response);

    public bool IsClosed => Volatile.Read(ref _closed) != 0;

    /// <summary>Set when a deadline closed the connection, and nothing else had before.</summary>
    public Wait TimedOut { get; private set; }

    /// <summary>Set when the client's end closed the connection, and nothing else had before.</summary>
    public bool ClientGone { get; private set; }

    /// <summary>Called once when a deadline has closed the connection, on the sweeper's thread.</summary>
    public Action? OnTimedOut { get; set; }

    public ReadOnlySpan<byte> Received => _buffer.AsSpan(_start, _end - _start);

    public ReadOnlyMemory<byte> ReceivedMemory => _buffer.AsMemory(_start, _end - _start);

    public bool HasReceived => _end > _start;

    /// <summary>A socket that is not connected yet, under the sweeper's watch.</summary>
    public static UpstreamConnection Create(EndpointState endpoint, Sweeper sweeper)
    {
        var connection = new UpstreamConnection(endpoint, endpoint.Address.CreateSocket(), sweeper);
        sweeper.Add(connection);
        return connection;
    }

    /// <summary>A request begins.</summary>
    /// <param name="totalDeadline">Bounds every wait from here on, also those in which nothing is expected of the endpoint.</param>
    public void Begin(long totalDeadline)
    {
        _totalDeadline = totalDeadline;
        ClearReceive();
    }

    public async ValueTask ConnectAsync(TimeSpan timeout)
    {
        Expect(ref _send, Wait.Connect, timeout);
        await _socket.ConnectAsync(Endpoint.Address.EndPoint, CancellationToken.None);
        if (!_send.Clear())
        {
            throw new SocketException((int)SocketError.OperationAborted);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask SendAsync(ReadOnlyMemory<byte> bytes, TimeSpan idle)
    {
        Expect(ref _send, Wait.Idle, idle);
        try
        {
            while (bytes.Length > 0)
            {
                var sent = await _socket.SendAsync(bytes, SocketFlags.None);
                bytes = bytes[sent..];
            }
        }
        finally
        {
            // An endpoint that stopped reading may still be answering: that has its own deadline.
            _send.Clear();
        }
    }

    /// <summary>Begins to receive, if that has not begun. True when bytes, or the end of the stream, are here already.</summary>
    public bool BeginReceive()
    {
        StartReceive();
        return _pending.IsCompleted;
    }

    /// <summary>Appends to <see cref="Received"/>. 0 at the end of the stream.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<int> ReceiveAsync()
    {
        StartReceive();
        var pending = _pending;
        _hasPending = false;
        _pending = default;
        var count = await pending;
        if (count == 0 && Volatile.Read(ref _closed) != 0)
        {
            // Closing a socket may look like the end of the stream to a receive in flight.
            throw new SocketException((int)SocketError.OperationAborted);
        }

        _end += count;
        return count;
    }

    /// <summary>True when bytes, or the end of the stream, arrive in time; they are the next receive's.</summary>
    public async ValueTask<bool> ArrivesWithinAsync(TimeSpan span)
    {
        StartReceive();
        var receive = _pending.AsTask();
        _pending = new(receive);
        using var stop = new CancellationTokenSource();
        var first = await Task.WhenAny(receive, Task.Delay(span, _sweeper.Time, stop.Token));
        await stop.CancelAsync();
        return first == receive;
    }

    public void Consume(int count)
    {
        _start += count;
        if (_start == _end)
        {
            _start = _end = 0;
        }
    }

    /// <summary>Ends our sending half.</summary>
    public void ShutdownSend() => _socket.Shutdown(SocketShutdown.Send);

    public void ExpectReceive(Wait what, TimeSpan within) => Expect(ref _receive, what, within);

    /// <summary>Nothing is expected of the endpoint; the request's overall deadline goes on.</summary>
    public void ClearReceive() => _receive.Set(_totalDeadline == long.MaxValue ? Wait.Nothing : Wait.Total, _totalDeadline);

    /// <summary>Hands the buffer back and starts the pool's clocks. False when it must not be reused.</summary>
    public bool TryRest(TimeSpan idle)
    {
        if (HasReceived || _hasPending || Volatile.Read(ref _closed) != 0)
        {
            return false;
        }

        ReturnBuffer();
        _totalDeadline = long.MaxValue;
        return _send.Clear() && Expect(ref _receive, Wait.PoolIdle, idle);
    }

    /// <summary>
    /// Wakes a pooled connection by beginning to receive its next answer. False when its clock ran out at this moment, or
    /// when anything is there to receive: the end of the stream, or bytes that answer no request of ours and never may.
    /// </summary>
    public bool TryWake()
    {
        if (!_receive.Clear() || Volatile.Read(ref _closed) != 0)
        {
            return false;
        }

        try
        {
            StartReceive();
            return !_pending.IsCompleted;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return false;
        }
    }

    /// <summary>Whether bytes came before the request was sent.</summary>
    public bool SpokeFirst => _hasPending && _pending.IsCompleted;

    /// <summary>The client is gone: the work upstream ends at once.</summary>
    public void AbandonByClient() => Close(Wait.Nothing, clientGone: true);

    public void Sweep(long now)
    {
        var passed = _receive.Fire(now);
        passed = passed == Wait.Nothing ? _send.Fire(now) : passed;
        if (passed != Wait.Nothing)
        {
            Close(passed, clientGone: false);
        }
    }

    /// <summary>Returns what the connection holds; the owner calls it once no operation is pending.</summary>
    public void Dispose()
    {
        Close();
        if (_hasPending)
        {
            _ = EndReceiveAsync(_pending);
        }
        else
        {
            ReturnBuffer();
        }
    }

    /// <summary>The buffer is the kernel's until the receive has ended.</summary>
    private async Task EndReceiveAsync(ValueTask<int> pending)
    {
        try
        {
            await pending;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // Closed by us.
        }

        ReturnBuffer();
    }

    /// <summary>Closes the socket; operations in flight fail.</summary>
    public void Close() => Close(Wait.Nothing, clientGone: false);

    private void Close(Wait timedOut, bool clientGone)
    {
        if (Interlocked.Exchange(ref _closed, 1) == 0)
        {
            // Before the socket: whose operation fails asks why.
            TimedOut = timedOut;
            ClientGone = clientGone;
            _sweeper.Remove(this);
            Endpoint.OnClosed(this);
            _socket.Dispose();
            if (timedOut != Wait.Nothing)
            {
                OnTimedOut?.Invoke();
            }
        }
    }

    /// <summary>The receive is begun before the request is sent: it costs the same, and shows what an endpoint says unasked.</summary>
    private void StartReceive()
    {
        if (!_hasPending)
        {
            MakeRoom();
            _pending = _socket.ReceiveAsync(_buffer.AsMemory(_end), SocketFlags.None);
            _hasPending = true;
        }
    }

    private void MakeRoom()
    {
        if (_buffer.Length == 0)
        {
            _buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        }
        else if (_end == _buffer.Length)
        {
            // Compact; grow only when a head is longer than the buffer (its limit bounds the growth).
            var live = Received;
            if (_start > 0)
            {
                live.CopyTo(_buffer);
            }
            else
            {
                var grown = ArrayPool<byte>.Shared.Rent(_buffer.Length * 2);
                live.CopyTo(grown);
                ArrayPool<byte>.Shared.Return(_buffer);
                _buffer = grown;
            }

            _end -= _start;
            _start = 0;
        }
    }

    private void ReturnBuffer()
    {
        if (_buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = [];
            _start = _end = 0;
        }
    }

    private bool Expect(ref DeadlineSlot slot, Wait what, TimeSpan within)
    {
        var at = _sweeper.Time.GetTimestamp() + (long)(within.TotalSeconds * _sweeper.Time.TimestampFrequency);
        return at <= _totalDeadline ? slot.Set(what, at) : slot.Set(Wait.Total, _totalDeadline);
    }

    /// <summary>
    /// A deadline that fires at most once, and for good: the sweeper replaces exactly the value that it saw, so a deadline
    /// cleared or moved meanwhile is never taken for one that passed. What is waited for lies in the low bits of when, so that both change at once.
    /// </summary>
    private struct DeadlineSlot
    {
        private const long Fired = -1;
        private const long Never = 0;
        private const long WaitBits = 7; // rounds a deadline by 8 ticks of the clock

        private long _deadline;

        /// <summary>False when it has fired before.</summary>
        public bool Set(Wait what, long at) => Replace(what == Wait.Nothing ? Never : (at & ~WaitBits) | (long)what);

        public bool Clear() => Replace(Never);

        /// <summary>What was waited for too long; <see cref="Wait.Nothing"/> when there is time left.</summary>
        public Wait Fire(long now)
        {
            var deadline = Volatile.Read(ref _deadline);
            return deadline > 0 && now >= deadline && Interlocked.CompareExchange(ref _deadline, Fired, deadline) == deadline
                ? (Wait)(deadline & WaitBits)
                : Wait.Nothing;
        }

        private bool Replace(long deadline)
        {
            // Besides the sweeper there are two writers: the pump and the reader of the answer.
            while (true)
            {
                var before = Volatile.Read(ref _deadline);
                if (before == Fired)
                {
                    return false;
                }

                if (Interlocked.CompareExchange(ref _deadline, deadline, before) == before)
                {
                    return true;
                }
            }
        }
    }
}
