namespace Lakou.Gateway.Upstreams.Balancing;

/// <summary>One at random by weight: no state at all. Of n requests on n endpoints the busiest gets about ln n / ln ln n (Gonnet, 1981).</summary>
internal sealed class WeightedRandom(WeightedEndpoint[] endpoints, Random random) : IBalancer
{
    private readonly WeightedDraw _draw = new(endpoints, random);

    public EndpointState? Pick(in PickContext who) => endpoints.Length switch
    {
        0 => null,
        1 => endpoints[0].State,
        _ => endpoints[_draw.Next()].State,
    };
}
