using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using Lakou.Core.Faults;
using Lakou.Gateway.Observation;
using Lakou.Gateway.Upstreams;
using Lakou.Http;
using Lakou.Http.Server;
using Lakou.Transport;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Gateway.Forwarding;

internal static partial class Forwarder
{
    /// <summary>One request on one connection, from its head to the end of its answer.</summary>
    private sealed partial class Run(
        HttpContext context,
        Exchange exchange,
        UpstreamConnection connection,
        UpstreamPlan plan,
        ForwardRules rules,
        RequestFraming framing,
        TraceContext trace)
    {
        private readonly bool _head = HttpMethods.IsHead(context.Request.Method);
        private readonly string? _upgrade = UpgradeOf(context);
        private readonly Lock? _responseGate = framing.HasBody ? new() : null; // only a pump shares the deadline
        private CancellationTokenSource? _pumpEnd;
        private Task? _pump;
        private Fault? _requestFault;
        private volatile bool _downEnded;
        private volatile bool _lastSend;
        private bool _answered;
        private bool _anyByte;
        private bool _complete;
        private bool _reusable;

        /// <summary>The endpoint's status; 0 while there is none.</summary>
        public int Status { get; private set; }

        /// <param name="reused">The connection comes from the pool.</param>
        public async Task<Failure?> RunAsync(bool reused)
        {
            connection.Begin(exchange.TotalDeadline);
            var gone = context.RequestAborted.UnsafeRegister(static state => ((Run)state!).OnClientGone(), this);
            try
            {
                if (!reused && await ConnectAsync() is { } refused)
                {
                    return refused;
                }

                await SendHeadAsync();
                if (await ReadHeadAsync() is { } failure)
                {
                    return failure;
                }

                return connection.Head.Status == 101 ? await TunnelAsync() : await RelayAsync();
            }
            catch (RequestBodyException e)
            {
                return new(e.Fault, false);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException or IOException)
            {
                return FailureOf(e);
            }
            finally
            {
                var ended = false;
                try
                {
                    await EndPumpAsync();
                    await gone.DisposeAsync();
                    ended = true;
                }
                finally
                {
                    if (ended && _reusable)
                    {
                        connection.Endpoint.Return(connection, plan);
                    }
                    else
                    {
                        connection.End(gently: _complete);
                    }
                }
            }
        }

        private void OnClientGone()
        {
            // A tunnel whose way to the client has ended carries on with what the client has sent.
            if (!_downEnded)
            {
                connection.AbandonByClient();
            }
        }

        /// <summary>2. A new connection.</summary>
        private async ValueTask<Failure?> ConnectAsync()
        {
            var started = exchange.Timestamp();
            try
            {
                await connection.ConnectAsync(plan.Timeouts.Connect);
                return null;
            }
            catch (Exception e) when (!connection.ClientGone && e is SocketException or ObjectDisposedException or OperationCanceledException)
            {
                if (e is SocketException { SocketErrorCode: SocketError.TooManyOpenSockets or SocketError.NoBufferSpaceAvailable } none)
                {
                    return new(UpstreamFaults.NoSocket.With($"A socket could not be made ({none.SocketErrorCode}); raise the limit of open files or lower limits.connections."), Retry: false);
                }

                connection.Endpoint.Metrics.ConnectFailures.Increment();
                var address = connection.Endpoint.Address.Text;
                return new(
                    connection.TimedOut switch
                    {
                        Wait.Total => TotalTimeout(exchange),
                        Wait.Connect => UpstreamFaults.ConnectTimeout.With($"{address} did not accept within {plan.Timeouts.Connect.TotalSeconds:0.###} s."),
                        _ => UpstreamFaults.ConnectFailed.With($"{address}: {Describe(e)}."),
                    },
                    Retry: false);
            }
            finally
            {
                exchange.Connect += exchange.Elapsed(started);
            }
        }

        /// <summary>3. The head. The body, if there is one, is pumped beside the answer.</summary>
        private async ValueTask SendHeadAsync()
        {
            WriteHead();
            if (framing.HasBody && !framing.ExpectContinue)
            {
                StartPump(); // the head goes out with what is here of the body
                return;
            }

            try
            {
                await connection.FlushAsync(plan.Timeouts.Idle);
            }
            catch (IOException) when (framing.HasBody)
            {
                // The endpoint may have answered and closed; what it said is still worth reading.
            }

            if (!framing.HasBody)
            {
                connection.ExpectReceive(Wait.Response, plan.Timeouts.Response);
            }
        }

        private void WriteHead()
        {
            var head = new HeadBuffer(connection.Output);
            RequestHeadWriter.Write(ref head, context, exchange, rules, plan, connection.Endpoint.Address, framing, trace, _upgrade);
            if (connection.TryReceive())
            {
                throw new IOException("The endpoint spoke before it was asked.");
            }
        }

        /// <summary>5. The head of the final answer; interim ones are passed on (RFC 9110 §15.2).</summary>
        private async ValueTask<Failure?> ReadHeadAsync()
        {
            var sent = exchange.Timestamp();
            var waitingForContinue = framing.ExpectContinue;
            while (true)
            {
                var status = ResponseParser.TryParse(connection.Received, _head, HeadLimitsOfAnswers, connection.Head, out var consumed);
                switch (status)
                {
                    case ParseStatus.Invalid:
                        return new(connection.Head.Error!, false);
                    case ParseStatus.NeedMore:
                        if (waitingForContinue && !await connection.ArrivesWithinAsync(ContinueWait))
                        {
                            waitingForContinue = false;
                            StartPump();
                        }

                        if (!await connection.ReceiveAsync())
                        {
                            return new(
                                UpstreamFaults.Closed.With($"{connection.Endpoint.Address.Text} closed the connection {(_anyByte ? "within the head of its answer" : "before it answered")}."),
                                Retry: !_anyByte);
                        }

                        if (!_anyByte)
                        {
                            _anyByte = true;
                            exchange.FirstByte = exchange.Elapsed(sent);
                        }

                        continue;
                }

                connection.Consume(consumed);
                var head = connection.Head;
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
                        return new(UpstreamFaults.UnexpectedUpgrade.With($"{connection.Endpoint.Address.Text} answered 101 to a request without Upgrade."), false);
                    }

                    Status = 101;
                    return null;
                }
                else if (head.Status < 200)
                {
                    if (context.Features.Get<IHttpInformationalFeature>() is { CanSend: true } informational)
                    {
                        ResponseHeadCopier.RemoveNominated(head.Fields);
                        await informational.SendAsync(head.Status, head.Fields, context.RequestAborted);
                    }
                }
                else
                {
                    Status = head.Status;
                    return null;
                }

                head.Reset();
            }
        }

        /// <summary>6. The final answer: its fields, then its body as it comes.</summary>
        private async ValueTask<Failure?> RelayAsync()
        {
            BeginAnswer();
            var answer = connection.Head;
            var response = context.Response;
            response.StatusCode = answer.Status;
            ResponseHeadCopier.Copy(answer, response);
            var trailers = answer.Body == BodyKind.Chunked ? context.Features.Get<IHttpResponseTrailersFeature>() : null;
            await response.StartAsync(context.RequestAborted);

            var writer = response.BodyWriter;
            var body = new AnswerBody(answer, connection.Chunks, HeadLimitsOfAnswers);
            var unflushed = 1; // the head
            while (!body.IsFinished)
            {
                if (connection.HasReceived)
                {
                    var (offset, length, used) = body.Take(connection.Received.First);
                    if (body.Error is { } broken)
                    {
                        return new(broken, false);
                    }

                    if (length > 0)
                    {
                        writer.WriteShared(connection.Received.Slice(offset, length));
                        exchange.BytesOut += length;
                        unflushed += length;
                    }

                    connection.Consume(used);
                    if (unflushed < FlushBytes && (connection.HasReceived || body.IsFinished))
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
                if (connection.TryReceive() && connection.HasReceived)
                {
                    continue;
                }

                connection.ExpectReceive(Wait.Idle, plan.Timeouts.Idle);
                if (unflushed > 0)
                {
                    if (await FlushAsync(writer) is { } stopped)
                    {
                        return stopped;
                    }

                    unflushed = 0;
                }

                if (!await connection.ReceiveAsync() && !body.TryEndOfStream())
                {
                    return new(UpstreamFaults.Truncated.With($"{connection.Endpoint.Address.Text} closed the connection within the body of its answer."), false);
                }
            }

            connection.ClearReceive();
            if (trailers is not null && connection.Chunks.Trailers is { LineCount: > 0 } fields)
            {
                ResponseHeadCopier.CopyTrailers(fields, trailers.Trailers);
            }

            if (_lastSend && _pump is { IsCompleted: false } pump)
            {
                // The endpoint has answered, most likely to all of the request: the pump just has not heard of its last send. The client need not wait for that.
                await response.CompleteAsync();
                await pump;
            }

            // 7. The connection may serve again when both messages ended exactly.
            //    A body that the endpoint declined to wait for (RFC 9110 §10.1.1) is still owed on it.
            var requestEnded = _pump is null ? !framing.HasBody : _pump.IsCompletedSuccessfully && _requestFault is null;
            _complete = true;
            _reusable = requestEnded && answer.KeepAlive && !connection.HasReceived;
            return null;
        }

        /// <summary>From here on the pump has no say in how long the endpoint may be silent.</summary>
        private void BeginAnswer()
        {
            if (_responseGate is null)
            {
                connection.ClearReceive();
                return;
            }

            lock (_responseGate)
            {
                _answered = true;
                connection.ClearReceive();
            }
        }

        private void AwaitAnswer()
        {
            lock (_responseGate!)
            {
                if (!_answered)
                {
                    connection.ExpectReceive(Wait.Response, plan.Timeouts.Response);
                }
            }
        }

        private async ValueTask<Failure?> FlushAsync(PipeWriter writer)
        {
            var flush = writer.FlushAsync(context.RequestAborted);
            if (flush.IsCompleted)
            {
                return OutcomeOf(await flush);
            }

            // The client's pace is the server's to judge; of our deadlines only the last one runs meanwhile.
            connection.ClearReceive();
            var outcome = exchange.TotalDeadline == long.MaxValue ? OutcomeOf(await flush) : await WithinTotalAsync(flush.AsTask());
            connection.ExpectReceive(Wait.Idle, plan.Timeouts.Idle);
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
                    context.Abort();
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
            var source = context.Request.Body;
            var buffer = ArrayPool<byte>.Shared.Rent(RequestBodyFramer.BufferBytes);
            var unflushed = 1; // the head
            try
            {
                while (true)
                {
                    var read = source.ReadAsync(RequestBodyFramer.PayloadOf(buffer, framing.Kind), end);
                    if (!read.IsCompleted && unflushed > 0)
                    {
                        // Nothing at hand: what was gathered goes out while we wait.
                        await connection.FlushAsync(plan.Timeouts.Idle);
                        unflushed = 0;
                    }

                    var count = await read;
                    if (count == 0)
                    {
                        break;
                    }

                    exchange.BytesIn += count;
                    connection.Output.Write(buffer.AsSpan(0, RequestBodyFramer.Frame(buffer, count, framing.Kind)));
                    unflushed += count;
                    if (unflushed >= FlushBytes)
                    {
                        _lastSend = exchange.BytesIn == framing.Length;
                        await connection.FlushAsync(plan.Timeouts.Idle);
                        unflushed = 0;
                    }
                }

                _lastSend = true;
                if (framing.Kind == BodyKind.Chunked)
                {
                    WriteTrailers();
                }

                await connection.FlushAsync(plan.Timeouts.Idle);
                AwaitAnswer();
            }
            catch (Exception e) when (e is RequestBodyException or BadHttpRequestException)
            {
                // The client's body is broken: the endpoint must not take what it got for a whole request.
                _requestFault = e is RequestBodyException body ? body.Fault : BodyFaultOf((BadHttpRequestException)e);
                connection.Close();
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException or IOException)
            {
                // The endpoint does not read on; if it has answered, the reader sees it, and no reuse follows.
                _requestFault ??= UpstreamFaults.Closed.With($"{connection.Endpoint.Address.Text} stopped reading the request.");
                AwaitAnswer();
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }

        private void WriteTrailers()
        {
            var head = new HeadBuffer(connection.Output);
            head.Write("0\r\n"u8);
            if (context.Features.Get<IHttpRequestTrailersFeature>() is { Available: true } trailers)
            {
                RequestBodyFramer.WriteTrailers(ref head, trailers.Trailers);
            }

            head.Write("\r\n"u8);
            head.End();
        }

        private async ValueTask EndPumpAsync()
        {
            if (_pump is { IsCompleted: false })
            {
                // The answer is complete or has failed; the rest of the body has no reader.
                connection.Close();
                await _pumpEnd!.CancelAsync();
            }

            if (_pump is not null)
            {
                await _pump;
                _pumpEnd!.Dispose();
            }
        }

        private Failure FailureOf(Exception e)
        {
            var address = connection.Endpoint.Address.Text;
            var fault = this switch
            {
                _ when _requestFault is { Code.Party: FaultParty.Client } broken => broken,
                _ when connection.TimedOut == Wait.Total => TotalTimeout(exchange),
                _ when connection.TimedOut == Wait.Response => UpstreamFaults.ResponseTimeout.With($"{address} did not answer within {plan.Timeouts.Response.TotalSeconds:0.###} s."),
                _ when connection.TimedOut == Wait.Idle => UpstreamFaults.IdleTimeout.With($"{address} neither sent nor took a byte for {plan.Timeouts.Idle.TotalSeconds:0.###} s."),

                // The token may have told a flush before it tells the connection.
                _ when connection.ClientGone || context.RequestAborted.IsCancellationRequested => UpstreamFaults.ClientGone.With("The client left before the answer was complete."),
                _ when Status != 0 => UpstreamFaults.Truncated.With($"{address}: {Describe(e)} within its answer."),
                _ => UpstreamFaults.Closed.With($"{address}: {Describe(e)} before it answered."),
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
