namespace Lakou.Gateway.Upstreams.Balancing;

/// <summary>
/// Of two endpoints the one whose next answer should come sooner: its average answer time, times the requests that
/// would be on it. Source: Finagle's Peak EWMA balancer over two choices.
/// </summary>
internal sealed class LeastLatency(WeightedEndpoint[] endpoints, TimeProvider time, Random random) : TwoChoices(endpoints, random)
{
    protected override bool IsBetter(WeightedEndpoint one, WeightedEndpoint other)
    {
        var now = time.GetTimestamp();
        return LoadOf(one, now) < LoadOf(other, now);
    }

    private static double LoadOf(WeightedEndpoint endpoint, long now)
        => endpoint.State.AnswerTimes?.Load(endpoint.State.InFlight, endpoint.Weight, now) ?? 0;
}
