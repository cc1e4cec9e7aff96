using System.IO.Pipelines;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Security.Authentication;
using Lakou.Core.Faults;
using Lakou.Gateway.Forwarding.Http2;
using Lakou.Gateway.Observation;
using Lakou.Gateway.Upstreams;
using Lakou.Gateway.Upstreams.Balancing;
using Lakou.Gateway.Upstreams.Health;
using Lakou.Http;
using Lakou.Http.Server;
using Lakou.Http.Tasks;
using Lakou.Transport;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Gateway.Forwarding;

internal static partial class Forwarder
{
    /// <summary>One request and its answer. The exchange of a connection keeps it for its next request.</summary>
    internal sealed partial class Run(Exchange exchange) : IClientWatcher
    {
        private readonly HttpContext _context = exchange.Http;
        private readonly Lock _responseGate = new();
        private UpstreamConnection _connection = null!;
        private UpstreamPlan _plan = null!;
        private UpstreamCall _call;
        private RequestFraming _framing;
        private CancellationTokenRegistration _gone;
        private CancellationTokenSource? _pumpEnd;
        private Task? _pump;
        private Fault? _requestFault;
        private string? _upgrade;
        private volatile bool _downEnded;
        private volatile bool _lastSend;
        private bool _head;
        private bool _answered;
        private bool _anyByte;
        private bool _complete;
        private bool _reusable;
        private int _status; // the endpoint's; 0 while there is none

        // The clock is read when a wait ends, not at each use: a reading costs 30 ns, a tenth of what parsing a head costs.
        private long _now;
        private bool _hasWaited; // since then
        private long _sent;

        /// <summary>Returns when the answer was sent, or the fault that came of it.</summary>
        [AsyncMethodBuilder(typeof(PooledTaskBuilder))]
        public async ValueTask ForwardAsync(UpstreamState upstream)
        {
            exchange.FindFeatures(); // filters may have set some
            var fault = TooLarge(exchange.Features);
            _framing = FramingOf(exchange.Features);
            _head = HttpMethods.IsHead(exchange.Features.Request.Method);
            _upgrade = UpgradeOf(exchange.Features);
            for (var isFirst = true; fault is null; isFirst = false)
            {
                // 1. An endpoint.
                exchange.Stickiness = default;
                if (upstream.Pick(new PickContext(exchange), out _plan) is not { } endpoint)
                {
                    fault = exchange.Stickiness.Fault ?? UpstreamFaults.NoEndpoint.With($"Upstream '{upstream.Name}' has no endpoint in service.");
                    break;
                }

                if (_plan.Protocol != UpstreamProtocol.Http1)
                {
                    fault = _upgrade is null
                        ? await new Http2Call(exchange, upstream, endpoint, _plan, _framing).RunAsync()
                        : UpstreamFaults.NoUpgrade.With($"Upstream '{upstream.Name}' speaks HTTP/2, over which no protocol is switched; give upgrades such as WebSockets an upstream with protocol: http1.");
                    if (fault is null)
                    {
                        return;
                    }

                    break;
                }

                var started = Begin(upstream, endpoint, isFirst, out var reused);
                Failure? failure = null;
                try
                {
                    // 2. to 4. A connection, an idle one or a new one; the head; the body beside what follows.
                    if (reused || (failure = await ConnectAsync()) is null)
                    {
                        await SendHeadAsync();
                        if (!_framing.ExpectContinue)
                        {
                            // What nearly every request waits for is awaited here: one suspended method, not one for each step.
                            _connection.EndReceive(await _connection.BeginReceiveAsync());
                            OnReceived();
                        }

                        // 5. to 7. The answer.
                        failure = await ReadHeadAsync() ?? (_status == 101 ? await TunnelAsync() : await RelayAsync());
                    }
                }
                catch (RequestBodyException e)
                {
                    failure = new(e.Fault, false);
                }
                catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException or IOException or AuthenticationException)
                {
                    failure = FailureOf(e);
                }
                finally
                {
                    await EndAsync(started, failure, reused);
                }

                if (failure is null)
                {
                    return;
                }

                if (!_anyByte && failure.Fault.Code.Party == FaultParty.Upstream && !(failure.Retry && reused))
                {
                    endpoint.AnswerTimes?.Fail(_now - started);
                }

                if (!failure.Retry || !reused || _framing.HasBody || !IsSafe(exchange.Features.Request.Method))
                {
                    fault = failure.Fault;
                }

                // else RFC 9112 §9.3.1: the endpoint closed an idle connection at the moment it was used. Once, on a fresh one.
            }

