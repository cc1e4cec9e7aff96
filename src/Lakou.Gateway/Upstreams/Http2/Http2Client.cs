using System.Net.Sockets;
using System.Security.Authentication;
using Lakou.Core.Faults;
using Lakou.Core.Time;
using Lakou.Transport;

namespace Lakou.Gateway.Upstreams.Http2;

/// <summary>
/// HTTP/2 to one endpoint: the runtime's client over connections that we dial. It is entered for each request and left after, so that
/// what replaces it, or the end of its endpoint, lets its requests finish.
/// </summary>
internal sealed class Http2Client
{
    private readonly EndpointState _endpoint;
    private readonly LakouTransport _transport;
    private readonly HttpMessageInvoker _invoker;
    private readonly TimeSpan _idle;
    private readonly TimeSpan _age;
    private int _users = 1; // its endpoint
    private Failed? _lastFailure;

    public Http2Client(EndpointState endpoint, UpstreamPlan plan, LakouTransport transport, Sweeper sweeper)
    {
        (_endpoint, _transport, Sweeper) = (endpoint, transport, sweeper);
        (_idle, _age) = (plan.PoolIdle, plan.PoolAge);
        var handler = Http2Handler.Create(DialAsync);
        handler.PooledConnectionIdleTimeout = _idle;
        handler.PooledConnectionLifetime = _age;
        _invoker = new HttpMessageInvoker(handler);
    }

    public Sweeper Sweeper { get; }

    public bool Fits(UpstreamPlan plan) => plan.PoolIdle == _idle && plan.PoolAge == _age;

    /// <summary>False once it has ended.</summary>
    public bool TryEnter()
    {
        while (true)
        {
            var users = Volatile.Read(ref _users);
            if (users == 0)
            {
                return false;
            }

            if (Interlocked.CompareExchange(ref _users, users + 1, users) == users)
            {
                return true;
            }
        }
    }

    public void Leave()
    {
        if (Interlocked.Decrement(ref _users) == 0)
        {
            _invoker.Dispose();
        }
    }

    /// <summary>Its endpoint has no use for it any more: connections close once no request is on them.</summary>
    public void Retire() => Leave();

    /// <returns>The answer's head; its body is read from it.</returns>
    public Task<HttpResponseMessage> SendAsync(Http2Request request, CancellationToken cancellationToken) => _invoker.SendAsync(request, cancellationToken);

    private async ValueTask<Stream> DialAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var request = (Http2Request)context.InitialRequestMessage;
        var time = Sweeper.Time;
        if (Volatile.Read(ref _lastFailure) is { } last && request.Begun <= last.At)
        {
            // The client of HTTP/2 dials once for each request that waits, one after the other: they share the first's failure.
            throw new DialException(last.Fault);
        }

        var started = time.GetTimestamp();
        using var timeout = new CancellationTokenSource(request.ConnectTimeout, time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            return await DialledStream.OpenAsync(_transport, _endpoint.Address, _endpoint, stop.Token);
        }
        catch (Exception e) when (e is SocketException or IOException or AuthenticationException or ObjectDisposedException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            var address = _endpoint.Address.Text;
            var fault = timeout.IsCancellationRequested
                ? UpstreamFaults.ConnectTimeout.With($"{address} did not accept within {request.ConnectTimeout.TotalSeconds:0.###} s.")
                : UpstreamFaults.OfConnect(address, e);
            if (fault.Code != UpstreamFaults.NoSocket)
            {
                _endpoint.Metrics.ConnectFailures.Increment();
            }

            Volatile.Write(ref _lastFailure, new(fault, time.GetTimestamp()));
            throw new DialException(fault);
        }
        finally
        {
            request.Connect = time.GetElapsedTime(started);
        }
    }

    private sealed record Failed(Fault Fault, long At);
}
