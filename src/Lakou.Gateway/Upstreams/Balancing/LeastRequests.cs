namespace Lakou.Gateway.Upstreams.Balancing;

/// <summary>
/// The fewest requests in flight for its weight, of all; among those as busy, one at random by weight. Source: HAProxy's <c>leastconn</c>, nginx's
/// <c>least_conn</c>. Looks at every endpoint at each pick.
/// </summary>
internal sealed class LeastRequests(WeightedEndpoint[] endpoints, Random random) : IBalancer
{
    public EndpointState? Pick(in PickContext who)
    {
        if (endpoints.Length == 0)
        {
            return null;
        }

        var best = endpoints[0];
        long bestInFlight = best.State.InFlight;
        long tied = best.Weight;
        for (var i = 1; i < endpoints.Length; i++)
        {
            var endpoint = endpoints[i];
            long inFlight = endpoint.State.InFlight;
            var difference = (inFlight * best.Weight) - (bestInFlight * endpoint.Weight);
            if (difference < 0)
            {
                (best, bestInFlight, tied) = (endpoint, inFlight, endpoint.Weight);
            }
            else if (difference == 0)
            {
                tied += endpoint.Weight;
            }
        }

        return tied == best.Weight ? best.State : OneOf(tied, best, bestInFlight);
    }

    /// <summary>One of the tied, unless they have become busy meanwhile.</summary>
    private EndpointState OneOf(long tied, WeightedEndpoint best, long bestInFlight)
    {
        var at = random.NextInt64(tied);
        foreach (var endpoint in endpoints)
        {
            if (endpoint.State.InFlight * (long)best.Weight == bestInFlight * endpoint.Weight && (at -= endpoint.Weight) < 0)
            {
                return endpoint.State;
            }
        }

        return best.State;
    }
}
