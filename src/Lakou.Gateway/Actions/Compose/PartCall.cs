using System.Buffers;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using Lakou.Core.Configuration;
using Lakou.Core.Faults;
using Lakou.Gateway.Forwarding;
using Lakou.Gateway.Observation;
using Lakou.Gateway.Upstreams;
using Lakou.Gateway.Upstreams.Balancing;
using Lakou.Gateway.Upstreams.Limits;
using Lakou.Http;
using Lakou.Transport;

namespace Lakou.Gateway.Actions.Compose;

/// <summary>One part of one answer: a request of our own, whose answer is held. Parts of one answer may run on several threads.</summary>
internal sealed class PartCall
{
    private static readonly ReadOnlySequence<byte> s_null = new("null"u8.ToArray());

    // How large what a refusing endpoint says may be for its connection to be kept: it is here already, and is not looked at.
    private const int RefusalBytes = 16 * 1024;

    // More than this is checked on the thread pool: an event loop would stand still for longer than half a millisecond.
    private const int InlineBytes = 256 * 1024;

    private readonly Composition _whole;
    private readonly Exchange _exchange;
    private readonly UpstreamState _upstream;
    private readonly string _target;
    private readonly long _deadline;
    private UpstreamPlan _plan = null!;
    private EndpointState _endpoint = null!;
    private byte[] _head = [];
    private UpstreamConnection? _cancellable; // whoever takes it out ends its connection
    private bool _anyByte;
    private bool _complete;
    private bool _reusable;
    private int _status; // the endpoint's; 0 while there is none

    /// <param name="whole">What it is a part of.</param>
    /// <param name="exchange">The client's.</param>
    /// <param name="part">Which one.</param>
    /// <param name="upstream">Who is asked.</param>
    /// <param name="target">For what.</param>
    /// <param name="started">When the time of the part began.</param>
    public PartCall(Composition whole, Exchange exchange, PartPlan part, UpstreamState upstream, string target, long started)
    {
        (_whole, _exchange, Part, _upstream, _target) = (whole, exchange, part, upstream, target);
        _deadline = Math.Min(exchange.TotalDeadline, started + (long)(part.Timeout.TotalSeconds * exchange.Time.TimestampFrequency));
    }

    public PartPlan Part { get; }

    /// <summary>Why there is no value; null when there is one.</summary>
    public Fault? Fault { get; private set; }

    /// <summary>What the endpoint answered.</summary>
    public PooledBytes Body { get; } = new();

    /// <summary>What stands in the answer.</summary>
    public ReadOnlySequence<byte> Value => Body.Length > 0 ? Body.Bytes : s_null;

    public CacheTerms Terms { get; private set; } = CacheTerms.Free;

    /// <summary>Requests sent for it.</summary>
    public int Attempts { get; private set; }

    public TimeSpan Queue { get; private set; }

    public TimeSpan Connect { get; private set; }

    public TimeSpan FirstByte { get; private set; }

    /// <summary>Address of the endpoint that was chosen.</summary>
    public string? Endpoint => _endpoint?.Address.Text;

    /// <summary>What an endpoint wants of a client that it refused with 401.</summary>
    public string? Challenge { get; private set; }

    /// <summary>Begins on the exchange's thread, with all that is read of its request: that is not for several threads.</summary>
    public async Task RunAsync()
    {
        Fault = Choose() ?? await WithinLimitsAsync();
        if (Fault is null && Body.Length > 0)
        {
            Fault = Body.Length > InlineBytes ? await Task.Run(CheckValue) : CheckValue();
        }

        if (Fault is not null)
        {
            _whole.Give(Body.Length);
            Body.Dispose();
            if (!Part.IsOptional && !_whole.IsCancelled)
            {
                _whole.Fail(this);
            }
        }
    }

    /// <summary>On any thread, at any time.</summary>
    public void Close() => Interlocked.Exchange(ref _cancellable, null)?.Close();

    /// <summary>The fault, for a log line and for a client: both want to know which part it was.</summary>
    public Fault Describe() => Fault!.Code.Party == FaultParty.Client
        ? Fault
        : Fault with { Detail = $"part {Part.Name}: {Fault.Detail}", ClientDetail = $"It was the part {Part.Name}." };

    private Fault? CheckValue()
        => JsonValue.Check(Body.Bytes, JsonValue.MostDepth - Part.At.Count) is { } wrong ? ComposeFaults.PartInvalid.With($"{Endpoint}: {wrong}") : null;

