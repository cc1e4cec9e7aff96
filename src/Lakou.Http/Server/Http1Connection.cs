using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Lakou.Core.Faults;
using Lakou.Core.Time;
using Lakou.Http.Tasks;
using Lakou.Transport;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting.Server.Abstractions;

namespace Lakou.Http.Server;

/// <summary>
/// One HTTP/1.1 client connection, from its first byte to its last: strict heads (RFC 9112), one request at a time,
/// beneath the feature interfaces of ASP.NET Core. The connection is its own feature collection and is reused for
/// all of its requests, so that a request costs no allocation here.
/// </summary>
/// <remarks>
/// <code>
///  ┌─► idle ──first byte──► head ──complete──► request ──answered──► rest of the body ─┐
///  │     │ IdleTimeout        │ HeadTimeout: 408   │ client leaves: RequestAborted     │ RateGrace, LingerTimeout
///  │     ▼ close              ▼ refused: close     ▼ upgraded: raw bytes, then close   ▼
///  └──────────────────────────────── keep-alive ◄──────────────────────────────────────┘
/// </code>
/// Deadlines are fields that <see cref="ISwept.Sweep"/> looks at; nothing is armed or disarmed per request.
/// </remarks>
public sealed partial class Http1Connection<TContext> : ISwept, IHostContextContainer<TContext>
    where TContext : notnull
{
    private readonly ConnectionContext _connection;
    private readonly IHttp1Application<TContext> _application;
    private readonly Http1Options _options;
    private readonly PipeReader _input;
    private readonly PipeWriter _output;
    private readonly TimeProvider _time;
    private readonly IReceiveTimestampFeature? _received;
    private readonly RequestHead _head = new();
    private volatile bool _closeRequested;
    private volatile bool _clientGone;
    private volatile bool _waitingForHead = true;
    private bool _broken;
    private Fault? _refusal;

    /// <param name="connection">The transport below, after TLS if there is any.</param>
    /// <param name="application">Runs each request.</param>
    /// <param name="options">Limits and timeouts.</param>
    public Http1Connection(ConnectionContext connection, IHttp1Application<TContext> application, Http1Options options)
    {
        _connection = connection;
        _application = application;
        _options = options;
        _input = connection.Transport.Input;
        _output = connection.Transport.Output;
        _time = options.Sweeper.Time;
        _received = connection.Features.Get<IReceiveTimestampFeature>();
        _requestBody = new RequestBody(this);
        _responseWriter = new ResponseWriter(this);
    }

    TContext? IHostContextContainer<TContext>.HostContext { get; set; }

    /// <summary>
    /// When the head of the current request began to arrive, as a timestamp of the sweeper's clock; 0 before the first.
    /// </summary>
    public long HeadStarted { get; private set; }

    /// <summary>When its last byte was there.</summary>
    public long HeadEnded { get; private set; }

    /// <summary>When the response of the current request was complete, or the request had failed.</summary>
    public long ResponseEnded { get; private set; }

    /// <summary>Serves the connection until it closes. Never throws for what a client does.</summary>
    public async Task RunAsync()
    {
        // A connection that never sends a byte has the time of a head, not that of a pause between requests.
        Arm(Deadline.Head, _options.HeadTimeout);
        using var closed = _connection.ConnectionClosed.UnsafeRegister(static state => ((Http1Connection<TContext>)state!).OnClientGone(), this);
        using var closing = _connection.Features.Get<IConnectionLifetimeNotificationFeature>()?.ConnectionClosedRequested
            .UnsafeRegister(static state => ((Http1Connection<TContext>)state!).OnCloseRequested(), this) ?? default;
        _options.Sweeper.Add(this);
        try
        {
            // What nearly every request waits for is awaited here, in the one state machine that outlives it.
            while (true)
            {
                BeginHead();
                HeadOutcome outcome;
                while ((outcome = ReadHead(await ReadAsync())) == HeadOutcome.Unknown)
                {
                }

                if (outcome != HeadOutcome.Request)
                {
                    await (outcome == HeadOutcome.Refusal ? RefuseAsync(_refusal!) : default);
                    break;
                }

                Disarm();
                BeginRequest();
                BeginResponse();
                var context = _application.CreateContext(this);
                Exception? failure = null;
                try
                {
                    await _application.ServeAsync(context);
                    await _responseWriter.EndAsync();
                }
                catch (Exception e)
                {
                    failure = e;
                }

                if (!await EndRequestAsync(context, failure))
                {
                    break;
                }
            }

            await _output.CompleteAsync(); // over TLS this writes what is left, so it may fail as any write does
        }
        catch (Exception e) when (IsGone(e))
        {
            // The client went away; there is nobody to tell.
        }
        finally
        {
            Disarm();
            _options.Sweeper.Remove(this);
            _responseWriter.Release();
            await _input.CompleteAsync();
        }
    }

    /// <summary>What a transport throws, and TLS above it, when the connection is no more.</summary>
    private static bool IsGone(Exception e)
        => e is IOException or ConnectionAbortedException or OperationCanceledException or ObjectDisposedException;

    private void BeginHead()
    {
        _head.Reset();
        if (_requests > 0)
        {
            _received?.Reset(); // the last request's body came after its head
        }

        _waitingForHead = true;
        Interlocked.MemoryBarrier(); // pairs with OnCloseRequested's: one of the two sees what the other wrote
    }

    /// <summary>An empty end when the listener stops and nothing of another request is here.</summary>
    private ValueTask<ReadResult> ReadAsync()
    {
        if (!_closeRequested || !_waitingForHead || _requests == 0)
        {
            return _input.ReadAsync();
        }

        return new(_input.TryRead(out var result) ? result : new ReadResult(default, isCanceled: false, isCompleted: true));
    }

    private HeadOutcome ReadHead(in ReadResult result)
    {
        var buffer = result.Buffer;
        if (buffer.IsEmpty && result.IsCompleted)
        {
            return HeadOutcome.End;
        }

        var isFirst = !buffer.IsEmpty && _waitingForHead;
        if (isFirst)
        {
            _waitingForHead = false;
            HeadStarted = HeadEnded = _received?.FirstReceiveTimestamp is > 0 and var first ? first : _time.GetTimestamp();
        }

        var status = RequestParser.TryParse(buffer, _options.HeadLimits, _head, out var consumed, out var examined);
        _input.AdvanceTo(consumed, examined);
        switch (status)
        {
            case ParseStatus.Done:
                HeadEnded = isFirst ? HeadStarted : _time.GetTimestamp();
                return HeadOutcome.Request;
            case ParseStatus.Invalid:
                _refusal = _head.Error;
                return HeadOutcome.Refusal;
            case ParseStatus.NeedMore when isFirst:
                Arm(Deadline.Head, _options.HeadTimeout);
                break;
            case ParseStatus.NeedMore when HasFired:
                if (_waitingForHead)
                {
                    return HeadOutcome.End;
                }

                _refusal = ServerFaults.HeadTimeout.With(
                    $"The head must be complete within {_options.HeadTimeout.TotalSeconds:0.###} s of its first byte.");
                return HeadOutcome.Refusal;
        }

        return result.IsCompleted ? HeadOutcome.End : HeadOutcome.Unknown;
    }

    /// <summary>Answers a head that never became a request, and closes.</summary>
    private async ValueTask RefuseAsync(Fault fault)
    {
        if (fault.Code == HttpFaults.NotHttp && _requests == 0)
        {
            _application.OnRefused(_connection, _head, fault);
            return;
        }

        var accept = _head.Fields.TryGet(KnownField.Accept, out var value) ? System.Text.Encoding.Latin1.GetString(value) : null;
        var (type, body) = FaultBody.Write(fault, accept, requestId: null);
        BeginResponse();
        StatusCode = fault.Code.Status;
        _responseFields.Append("Content-Type", type);
        _responseFields.Append("Cache-Control", "no-store");
        _keepAlive = false;
        _contentLength = body.Length;
        WriteHead();
        if (!string.Equals(_head.Method, "HEAD", StringComparison.Ordinal))
        {
            _output.Write(body);
        }

        await FlushOutputAsync(CancellationToken.None);
        _application.OnRefused(_connection, _head, fault);
        await LingerAsync();
    }

    /// <summary>True when the connection can serve another request, whose deadline has begun.</summary>
    [AsyncMethodBuilder(typeof(PooledTaskBuilder<>))]
    private async ValueTask<bool> EndRequestAsync(TContext context, Exception? failure)
    {
        if (failure is not null)
        {
            await FailAsync(failure);
        }

        _requestBodyPipe?.Complete();
        failure = await RunOnCompletedAsync() ?? failure;
        ResponseEnded = _time.GetTimestamp();
        _application.DisposeContext(context, failure);
        EndRequestAborted();
        if (_broken || _clientGone || _upgraded)
        {
            return false;
        }

        if (_keepAlive && !_closeRequested)
        {
            if (_requestBody.IsFinished)
            {
                Arm(Deadline.Idle, ResponseEnded, _options.IdleTimeout);
                return true;
            }

            if (await _requestBody.TryDrainAsync())
            {
                Arm(Deadline.Idle, _options.IdleTimeout);
                return true;
            }
        }

        if (!_requestBody.IsFinished)
        {
            await LingerAsync();
        }

        return false;
    }

    /// <summary>
    /// The application should have answered its own failure. When no byte of a response was written there can still be one;
    /// else the client must see that what it has is not whole.
    /// </summary>
    private async ValueTask FailAsync(Exception failure)
    {
        _keepAlive = false;
        if (!HasStarted && !_clientGone)
        {
            _onStarting?.Clear();
            _responseFields.Clear();
            _responseWriter.Begin();
            (StatusCode, ReasonPhrase) = (failure is RequestBodyException body ? body.Fault.Code.Status : 500, null);
            try
            {
                await _responseWriter.EndAsync();
                return;
            }
            catch (Exception e) when (IsGone(e))
            {
                // Then it ends as below.
            }
        }

        _broken = true;
        _connection.Abort(new ConnectionAbortedException("The response could not be completed.", failure));
    }

    /// <summary>
    /// Ends our side and reads on for a while: closing with unread bytes would send a reset, which may destroy the
    /// response on its way (RFC 9112 §9.6).
    /// </summary>
    private async ValueTask LingerAsync()
    {
        Arm(Deadline.Linger, _options.LingerTimeout);
        if (_connection.Features.Get<IHalfCloseFeature>() is { } half)
        {
            await half.ShutdownSendAsync(CancellationToken.None);
        }

        ReadResult result;
        do
        {
            result = await _input.ReadAsync();
            _input.AdvanceTo(result.Buffer.End);
        }
        while (!result.IsCompleted && !HasFired);
    }

    private void OnClientGone()
    {
        _clientGone = true;
        CancelRequest();
        lock (_watchGate)
        {
            _watcher?.OnClientGone();
        }
    }

    /// <summary>
    /// The listener stops: no request after the current one. A connection between two requests ends at once; one that has just
    /// been opened has its first request on the way, and gets a moment for it.
    /// </summary>
    private void OnCloseRequested()
    {
        _closeRequested = true;
        Interlocked.MemoryBarrier();
        if (!_waitingForHead)
        {
            return;
        }

        if (_requests == 0)
        {
            ArmEarlier(Deadline.Head, _options.FirstRequestGrace);
        }
        else
        {
            Wake();
        }
    }

    /// <summary>What a read says of the head.</summary>
    private enum HeadOutcome
    {
        Unknown,
        Request,
        Refusal,

        /// <summary>There is no further request: end of stream, timeout, a listener that stops.</summary>
        End,
    }
}
