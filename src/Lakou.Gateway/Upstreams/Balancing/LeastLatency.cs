namespace Lakou.Gateway.Upstreams.Balancing;

/// <summary>
/// Of two different endpoints drawn at random by weight the one whose next answer should come sooner: its average answer time, times the requests that
/// would be on it. Source: Finagle's Peak EWMA balancer over two choices.
/// </summary>
internal sealed class LeastLatency(WeightedEndpoint[] endpoints, TimeProvider time, Random random) : IBalancer
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
        var now = time.GetTimestamp();
        return LoadOf(a, now) <= LoadOf(b, now) ? a.State : b.State;
    }

    private static double LoadOf(WeightedEndpoint endpoint, long now)
        => endpoint.State.AnswerTimes?.Load(endpoint.State.InFlight, endpoint.Weight, now) ?? 0;
}
