namespace Lakou.Gateway.Upstreams.Balancing;

/// <summary>
/// The less busy of two different endpoints drawn at random by weight; the first drawn when both are as busy, so that quiet endpoints share by
/// weight too. Source: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (1996): the longest queue falls from
/// O(log n / log log n) to O(log log n). The weights are nginx's, <c>random two least_conn</c>.
/// </summary>
internal sealed class PowerOfTwo(WeightedEndpoint[] endpoints, Random random) : IBalancer
{
    private readonly WeightedDraw _draw = new(endpoints, random);

    public EndpointState? Pick(in PickContext who)
    {
        switch (endpoints.Length)
        {
            case 0:
                return null;
            case 1:
                return endpoints[0].State;
        }

        var first = _draw.Next();
        var (a, b) = (endpoints[first], endpoints[_draw.NextBut(first)]);

        // Requests in flight for each unit of weight.
        return (long)a.State.InFlight * b.Weight <= (long)b.State.InFlight * a.Weight ? a.State : b.State;
    }
}
