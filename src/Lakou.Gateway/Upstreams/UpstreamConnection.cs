using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Lakou.Core.Time;
using Lakou.Gateway.Tls;
using Lakou.Http;
using Lakou.Http.Tasks;
using Lakou.Transport;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

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
/// One connection to an endpoint: a transport's pipes and two deadlines. Whatever ends it from outside (deadline, client gone)
/// aborts it, and the pending operation fails.
/// </summary>
internal sealed class UpstreamConnection : ISwept
{
    private readonly Sweeper _sweeper;
    private readonly LakouTransport _transport;
    private ConnectionContext? _connection;
    private CancellationTokenSource? _connecting;
    private PipeReader _input = null!;
    private PipeWriter _output = null!;
    private ReadOnlySequence<byte> _received;
    private bool _isReading; // _received is the pipe's, and must be given back
    private DeadlineSlot _receive;
    private DeadlineSlot _send;
    private long _totalDeadline = long.MaxValue;
    private volatile bool _isResting;
    private int _closed;

    /// <summary>Not connected yet, and under the sweeper's watch.</summary>
    public UpstreamConnection(EndpointState endpoint, LakouTransport transport, Sweeper sweeper)
    {
        Endpoint = endpoint;
        _transport = transport;
        _sweeper = sweeper;
        CreatedAt = sweeper.Time.GetTimestamp();
        sweeper.Add(this);
    }

    public EndpointState Endpoint { get; }

    public long CreatedAt { get; }

    public ResponseHead Head { get; } = new();

    public ChunkedDecoder Chunks { get; } = new(MessageSide.Response);

    /// <summary>The event loop that it lives on, once connected.</summary>
    public int Loop { get; private set; }

    public bool IsClosed => Volatile.Read(ref _closed) != 0;

    /// <summary>Set when a deadline closed the connection, and nothing else had before.</summary>
    public Wait TimedOut { get; private set; }

    /// <summary>Set when the client's end closed the connection, and nothing else had before.</summary>
    public bool ClientGone { get; private set; }

    /// <summary>Called once when a deadline has closed the connection, on the sweeper's thread.</summary>
    public Action? OnTimedOut { get; set; }

    /// <summary>Received and not consumed.</summary>
    public ReadOnlySequence<byte> Received => _received;

    public bool HasReceived => !_received.IsEmpty;

    /// <summary>A request begins.</summary>
    /// <param name="totalDeadline">Bounds every wait from here on, also those in which nothing is expected of the endpoint.</param>
    public void Begin(long totalDeadline)
    {
        _isResting = false;
        _totalDeadline = totalDeadline;
        ClearReceive();
    }

    public async ValueTask ConnectAsync(TimeSpan timeout)
    {
        Expect(ref _send, Wait.Connect, timeout, _sweeper.Time.GetTimestamp());
        using var connecting = new CancellationTokenSource();
        Volatile.Write(ref _connecting, connecting);
        try
        {
            connecting.Token.ThrowIfCancellationRequested();
            ObjectDisposedException.ThrowIf(IsClosed, this);
            var connection = await _transport.ConnectAsync(Endpoint.Address.EndPoint, connecting.Token);
            if (Endpoint.Address.Tls is { } tls)
            {
                connection = await tls.OpenAsync(connection, Endpoint.Address.Host, connecting.Token);
            }

            (_input, _output) = (connection.Transport.Input, connection.Transport.Output);
            Loop = connection.Features.GetRequiredFeature<ILoopFeature>().Loop;
            Volatile.Write(ref _connection, connection);
        }
        finally
        {
            Interlocked.Exchange(ref _connecting, null);
        }

        if (!_send.Clear() || IsClosed)
        {
            _connection.Abort();
            throw new SocketException((int)SocketError.OperationAborted);
        }
    }

    /// <summary>Where bytes are written before <see cref="FlushAsync"/>.</summary>
    public PipeWriter Output => _output;

    /// <exception cref="IOException">The endpoint takes no more.</exception>
    public ValueTask FlushAsync(TimeSpan idle)
    {
        var flush = _output.FlushAsync();
        return flush.IsCompletedSuccessfully ? Ended(flush.Result) : WaitAsync(flush, idle);

        static ValueTask Ended(FlushResult result)
            => result.IsCompleted ? ValueTask.FromException(new IOException("The endpoint takes no more.")) : default;
    }

    /// <summary>True when bytes, or the end of the stream, are here already.</summary>
    public bool TryReceive()
    {
        GiveBack();
        if (!_input.TryRead(out var result))
        {
            return false;
        }

        Take(result);
        return true;
    }

    /// <summary>A receive in two halves, so that the wait that every request has needs no state machine here.</summary>
    public ValueTask<ReadResult> BeginReceiveAsync()
    {
        GiveBack();
        return _input.ReadAsync();
    }

    public void EndReceive(in ReadResult result) => Take(result);

    /// <summary>Adds to <see cref="Received"/>. False at the end of the stream.</summary>
    [AsyncMethodBuilder(typeof(PooledTaskBuilder<>))]
    public async ValueTask<bool> ReceiveAsync()
    {
        var before = _received.Length;
        while (true)
        {
            GiveBack();
            var result = await _input.ReadAsync();
            Take(result);
            if (_received.Length > before || result.IsCompleted)
            {
                return _received.Length > before;
            }
        }
    }

    /// <summary>True when bytes, or the end of the stream, arrive in time; they are the next receive's.</summary>
    public async ValueTask<bool> ArrivesWithinAsync(TimeSpan span)
    {
        GiveBack();
        await using var timer = _sweeper.Time.CreateTimer(static input => ((PipeReader)input!).CancelPendingRead(), _input, span, Timeout.InfiniteTimeSpan);
        var result = await _input.ReadAsync();
        var isHere = !result.Buffer.IsEmpty || result.IsCompleted;
        _input.AdvanceTo(result.Buffer.Start);
        return isHere;
    }