            await FaultResponse.WriteAsync(_context, exchange, fault);
        }

        void IClientWatcher.OnClientGone() => OnClientGone();

        /// <returns>When it began.</returns>
        private long Begin(UpstreamState upstream, EndpointState endpoint, bool isFirst, out bool reused)
        {
            exchange.Upstream = upstream.Name;
            exchange.Endpoint = endpoint.Address.Text;
            exchange.Attempts++;
            endpoint.Enter();
            _now = _sent = exchange.Timestamp();
            _call = exchange.Telemetry.StartClient(exchange, endpoint.Address.Host, endpoint.Address.Port);
            var idle = isFirst ? endpoint.TryTake(_plan.PoolAge, _now) : null;
            reused = idle is not null;
            _connection = idle ?? upstream.Open(endpoint);
            _connection.Begin(exchange.TotalDeadline);
            (_pumpEnd, _pump, _requestFault) = (null, null, null);
            _downEnded = _lastSend = _answered = _anyByte = _complete = _reusable = _hasWaited = false;
            _status = 0;
            if (exchange.Features.Watch is { } watch)
            {
                watch.Watch(this);
            }
            else
            {
                _gone = exchange.Features.Lifetime.RequestAborted.UnsafeRegister(static state => ((Run)state!).OnClientGone(), this);
            }

            return _now;
        }

        [AsyncMethodBuilder(typeof(PooledTaskBuilder))]
        private async ValueTask EndAsync(long started, Failure? failure, bool reused)
        {
            var endpoint = _connection.Endpoint;
            var ended = false;
            try
            {
                exchange.Features.Watch?.Unwatch();
                await _gone.DisposeAsync();
                _gone = default;
                await EndPumpAsync();
                ended = true;
            }
            finally
            {
                _now = _complete && !_hasWaited ? _now : exchange.Timestamp();
                if (ended && _reusable)
                {
                    endpoint.Return(_connection, _plan, _now);
                }
                else
                {
                    _connection.End(gently: _complete);
                }

                endpoint.Leave();
                endpoint.Metrics.Finish(_status, exchange.Time.GetElapsedTime(started, _now));
                CountForHealth(endpoint.Health, failure, reused, started);
                exchange.Telemetry.FinishClient(_call, _status, failure?.Fault.Code.Name);
            }
        }

        /// <summary>Nothing that a client broke is held against an endpoint, nor an idle connection that it closed while we took it.</summary>
        private void CountForHealth(EndpointHealth health, Failure? failure, bool reused, long started)
        {
            if (failure is null)
            {
                health.Answered(_status, started);
                return;
            }

            var isClients = _connection.ClientGone || exchange.HasClientLeft || _requestFault is { Code.Party: FaultParty.Client };
            var isCrossing = reused && failure.Retry;
            if (!isClients && !isCrossing && (IsEndpoints(failure.Fault.Code) || IsLateAnswer(failure.Fault.Code) || IsStalledAnswer(failure.Fault.Code)))
            {
                health.Failed(failure.Fault.Code, started);
            }
        }

        /// <summary>The request had gone out, and the time of its route passed, or the endpoint did not take it.</summary>
        private bool IsLateAnswer(FaultCode code)
            => _status == 0 && _requestFault is null && (code == UpstreamFaults.TotalTimeout || code == UpstreamFaults.IdleTimeout);

