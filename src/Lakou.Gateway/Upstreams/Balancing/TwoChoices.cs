namespace Lakou.Gateway.Upstreams.Balancing;

/// <summary>The better of two different endpoints drawn at random by weight; the first drawn when neither is.</summary>
internal abstract class TwoChoices(WeightedEndpoint[] endpoints, Random random) : IBalancer
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
        return IsBetter(b, a) ? b.State : a.State;
    }

    protected abstract bool IsBetter(WeightedEndpoint one, WeightedEndpoint other);
}