    public void Consume(long count)
    {
        _received = _received.Slice(count);
        if (_received.IsEmpty)
        {
            GiveBack();
        }
    }

    /// <summary>Ends our sending half.</summary>
    public ValueTask ShutdownSendAsync()
        => _connection!.Features.GetRequiredFeature<IHalfCloseFeature>().ShutdownSendAsync(CancellationToken.None);

    public void ExpectReceive(Wait what, TimeSpan within) => Expect(ref _receive, what, within, _sweeper.Time.GetTimestamp());

    /// <inheritdoc cref="ExpectReceive(Wait, TimeSpan)"/>
    public void ExpectReceive(Wait what, TimeSpan within, long now) => Expect(ref _receive, what, within, now);

    /// <summary>Nothing is expected of the endpoint; the request's overall deadline goes on.</summary>
    public void ClearReceive() => _receive.Set(_totalDeadline == long.MaxValue ? Wait.Nothing : Wait.Total, _totalDeadline);

    /// <summary>Starts the pool's clock. False when the connection must not be reused.</summary>
    public bool TryRest(TimeSpan idle, long now)
    {
        if (HasReceived || IsClosed || (_input is EagerReader && !IsSilent()))
        {
            return false;
        }

        _totalDeadline = long.MaxValue;
        _isResting = true;
        return _send.Clear() && Expect(ref _receive, Wait.PoolIdle, idle, now);
    }

    /// <summary>
    /// Wakes a pooled connection. False when its clock ran out at this moment, or when anything is there to receive: the end of the
    /// stream, or bytes that answer no request of ours and never may.
    /// </summary>
    public bool TryWake()
    {
        _isResting = false; // from here on it is aborted, not ended, by whoever closes it
        return _receive.Clear() && !IsClosed && IsSilent();
    }

    /// <summary>The client is gone: the work upstream ends at once.</summary>
    public void AbandonByClient() => Close(Wait.Nothing, clientGone: true);

    public void Sweep(long now)
    {
        var passed = _receive.Fire(now);
        passed = passed == Wait.Nothing ? _send.Fire(now) : passed;
        if (passed != Wait.Nothing || (_isResting && (_connection!.ConnectionClosed.IsCancellationRequested || _input is EagerReader { IsHere: true })))
        {
            Close(passed, clientGone: false);
        }
    }

    /// <summary>Ends the connection; the owner calls it once no operation is pending.</summary>
    /// <param name="gently">Nothing is under way: the endpoint sees a plain end.</param>
    public void End(bool gently)
    {
        if (!gently)
        {
            Close();
        }
        else if (TryClose(Wait.Nothing, clientGone: false))
        {
            Release();
        }

        if (_connection is { } connection)
        {
            _ = connection.DisposeAsync().AsTask(); // never throws
        }
    }

    /// <summary>Aborts the connection; operations in flight fail.</summary>
    public void Close() => Close(Wait.Nothing, clientGone: false);

    /// <summary>False when anything is here to receive, or the endpoint has reset the connection, or the sweeper has just ended it.</summary>
    private bool IsSilent()
    {
        try
        {
            return !TryReceive();
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or InvalidOperationException)
        {
            return false;
        }
    }

    private void Close(Wait timedOut, bool clientGone)
    {
        if (!TryClose(timedOut, clientGone))
        {
            return;
        }

        Release();
        try
        {
            Volatile.Read(ref _connecting)?.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It has just connected, and sees that it is closed.
        }

        if (Volatile.Read(ref _connection) is { } connection)
        {
            if (_isResting)
            {
                _ = connection.DisposeAsync().AsTask();
            }
            else
            {
                connection.Abort();
            }
        }

        if (timedOut != Wait.Nothing)
        {
            OnTimedOut?.Invoke();
        }
    }

    private bool TryClose(Wait timedOut, bool clientGone)
    {
        if (Interlocked.Exchange(ref _closed, 1) != 0)
        {
            return false;
        }

        // Before the connection ends: whose operation fails asks why.
        TimedOut = timedOut;
        ClientGone = clientGone;
        return true;
    }

    private void Release()
    {
        _sweeper.Remove(this);
        Endpoint.OnClosed(this);
    }

    [AsyncMethodBuilder(typeof(PooledTaskBuilder))]
    private async ValueTask WaitAsync(ValueTask<FlushResult> flush, TimeSpan idle)
    {
        Expect(ref _send, Wait.Idle, idle, _sweeper.Time.GetTimestamp());
        try
        {
            if ((await flush).IsCompleted)
            {
                throw new IOException("The endpoint takes no more.");
            }
        }
        finally
        {
            // An endpoint that stopped reading may still be answering: that has its own deadline.
            _send.Clear();
        }
    }

    private void Take(in ReadResult result)
    {
        _received = result.Buffer;
        _isReading = true;
    }

    /// <summary>What is not consumed stays in the pipe.</summary>
    private void GiveBack()
    {
        if (_isReading)
        {
            _isReading = false;
            _input.AdvanceTo(_received.Start, _received.End);
            _received = default;
        }
    }

    private bool Expect(ref DeadlineSlot slot, Wait what, TimeSpan within, long now)
    {
        var at = now + (long)(within.TotalSeconds * _sweeper.Time.TimestampFrequency);
        return at <= _totalDeadline ? slot.Set(what, at) : slot.Set(Wait.Total, _totalDeadline);
    }
}