        /// <summary>The rest of an answer of known length did not come. A stream without one may be silent for good reasons.</summary>
        private bool IsStalledAnswer(FaultCode code)
            => _status is not (0 or 101) && _requestFault is null && code == UpstreamFaults.IdleTimeout && _connection.Head.Body == BodyKind.Length;

        private void OnClientGone()
        {
            // A tunnel whose way to the client has ended carries on with what the client has sent.
            if (!_downEnded)
            {
                _connection.AbandonByClient();
            }
        }

        /// <summary>2. A new _connection.</summary>
        private async ValueTask<Failure?> ConnectAsync()
        {
            var started = exchange.Timestamp();
            try
            {
                await _connection.ConnectAsync(_plan.Timeouts.Connect);
                return null;
            }
            catch (Exception e) when (!_connection.ClientGone && e is SocketException or ObjectDisposedException or OperationCanceledException or AuthenticationException)
            {
                var address = _connection.Endpoint.Address.Text;
                var fault = _connection.TimedOut switch
                {
                    Wait.Total => TotalTimeout(exchange),
                    Wait.Connect => UpstreamFaults.ConnectTimeout.With($"{address} did not accept within {_plan.Timeouts.Connect.TotalSeconds:0.###} s."),
                    _ => UpstreamFaults.OfConnect(address, e),
                };
                if (fault.Code != UpstreamFaults.NoSocket)
                {
                    _connection.Endpoint.Metrics.ConnectFailures.Increment();
                }

                return new(fault, Retry: false);
            }
            finally
            {
                _now = _sent = exchange.Timestamp();
                exchange.Connect += exchange.Time.GetElapsedTime(started, _now);
            }
        }

        /// <summary>3. The head. The body, if there is one, is pumped beside the answer.</summary>
        private ValueTask SendHeadAsync()
        {
            WriteHead();
            if (_framing.HasBody)
            {
                return SendHeadOfBodyAsync();
            }

            var flush = _connection.FlushAsync(_plan.Timeouts.Idle);
            if (!flush.IsCompletedSuccessfully)
            {
                return SendSlowlyAsync(flush);
            }

            _connection.ExpectReceive(Wait.Response, _plan.Timeouts.Response, _now);
            return default;

            async ValueTask SendSlowlyAsync(ValueTask pending)
            {
                await pending;
                _connection.ExpectReceive(Wait.Response, _plan.Timeouts.Response);
            }
        }

        private async ValueTask SendHeadOfBodyAsync()
        {
            if (!_framing.ExpectContinue)
            {
                StartPump(); // the head goes out with what is here of the body
                return;
            }

            try
            {
                await _connection.FlushAsync(_plan.Timeouts.Idle);
            }
            catch (IOException)
            {
                // The endpoint may have answered and closed; what it said is still worth reading.
            }
        }

        private void WriteHead()
        {
            var head = new HeadBuffer(_connection.Output);
            RequestHeadWriter.Write(ref head, exchange, _plan, _connection.Endpoint.Address, _framing, _call.Trace, _upgrade);
            if (_connection.TryReceive())
            {
                throw new IOException("The endpoint spoke before it was asked.");
            }
        }

        private void OnReceived()
        {
            _now = exchange.Timestamp();
            _hasWaited = false;
            if (!_anyByte && _connection.HasReceived)
            {
                _anyByte = true;
                exchange.FirstByte = exchange.Time.GetElapsedTime(_sent, _now);
                _connection.Endpoint.AnswerTimes?.Observe(_now - _sent, _now);
            }
        }

