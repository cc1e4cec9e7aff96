namespace Lakou.Gateway.Upstreams.Balancing;

/// <summary>
/// The less busy of two endpoints; of two as busy the first drawn, so that quiet endpoints share by
/// weight too. Source: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (1996): the longest queue falls from
/// O(log n / log log n) to O(log log n). The weights are nginx's, <c>random two least_conn</c>.
/// </summary>
internal sealed class PowerOfTwo(WeightedEndpoint[] endpoints, Random random) : TwoChoices(endpoints, random)
{
    /// <summary>Fewer requests in flight for each unit of weight.</summary>
    protected override bool IsBetter(WeightedEndpoint one, WeightedEndpoint other)
        => (long)one.State.InFlight * other.Weight < (long)other.State.InFlight * one.Weight;
}