    /// <summary>An endpoint, and the head for it.</summary>
    private Fault? Choose()
    {
        _exchange.Stickiness = default;
        var endpoint = _upstream.Pick(new PickContext(_exchange), out _plan);
        var fault = endpoint is not null ? null
            : _exchange.Stickiness.Fault ?? UpstreamFaults.NoEndpoint.With($"Upstream '{_upstream.Name}' has no endpoint in service.");
        _exchange.Stickiness = default; // its cookie is not set: parts may have several
        if (endpoint is not null)
        {
            _endpoint = endpoint;
            _head = PartHead.Prepare(_exchange, _target, Part, _plan, endpoint.Address);
        }

        return fault;
    }

    private async Task<Fault?> WithinLimitsAsync()
    {
        _endpoint.Enter(); // before the next part chooses
        var admission = _upstream.Admission;
        var isLimited = admission.IsLimited;
        try
        {
            if (isLimited && !admission.TryEnter() && await WaitAsync(admission) is { } fault)
            {
                isLimited = false;
                return fault;
            }

            return await TryAsync();
        }
        finally
        {
            _endpoint.Leave();
            if (isLimited)
            {
                admission.Leave();
            }
        }
    }

    private async Task<Fault?> WaitAsync(Admission admission)
    {
        var started = _exchange.Timestamp();
        var entry = await admission.WaitAsync(_exchange.Route!, _deadline, _whole.Cancelled);
        await LoopSwitch.To(_whole.Loop); // who left its place may live on another
        Queue = _exchange.Elapsed(started);
        return entry == Entry.Late && _exchange.Timestamp() >= _deadline ? Late() : UpstreamFaults.NotAdmitted(entry, admission, _upstream.Name);
    }

    private async Task<Fault?> TryAsync()
    {
        var (fault, again) = await AttemptAsync(_endpoint.TryTake(_plan.PoolAge, _exchange.Timestamp()));

        // RFC 9112 §9.3.1: the endpoint closed an idle connection at the moment it was used. Once, on a fresh one.
        return again ? (await AttemptAsync(null)).Fault : fault;
    }

    private async Task<(Fault? Fault, bool Again)> AttemptAsync(UpstreamConnection? idle)
    {
        var started = _exchange.Timestamp();
        var address = _endpoint.Address;
        var call = _exchange.Telemetry.StartClient(_exchange, "GET", PartTarget.PathOf(_target).ToString(), Attempts++, address.Host, address.Port);
        var connection = idle ?? _upstream.Open(_endpoint);
        connection.Begin(_deadline);
        Publish(connection);
        (_anyByte, _complete, _reusable, _status) = (false, false, false, 0);
        Fault? fault = null;
        try
        {
            fault = (idle is null ? await ConnectAsync(connection) : null) ?? await AskAsync(connection, call.Trace);
        }
        catch (Exception e) when (IsEnd(e))
        {
            fault = FaultOf(e, connection);
        }
        finally
        {
            End(connection, started);
        }

        var isCrossing = idle is not null && !_anyByte && fault?.Code == UpstreamFaults.Closed && !_whole.IsCancelled;
        if (!isCrossing)
        {
            Count(started, fault);
        }

        _exchange.Telemetry.FinishClient(call, _status, _whole.IsCancelled || _status >= 300 ? null : fault?.Code.Name); // a status speaks for itself
        return (fault, isCrossing);
    }

    /// <summary>From here on <see cref="Close"/> finds it; a cancel that came before is made good.</summary>
    private void Publish(UpstreamConnection connection)
    {
        Interlocked.Exchange(ref _cancellable, connection);
        if (_whole.IsCancelled)
        {
            Close();
        }
    }

    private void End(UpstreamConnection connection, long started)
    {
        // Taken out by Close, it is being closed, and nobody may use it again.
        var isOurs = Interlocked.Exchange(ref _cancellable, null) is not null;
        var now = _exchange.Timestamp();
        if (isOurs && _reusable)
        {
            _endpoint.Return(connection, _plan, now);
        }
        else
        {
            connection.End(gently: isOurs && _complete);
        }

        _endpoint.Metrics.Finish(_status, _exchange.Time.GetElapsedTime(started, now));
    }