        /// <summary>5. The head of the final answer; interim ones are passed on (RFC 9110 §15.2).</summary>
        [AsyncMethodBuilder(typeof(PooledTaskBuilder<>))]
        private async ValueTask<Failure?> ReadHeadAsync()
        {
            var waitingForContinue = _framing.ExpectContinue;
            while (true)
            {
                var status = ResponseParser.TryParse(_connection.Received, _head, HeadLimitsOfAnswers, _connection.Head, out var consumed);
                switch (status)
                {
                    case ParseStatus.Invalid:
                        return new(_connection.Head.Error!, false);
                    case ParseStatus.NeedMore:
                        if (waitingForContinue && !await _connection.ArrivesWithinAsync(ContinueWait))
                        {
                            waitingForContinue = false;
                            StartPump();
                        }

                        if (!await _connection.ReceiveAsync())
                        {
                            return new(
                                UpstreamFaults.Closed.With($"{_connection.Endpoint.Address.Text} closed the connection {(_anyByte ? "within the head of its answer" : "before it answered")}."),
                                Retry: !_anyByte);
                        }

                        OnReceived();
                        continue;
                }

                _connection.Consume(consumed);
                var head = _connection.Head;
                if (head.Status == 100)
                {
                    if (waitingForContinue)
                    {
                        waitingForContinue = false;
                        StartPump();
                    }
                }
                else if (head.Status == 101)
                {
                    if (_upgrade is null)
                    {
                        return new(UpstreamFaults.UnexpectedUpgrade.With($"{_connection.Endpoint.Address.Text} answered 101 to a request without Upgrade."), false);
                    }

                    _status = 101;
                    return null;
                }
                else if (head.Status < 200)
                {
                    if (_context.Features.Get<IHttpInformationalFeature>() is { CanSend: true } informational)
                    {
                        ResponseHeadCopier.RemoveNominated(head.Fields);
                        await informational.SendAsync(head.Status, head.Fields, _context.RequestAborted);
                    }
                }
                else
                {
                    _status = head.Status;
                    return null;
                }

                head.Reset();
            }
        }

        /// <summary>6. The final answer: its fields, then its body as it comes.</summary>
        [AsyncMethodBuilder(typeof(PooledTaskBuilder<>))]
        private async ValueTask<Failure?> RelayAsync()
        {
            BeginAnswer();
            var answer = _connection.Head;
            var response = exchange.Features.ResponseBody;
            exchange.Features.Response.StatusCode = answer.Status;
            ResponseHeadCopier.Copy(answer, exchange.Features.Response.Headers);
            exchange.Stickiness.Cookie?.AddTo(exchange.Features.Response.Headers);
            var trailers = answer.Body == BodyKind.Chunked ? _context.Features.Get<IHttpResponseTrailersFeature>() : null;
            await response.StartAsync(CancellationToken.None); // a client that has left shows when its bytes are flushed

            var writer = response.Writer;
            var body = new AnswerBody(answer, _connection.Chunks, HeadLimitsOfAnswers);
            var unflushed = 1L; // the head
            while (!body.IsFinished)
            {
                if (_connection.HasReceived)
                {
                    var (offset, length, used) = body.Take(_connection.Received);
                    if (body.Error is { } broken)
                    {
                        return new(broken, false);
                    }

                    if (length > 0)
                    {
                        writer.WriteShared(_connection.Received.Slice(offset, length));
                        exchange.BytesOut += length;
                        unflushed += length;
                    }

                    _connection.Consume(used);
                    if (unflushed < FlushBytes && (_connection.HasReceived || body.IsFinished))
                    {
                        continue;
                    }

                    if (unflushed >= FlushBytes)
                    {
                        if (await FlushAsync(writer) is { } stopped)
                        {
                            return stopped;
                        }

                        unflushed = 0;
                        continue;
                    }
                }

                // Nothing at hand: what was gathered goes out before we wait.
                if (_connection.TryReceive() && _connection.HasReceived)
                {
                    continue;
                }

                _hasWaited = true;
                _connection.ExpectReceive(Wait.Idle, _plan.Timeouts.Idle);
                if (unflushed > 0)
                {
                    if (await FlushAsync(writer) is { } stopped)
                    {
                        return stopped;
                    }

                    unflushed = 0;
                }

                if (!await _connection.ReceiveAsync() && !body.TryEndOfStream())
                {
                    return new(UpstreamFaults.Truncated.With($"{_connection.Endpoint.Address.Text} closed the connection within the body of its answer."), false);
                }
            }

            _connection.ClearReceive();
            if (trailers is not null && _connection.Chunks.Trailers is { LineCount: > 0 } fields)
            {
                ResponseHeadCopier.CopyTrailers(fields, trailers.Trailers);
            }

            if (_lastSend && _pump is { IsCompleted: false } pump)
            {
                // The endpoint has answered, most likely to all of the request: the pump just has not heard of its last send. The client need not wait for that.
                if (await FlushAsync(writer) is { } stopped)
                {
                    return stopped;
                }

                await response.CompleteAsync();
                await pump;
            }

            // 7. The connection may serve again when both messages ended exactly.
            //    A body that the endpoint declined to wait for (RFC 9110 §10.1.1) is still owed on it.
            var requestEnded = _pump is null ? !_framing.HasBody : _pump.IsCompletedSuccessfully && _requestFault is null;
            _complete = true;
            _reusable = requestEnded && answer.KeepAlive && !_connection.HasReceived;
            return null;
        }

