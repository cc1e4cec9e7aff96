using Lakou.Gateway.Observation;
using Lakou.Gateway.Upstreams;
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

    public ValueTask ForwardAsync(Exchange exchange) => exchange.Forwarding.ForwardAsync(Pick());

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