    /// <summary>As in forwarding: what was not waited for any more is held against nobody.</summary>
    private void Count(long started, Fault? fault)
    {
        var isBroken = fault is not null && Forwarder.IsEndpoints(fault.Code);
        var isLate = fault is not null && IsLate(fault.Code);
        if (_status != 0 && !isBroken && !isLate)
        {
            _endpoint.Health.Answered(_status, started); // also with what is of no use here
        }
        else if (fault is not null && !_whole.IsCancelled && (isBroken || (isLate && _status == 0)))
        {
            _endpoint.Health.Failed(fault.Code, started);
            if (!_anyByte)
            {
                _endpoint.AnswerTimes?.Fail(_exchange.Timestamp() - started);
            }
        }
    }

    private static bool IsLate(FaultCode code) => code == ComposeFaults.PartTimeout || code == UpstreamFaults.TotalTimeout || code == UpstreamFaults.IdleTimeout;

    private static bool IsEnd(Exception e) => e is SocketException or ObjectDisposedException or OperationCanceledException or IOException or AuthenticationException;

    private Fault Late() => _deadline == _exchange.TotalDeadline
        ? Forwarder.TotalTimeout(_exchange)
        : ComposeFaults.PartTimeout.With($"{Endpoint} had not answered to the end after {Durations.Format(Part.Timeout)}.");

    private Fault FaultOf(Exception e, UpstreamConnection connection) => connection.TimedOut switch
    {
        Wait.Total => Late(),
        Wait.Response => UpstreamFaults.ResponseTimeout.With($"{Endpoint} did not answer within {Durations.Format(_plan.Timeouts.Response)}."),
        Wait.Idle => UpstreamFaults.IdleTimeout.With($"{Endpoint} neither sent nor took a byte for {Durations.Format(_plan.Timeouts.Idle)}."),
        _ when _status != 0 => UpstreamFaults.Truncated.With($"{Endpoint}: {UpstreamFaults.Describe(e)} within its answer."),
        _ => UpstreamFaults.Closed.With($"{Endpoint}: {UpstreamFaults.Describe(e)} before it answered."),
    };

    private async Task<Fault?> ConnectAsync(UpstreamConnection connection)
    {
        var started = _exchange.Timestamp();
        try
        {
            await connection.ConnectAsync(_plan.Timeouts.Connect);
            return null;
        }
        catch (Exception e) when (IsEnd(e) && !_whole.IsCancelled)
        {
            var fault = connection.TimedOut switch
            {
                Wait.Total => Late(),
                Wait.Connect => UpstreamFaults.ConnectTimeout.With($"{Endpoint} did not accept within {Durations.Format(_plan.Timeouts.Connect)}."),
                _ => UpstreamFaults.OfConnect(_endpoint.Address.Text, e),
            };
            if (fault.Code != UpstreamFaults.NoSocket)
            {
                _endpoint.Metrics.ConnectFailures.Increment();
            }

            return fault;
        }
        finally
        {
            Connect += _exchange.Elapsed(started);
        }
    }

    private async Task<Fault?> AskAsync(UpstreamConnection connection, TraceContext trace)
    {
        PartHead.Write(connection.Output, _head, trace);
        if (connection.TryReceive())
        {
            throw new IOException("The endpoint spoke before it was asked.");
        }

        var sent = _exchange.Timestamp();
        await connection.FlushAsync(_plan.Timeouts.Idle);
        connection.ExpectReceive(Wait.Response, _plan.Timeouts.Response);
        return await ReadHeadAsync(connection, sent) ?? Refuse(connection) ?? await ReadBodyAsync(connection);
    }

    /// <summary>The head of the final answer; interim ones are nobody's.</summary>
    private async Task<Fault?> ReadHeadAsync(UpstreamConnection connection, long sent)
    {
        var head = connection.Head;
        while (true)
        {
            var parsed = ResponseParser.TryParse(connection.Received, answersHead: false, Forwarder.HeadLimitsOfAnswers, head, out var consumed);
            if (parsed == ParseStatus.Invalid)
            {
                return head.Error;
            }

            if (parsed == ParseStatus.NeedMore)
            {
                if (!await connection.ReceiveAsync())
                {
                    return UpstreamFaults.Closed.With($"{Endpoint} closed the connection {(_anyByte ? "within the head of its answer" : "before it answered")}.");
                }

                OnReceived(sent);
                continue;
            }

            connection.Consume(consumed);
            if (head.Status == 101)
            {
                return UpstreamFaults.UnexpectedUpgrade.With($"{Endpoint} answered 101 to a request without Upgrade.");
            }

            if (head.Status >= 200)
            {
                _status = head.Status;
                return null;
            }

            head.Reset();
        }
    }