        /// <summary>From here on the pump has no say in how long the endpoint may be silent.</summary>
        private void BeginAnswer()
        {
            if (!_framing.HasBody)
            {
                _connection.ClearReceive();
                return;
            }

            lock (_responseGate) // a pump shares the deadline
            {
                _answered = true;
                _connection.ClearReceive();
            }
        }

        private void AwaitAnswer()
        {
            lock (_responseGate)
            {
                if (!_answered)
                {
                    _connection.ExpectReceive(Wait.Response, _plan.Timeouts.Response);
                }
            }
        }

        [AsyncMethodBuilder(typeof(PooledTaskBuilder<>))]
        private async ValueTask<Failure?> FlushAsync(PipeWriter writer)
        {
            _hasWaited = true;
            var flush = writer.FlushAsync(_context.RequestAborted);
            if (flush.IsCompleted)
            {
                return OutcomeOf(await flush);
            }

            // The client's pace is the server's to judge; of our deadlines only the last one runs meanwhile.
            _connection.ClearReceive();
            var outcome = exchange.TotalDeadline == long.MaxValue ? OutcomeOf(await flush) : await WithinTotalAsync(flush.AsTask());
            _connection.ExpectReceive(Wait.Idle, _plan.Timeouts.Idle);
            return outcome;

            static Failure? OutcomeOf(FlushResult result)
                => result.IsCompleted || result.IsCanceled ? new(UpstreamFaults.ClientGone.With("The client left before the answer was complete."), false) : null;

            async ValueTask<Failure?> WithinTotalAsync(Task<FlushResult> pending)
            {
                var rest = exchange.Time.GetElapsedTime(exchange.Timestamp(), exchange.TotalDeadline);
                try
                {
                    return OutcomeOf(await pending.WaitAsync(rest > TimeSpan.Zero ? rest : TimeSpan.Zero, exchange.Time));
                }
                catch (TimeoutException)
                {
                    _context.Abort();
                    await pending.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
                    return new(TotalTimeout(exchange), false);
                }
            }
        }

        /// <summary>4. The body, beside the answer: an endpoint may answer before it has read everything.</summary>
        private void StartPump()
        {
            _pumpEnd = new CancellationTokenSource();
            _pump = PumpAsync(_pumpEnd.Token);
        }

