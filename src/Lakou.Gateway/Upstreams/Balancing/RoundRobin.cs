namespace Lakou.Gateway.Upstreams.Balancing;

/// <summary>
/// Smooth weighted round-robin: each pick adds every endpoint's weight to its credit, takes the highest credit and
/// subtracts the sum from it. Weights 5, 1, 1 give a a b a c a a, not a a a a a b c. Source: nginx, upstream round robin (2012).
/// </summary>
internal sealed class RoundRobin(WeightedEndpoint[] endpoints) : IBalancer
{
    private readonly Lock _creditsGate = new();
    private readonly long[] _credits = new long[endpoints.Length];
    private readonly bool _equal = endpoints.All(endpoint => endpoint.Weight == endpoints[0].Weight);
    private readonly long _sum = endpoints.Sum(endpoint => (long)endpoint.Weight);
    private uint _next = uint.MaxValue;

    public EndpointState? Pick(in PickContext who)
    {
        if (endpoints.Length == 0)
        {
            return null;
        }

        return _equal ? endpoints[Interlocked.Increment(ref _next) % (uint)endpoints.Length].State : PickWeighted();
    }

    private EndpointState PickWeighted()
    {
        lock (_creditsGate)
        {
            var best = 0;
            for (var i = 0; i < endpoints.Length; i++)
            {
                _credits[i] += endpoints[i].Weight;
                if (_credits[i] > _credits[best])
                {
                    best = i;
                }
            }

            _credits[best] -= _sum;
            return endpoints[best].State;
        }
    }
}