    private void OnReceived(long sent)
    {
        if (!_anyByte)
        {
            _anyByte = true;
            var now = _exchange.Timestamp();
            FirstByte = _exchange.Time.GetElapsedTime(sent, now);
            _endpoint.AnswerTimes?.Observe(now - sent, now);
        }
    }

    /// <summary>Only 2xx of a whole resource is an answer.</summary>
    private Fault? Refuse(UpstreamConnection connection)
    {
        var head = connection.Head;
        var encoding = head.Fields.TryGet(KnownField.ContentEncoding, out var coding) ? Encoding.Latin1.GetString(coding) : "identity";
        var fault = head.Status switch
        {
            _ when IsOfTheClient(head.Status) => Refused(head),
            < 200 or >= 300 or 206 => ComposeFaults.PartStatus.With($"{Endpoint} answered {head.Status}; 200 is what it takes."),
            _ when head.Body != BodyKind.None && !encoding.Equals("identity", StringComparison.OrdinalIgnoreCase)
                => ComposeFaults.PartInvalid.With($"{Endpoint} answered in {encoding}, though asked for plain JSON."),
            _ => null,
        };
        if (fault is not null)
        {
            SkipBody(connection);
        }
        else
        {
            Terms = CacheTerms.Of(head.Fields, Part.Headers);
        }

        return fault;
    }

    /// <summary>What only the client can change by asking otherwise, and may be told. The rest of 4xx is about how we asked.</summary>
    private static bool IsOfTheClient(int status) => status is 400 or 401 or 402 or 403 or 404 or 409 or 410 or 422 or 429 or 451;

    private Fault Refused(ResponseHead head)
    {
        Challenge = head.Status == 401 && head.Fields.Contains(KnownField.WwwAuthenticate) ? head.Fields["WWW-Authenticate"].ToString() : null;

        // A date has no place here: the clocks of two machines.
        var later = head.Fields.TryGet(KnownField.RetryAfter, out var after) && int.TryParse(after, null, out var seconds) && seconds > 0 ? TimeSpan.FromSeconds(seconds) : (TimeSpan?)null;
        return (ComposeFaults.PartRefused with { Status = head.Status }).With($"The part {Part.Name} answered {head.Status}.", later);
    }

    /// <summary>Keeps the connection if the rest is here; nobody waits for it.</summary>
    private void SkipBody(UpstreamConnection connection)
    {
        var body = new AnswerBody(connection.Head, connection.Chunks, Forwarder.HeadLimitsOfAnswers);
        var skipped = 0L;
        while (!body.IsFinished && body.Error is null && skipped < RefusalBytes && connection.HasReceived)
        {
            var (_, _, used) = body.Take(connection.Received);
            connection.Consume(used);
            skipped += used;
        }

        Complete(connection, body);
    }

    private async Task<Fault?> ReadBodyAsync(UpstreamConnection connection)
    {
        var body = new AnswerBody(connection.Head, connection.Chunks, Forwarder.HeadLimitsOfAnswers);
        if (connection.Head.Body == BodyKind.Length && connection.Head.ContentLength > Part.Size)
        {
            return TooLarge();
        }

        connection.ClearReceive();
        while (!body.IsFinished)
        {
            if (connection.HasReceived)
            {
                var (offset, length, used) = body.Take(connection.Received);
                if (body.Error is not null)
                {
                    return body.Error;
                }

                if (Body.Length + length > Part.Size || !_whole.TryTake(length))
                {
                    return TooLarge();
                }

                Body.Append(connection.Received.Slice(offset, length));
                connection.Consume(used);
                continue;
            }

            connection.ExpectReceive(Wait.Idle, _plan.Timeouts.Idle);
            if (!await connection.ReceiveAsync() && !body.TryEndOfStream())
            {
                return UpstreamFaults.Truncated.With($"{Endpoint} closed the connection within the body of its answer.");
            }
        }

        connection.ClearReceive();
        Complete(connection, body);
        return Body.Length == 0 && _status is not (204 or 205) ? ComposeFaults.PartInvalid.With($"{Endpoint} answered {_status} with nothing in it; 204 says that nothing is meant.") : null;

        Fault TooLarge() => ComposeFaults.PartTooLarge.With($"{Endpoint} answered with more than the {Sizes.Format(Part.Size)} of this part, or than what the others leave it of all.");
    }

    private void Complete(UpstreamConnection connection, in AnswerBody body)
    {
        _complete = body.IsFinished;
        _reusable = body.IsFinished && connection.Head.KeepAlive && !connection.HasReceived;
    }
}