        private async Task PumpAsync(CancellationToken end)
        {
            var body = _context.Request.BodyReader;
            var unflushed = 1L; // the head
            try
            {
                while (true)
                {
                    if (!body.TryRead(out var read))
                    {
                        // Nothing at hand: what was gathered goes out before we wait.
                        if (unflushed > 0)
                        {
                            await _connection.FlushAsync(_plan.Timeouts.Idle);
                            unflushed = 0;
                        }

                        read = await body.ReadAsync(end);
                    }

                    var count = read.Buffer.Length;
                    RequestBodyFramer.Write(_connection.Output, read.Buffer, _framing.Kind);
                    body.AdvanceTo(read.Buffer.End);
                    exchange.BytesIn += count;
                    unflushed += count;
                    if (read.IsCompleted)
                    {
                        break;
                    }

                    if (unflushed >= FlushBytes)
                    {
                        _lastSend = exchange.BytesIn == _framing.Length;
                        await _connection.FlushAsync(_plan.Timeouts.Idle);
                        unflushed = 0;
                    }
                }

                _lastSend = true;
                if (_framing.Kind == BodyKind.Chunked)
                {
                    WriteTrailers();
                }

                await _connection.FlushAsync(_plan.Timeouts.Idle);
                AwaitAnswer();
            }
            catch (Exception e) when (e is RequestBodyException or BadHttpRequestException)
            {
                // The client's body is broken: the endpoint must not take what it got for a whole request.
                _requestFault = e is RequestBodyException broken ? broken.Fault : BodyFaultOf((BadHttpRequestException)e);
                _connection.Close();
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException or IOException)
            {
                // The endpoint does not read on; if it has answered, the reader sees it, and no reuse follows.
                _requestFault ??= UpstreamFaults.Closed.With($"{_connection.Endpoint.Address.Text} stopped reading the request.");
                AwaitAnswer();
            }
        }

        private void WriteTrailers()
        {
            var head = new HeadBuffer(_connection.Output);
            head.Write("0\r\n"u8);
            if (_context.Features.Get<IHttpRequestTrailersFeature>() is { Available: true } trailers)
            {
                RequestBodyFramer.WriteTrailers(ref head, trailers.Trailers);
            }

            head.Write("\r\n"u8);
            head.End();
        }

        private ValueTask EndPumpAsync() => _pump is null ? default : EndPumpAsync(_pump);

        private async ValueTask EndPumpAsync(Task pump)
        {
            _hasWaited = true;
            if (!pump.IsCompleted)
            {
                // The answer is complete or has failed; the rest of the body has no reader.
                _connection.Close();
                await _pumpEnd!.CancelAsync();
            }

            await pump;
            _pumpEnd!.Dispose();
        }

        private Failure FailureOf(Exception e)
        {
            var address = _connection.Endpoint.Address.Text;
            var fault = this switch
            {
                _ when _requestFault is { Code.Party: FaultParty.Client } broken => broken,
                _ when _connection.TimedOut == Wait.Total => TotalTimeout(exchange),
                _ when _connection.TimedOut == Wait.Response => UpstreamFaults.ResponseTimeout.With($"{address} did not answer within {_plan.Timeouts.Response.TotalSeconds:0.###} s."),
                _ when _connection.TimedOut == Wait.Idle => UpstreamFaults.IdleTimeout.With($"{address} neither sent nor took a byte for {_plan.Timeouts.Idle.TotalSeconds:0.###} s."),

                // The token may have told a flush before it tells the _connection.
                _ when _connection.ClientGone || exchange.HasClientLeft => UpstreamFaults.ClientGone.With("The client left before the answer was complete."),
                _ when _status != 0 => UpstreamFaults.Truncated.With($"{address}: {UpstreamFaults.Describe(e)} within its answer."),
                _ => UpstreamFaults.Closed.With($"{address}: {UpstreamFaults.Describe(e)} before it answered."),
            };
            return new(fault, Retry: !_anyByte && fault.Code == UpstreamFaults.Closed);
        }

        private static Fault BodyFaultOf(BadHttpRequestException e) => e.StatusCode switch
        {
            413 => ServerFaults.BodyTooLarge.With(e.Message),
            408 => ServerFaults.BodyTimeout.With(e.Message),
            _ => ServerFaults.BodyTruncated.With(e.Message),
        };
    }
}
