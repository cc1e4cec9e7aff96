namespace Lakou.Gateway.Upstreams.Balancing;

/// <summary>Chooses the endpoint of a request or a connection. Called from many threads.</summary>
internal interface IBalancer
{
    /// <summary>Null when there is no endpoint.</summary>
    EndpointState? Pick(in PickContext who);

    /// <param name="plan">What was asked for.</param>
    /// <param name="usable">Those that may get traffic, in the order of writing.</param>
    /// <param name="all">Of the upstream, whatever state they are in.</param>
    /// <param name="time">Of slow start and answer times.</param>
    static IBalancer Create(UpstreamPlan plan, WeightedEndpoint[] usable, IReadOnlyList<EndpointState> all, TimeProvider time)
    {
        var balance = plan.Balance;
        foreach (var endpoint in all)
        {
            endpoint.TimeAnswers(balance.Kind == Balance.LeastLatency, time);
        }

        var serving = Tiers.Serving(usable);
        var balancer = SlowStart.Over(Algorithm, serving, balance, time);
        return balance.Sticky is { } sticky ? new Sticky(balancer, sticky, plan.Name, usable, all) : balancer;

        IBalancer Algorithm(WeightedEndpoint[] endpoints) => balance.Kind switch
        {
            Balance.RoundRobin => new RoundRobin(endpoints),
            Balance.LeastRequests => new LeastRequests(endpoints, Random.Shared),
            Balance.LeastLatency => new LeastLatency(endpoints, time, Random.Shared),
            Balance.Random => new WeightedRandom(endpoints, Random.Shared),
            Balance.First => new First(endpoints),
            Balance.Hash => new ConsistentHash(endpoints, new HashKey(balance.Hash), balance.BoundedLoad, Random.Shared),
            _ => new PowerOfTwo(endpoints, Random.Shared),
        };
    }
}

/// <param name="State">Who.</param>
/// <param name="Weight">Share relative to the others; 0 gets nobody new.</param>
/// <param name="Tier">0 serves first.</param>
/// <param name="Since">A timestamp: when it began to get traffic.</param>
internal sealed record WeightedEndpoint(EndpointState State, int Weight, int Tier = 0, long Since = WeightedEndpoint.FromTheStart)
{
    /// <summary>There when the upstream came, and never away since.</summary>
    public const long FromTheStart = long.MinValue;
}
