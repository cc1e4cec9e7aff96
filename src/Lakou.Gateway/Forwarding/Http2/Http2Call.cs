using Lakou.Core.Faults;
using Lakou.Core.Time;
using Lakou.Gateway.Grpc;
using Lakou.Gateway.Observation;
using Lakou.Gateway.Upstreams;
using Lakou.Gateway.Upstreams.Http2;
using Lakou.Http.Server;

namespace Lakou.Gateway.Forwarding.Http2;

/// <summary>
/// One request to an endpoint over HTTP/2, and its answer. The steps are those of <see cref="Forwarder"/>; below is the runtime's client, which
/// finds the connection, and sends a request that the endpoint refused once more.
/// </summary>
internal sealed partial class Http2Call : IClientWatcher, ISwept
{
    private readonly Exchange _exchange;
    private readonly UpstreamState _upstream;
    private readonly EndpointState _endpoint;
    private readonly UpstreamPlan _plan;
    private readonly RequestFraming _framing;
    private readonly CancellationTokenSource _cancel = new();
    private readonly long _started;
    private Http2Client _client = null!;
    private UpstreamCall _span;
    private int _status; // the endpoint's; 0 while there is none
    private bool _isOwed; // an answer of known length; a stream without one may be silent for good reasons

    public Http2Call(Exchange exchange, UpstreamState upstream, EndpointState endpoint, UpstreamPlan plan, RequestFraming framing)
    {
        (_exchange, _upstream, _endpoint, _plan, _framing) = (exchange, upstream, endpoint, plan, framing);
        _started = exchange.Timestamp();
        GrpcTimeout.Apply(exchange);
    }

    /// <returns>Null when the answer was sent.</returns>
    public async ValueTask<Fault?> RunAsync()
    {
        using var gone = Begin();
        Fault? fault = null;
        try
        {
            fault = await ForwardAsync();
        }
        catch (Exception e) when (e is IOException or HttpRequestException or OperationCanceledException or ObjectDisposedException)
        {
            fault = FaultOf(e);
        }
        finally
        {
            _exchange.Features.Watch?.Unwatch();
            _client.Sweeper.Remove(this);
            await EndBodyAsync();
            End(fault);
        }

        return fault;
    }

    void IClientWatcher.OnClientGone() => OnClientGone();

    private CancellationTokenRegistration Begin()
    {
        _exchange.Upstream = _upstream.Name;
        _exchange.Endpoint = _endpoint.Address.Text;
        _exchange.Attempts++;
        _endpoint.Enter();
        _client = _endpoint.EnterHttp2(_plan);
        _span = _exchange.Telemetry.StartClient(_exchange, _endpoint.Address.Host, _endpoint.Address.Port);
        ExpectAnswer(hasBody: _framing.HasBody);
        _client.Sweeper.Add(this);
        if (_exchange.Features.Watch is { } watch)
        {
            watch.Watch(this);
            return default;
        }

        return _exchange.Features.Lifetime.RequestAborted.UnsafeRegister(static call => ((Http2Call)call!).OnClientGone(), this);
    }

    private async ValueTask<Fault?> ForwardAsync()
    {
        using var body = _framing.HasBody ? NewContent() : null;
        if (RequestComposer.Compose(_exchange, _plan, _endpoint.Address, _framing, _span.Trace, body, out var request) is { } unsayable)
        {
            return unsayable;
        }

        using (request)
        {
            HttpResponseMessage answer;
            try
            {
                answer = await _client.SendAsync(request, _cancel.Token);
            }
            finally
            {
                _exchange.Connect += request.Connect;
            }

            using (answer)
            {
                OnAnswered();
                return await RelayAsync(answer);
            }
        }
    }

    private void End(Fault? fault)
    {
        var now = _exchange.Timestamp();
        _client.Leave();
        _endpoint.Leave();
        _endpoint.Metrics.Finish(_status, _exchange.Time.GetElapsedTime(_started, now));
        if (fault is { Code.Party: FaultParty.Upstream } && _status == 0)
        {
            _endpoint.AnswerTimes?.Fail(now - _started);
        }

        CountForHealth(fault);
        _exchange.Telemetry.FinishClient(_span, _status, fault?.Code.Name);
    }

    /// <summary>As over HTTP/1.1: nothing that a client broke is held against an endpoint.</summary>
    private void CountForHealth(Fault? fault)
    {
        if (fault is null)
        {
            _endpoint.Health.Answered(_status, _started);
        }
        else if (!_clientGone && !_exchange.HasClientLeft && (Forwarder.IsEndpoints(fault.Code) || IsLateAnswer(fault.Code) || (_isOwed && fault.Code == UpstreamFaults.IdleTimeout)))
        {
            _endpoint.Health.Failed(fault.Code, _started);
        }
    }

    /// <summary>The whole request had gone out, and the time of its route passed.</summary>
    private bool IsLateAnswer(FaultCode code) => _status == 0 && _isSent && (code == UpstreamFaults.TotalTimeout || code == UpstreamFaults.IdleTimeout);
}
