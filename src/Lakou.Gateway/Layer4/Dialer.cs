using System.Net.Sockets;
using Lakou.Core.Faults;
using Lakou.Gateway.Upstreams;
using Lakou.Gateway.Upstreams.Balancing;
using Microsoft.AspNetCore.Connections;

namespace Lakou.Gateway.Layer4;

/// <summary>A connection to an endpoint, which counts it as in flight until <see cref="Leave"/>.</summary>
internal sealed record Dialled(EndpointState Endpoint, ConnectionContext Connection)
{
    public void Leave()
    {
        Endpoint.Metrics.Active.Decrement();
        Endpoint.Leave();
    }
}

/// <summary>Opens connections to the endpoints of an upstream.</summary>
internal static class Dialer
{
    /// <summary>Tries the balancer's choice, then the others, each once and for as long as the upstream lets a connect take.</summary>
    /// <param name="gateway">Whose transport and clock are used.</param>
    /// <param name="upstream">Whose endpoints are tried.</param>
    /// <param name="entry">Gets the endpoint, the attempts and their time.</param>
    /// <param name="clientGone">Nobody waits any more.</param>
    public static async ValueTask<(Dialled? Dialled, Fault? Fault)> ConnectAsync(
        GatewayState gateway, UpstreamState upstream, RelayedConnection entry, CancellationToken clientGone)
    {
        var started = gateway.Time.GetTimestamp();
        List<EndpointState>? tried = null;
        Fault? fault = null;
        while (Next(upstream, entry, tried, out var plan) is { } endpoint && fault?.Code != UpstreamFaults.NoSocket)
        {
            entry.Attempts++;
            entry.Endpoint = endpoint.Address.Text;
            endpoint.Enter();
            var dialled = gateway.Time.GetTimestamp();
            using var timeout = new CancellationTokenSource(plan.Timeouts.Connect, gateway.Time);
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, clientGone);
            try
            {
                var connection = await gateway.Transport.ConnectAsync(endpoint.Address.EndPoint, stop.Token);
                var now = gateway.Time.GetTimestamp();
                endpoint.AnswerTimes?.Observe(now - dialled, now);
                endpoint.Health.Succeeded();
                endpoint.Metrics.Opened.Increment();
                endpoint.Metrics.Active.Increment();
                entry.Connect = gateway.Time.GetElapsedTime(started);
                return (new(endpoint, connection), null);
            }
            catch (Exception e) when (e is SocketException or IOException or OperationCanceledException)
            {
                endpoint.Leave();
                if (clientGone.IsCancellationRequested)
                {
                    fault = Layer4Faults.ClientReset.With("The client left before a connection to an endpoint was open.");
                    break;
                }

                fault = Failed(endpoint, e, plan.Timeouts.Connect, dialled);
                (tried ??= []).Add(endpoint);
            }
        }

        entry.Connect = gateway.Time.GetElapsedTime(started);
        return (null, fault ?? UpstreamFaults.NoEndpoint.With($"Upstream '{upstream.Name}' has no endpoint in service."));
    }

    /// <summary>What kept an endpoint from being reached. Every such failure of layer 4 passes here; the endpoint is counted for it, unless it was our lack of sockets.</summary>
    /// <param name="endpoint">Not reached.</param>
    /// <param name="error">A cancellation means that the time has passed.</param>
    /// <param name="timeout">How long it had.</param>
    /// <param name="started">When it was tried.</param>
    public static Fault Failed(EndpointState endpoint, Exception error, TimeSpan timeout, long started)
    {
        if (error is SocketException { SocketErrorCode: SocketError.TooManyOpenSockets or SocketError.NoBufferSpaceAvailable } none)
        {
            return UpstreamFaults.NoSocket.With($"A socket could not be made ({none.SocketErrorCode}); raise the limit of open files or lower the listener's limit.");
        }

        endpoint.AnswerTimes?.Fail(elapsed: 0);
        endpoint.Metrics.ConnectFailures.Increment();
        var address = endpoint.Address.Text;
        var fault = error is OperationCanceledException
            ? UpstreamFaults.ConnectTimeout.With($"{address} did not accept within {timeout.TotalSeconds:0.###} s.")
            : UpstreamFaults.ConnectFailed.With($"{address}: {(error as SocketException)?.SocketErrorCode.ToString() ?? error.Message}.");
        endpoint.Health.Failed(fault.Code, started);
        return fault;
    }

    /// <summary>The balancer's choice, once: asked again it would skip somebody's turn.</summary>
    private static EndpointState? Next(UpstreamState upstream, RelayedConnection entry, List<EndpointState>? tried, out UpstreamPlan plan)
    {
        plan = upstream.Plan;
        return tried is null ? upstream.Pick(new PickContext(null, entry.Client), out plan) : upstream.PickAnother(tried);
    }
}
