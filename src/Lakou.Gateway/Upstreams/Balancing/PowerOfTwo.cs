namespace Lakou.Gateway.Upstreams.Balancing;

/// <summary>
/// The less busy of two endpoints drawn at random by weight. Source: Mitzenmacher, "The Power of Two Choices in
/// Randomized Load Balancing" (1996): the longest queue falls from O(log n / log log n) to O(log log n).
/// </summary>
internal sealed class PowerOfTwo(WeightedEndpoint[] endpoints, Random random) : IBalancer
{
    private readonly long[] _upTo = endpoints.Select((_, i) => endpoints.Take(i + 1).Sum(endpoint => (long)endpoint.Weight)).ToArray();

    public EndpointState? Pick()
    {
        switch (endpoints.Length)
        {
            case 0:
                return null;
            case 1:
                return endpoints[0].State;
        }

        var first = Draw();
        var second = Draw();
        if (first == second)
        {
            second = (first + 1) % endpoints.Length;
        }

        var (a, b) = (endpoints[first], endpoints[second]);

        // Requests in flight for each unit of weight, the one to come included.
        return (a.State.InFlight + 1L) * b.Weight <= (b.State.InFlight + 1L) * a.Weight ? a.State : b.State;
    }

    private int Draw()
    {
        var at = random.NextInt64(_upTo[^1]);
        var index = Array.BinarySearch(_upTo, at + 1);
        return index >= 0 ? index : ~index;
    }
}
