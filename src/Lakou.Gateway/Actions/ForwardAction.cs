using System.Runtime.CompilerServices;
using Lakou.Core.Faults;
using Lakou.Gateway.Forwarding;
using Lakou.Gateway.Observation;
using Lakou.Gateway.Upstreams;
using Lakou.Gateway.Upstreams.Limits;
using Lakou.Http.Tasks;
using Lakou.Transport;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Actions;

/// <summary>Forwards to an upstream; to several, by weight.</summary>
internal sealed class ForwardAction
{
    private readonly (UpstreamState Upstream, long UpTo)[] _targets;
    private readonly long _sum;

    public ForwardAction(IReadOnlyList<(UpstreamState Upstream, int Weight)> targets)
    {
        _targets = new (UpstreamState, long)[targets.Count];
        for (var i = 0; i < targets.Count; i++)
        {
            _sum += targets[i].Weight;
            _targets[i] = (targets[i].Upstream, _sum);
        }
    }

    public Task InvokeAsync(HttpContext context) => ForwardAsync(Exchange.Of(context)).AsTask();

    public ValueTask ForwardAsync(Exchange exchange)
    {
        var upstream = Pick();
        return upstream.Admission.IsLimited ? ForwardWithinLimitsAsync(exchange, upstream) : exchange.Forwarding.ForwardAsync(upstream);
    }

    [AsyncMethodBuilder(typeof(PooledTaskBuilder))]
    private static async ValueTask ForwardWithinLimitsAsync(Exchange exchange, UpstreamState upstream)
    {
        if (!upstream.Admission.TryEnter() && await WaitAsync(exchange, upstream) is { } fault)
        {
            exchange.Upstream = upstream.Name;
            await FaultResponse.WriteAsync(exchange.Http, exchange, fault);
            return;
        }

        try
        {
            await exchange.Forwarding.ForwardAsync(upstream);
        }
        finally
        {
            upstream.Admission.Leave();
        }
    }

    private static async ValueTask<Fault?> WaitAsync(Exchange exchange, UpstreamState upstream)
    {
        var started = exchange.Timestamp();
        var entry = await upstream.Admission.WaitAsync(exchange.Route!, exchange.TotalDeadline, exchange.Http.RequestAborted);
        await LoopSwitch.To(exchange.Http.Features.Get<ILoopFeature>()); // who left its place may live on another
        exchange.Queue = exchange.Elapsed(started);
        return entry == Entry.Late && exchange.Timestamp() >= exchange.TotalDeadline
            ? Forwarder.TotalTimeout(exchange)
            : UpstreamFaults.NotAdmitted(entry, upstream.Admission, upstream.Name);
    }

    private UpstreamState Pick()
    {
        if (_targets.Length == 1)
        {
            return _targets[0].Upstream;
        }

        var at = Random.Shared.NextInt64(_sum);
        foreach (var (upstream, upTo) in _targets)
        {
            if (at < upTo)
            {
                return upstream;
            }
        }

        return _targets[^1].Upstream;
    }
}
