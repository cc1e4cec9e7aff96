using Lakou.Gateway.Upstreams;
using Lakou.Gateway.Upstreams.Balancing;

namespace Lakou.Gateway.Tests.Upstreams.Balancing;

/// <summary>What every balancer does.</summary>
public sealed class BalancerConformanceTests : IDisposable
{
    private readonly BalancerWorld _world = new();

    public static TheoryData<string> All => [.. BalancerWorld.Names];

    public static TheoryData<string> Sharing => [.. BalancerWorld.Names.Where(name => name != "first" && name != "least-latency")];

    [Theory]
    [MemberData(nameof(All))]
    public void Nobody_to_pick_is_null(string name) => Assert.Null(_world.Create(name, []).Pick(BalancerWorld.Client(1)));

    [Theory]
    [MemberData(nameof(All))]
    public void The_only_endpoint_is_always_picked(string name)
    {
        var endpoints = _world.Endpoints(1000);
        Assert.Equal(100, BalancerWorld.Count(_world.Create(name, endpoints), endpoints, 100)[0]);
    }

    [Theory]
    [MemberData(nameof(Sharing))]
    public void Quiet_endpoints_share_by_weight(string name)
    {
        var endpoints = _world.Endpoints(1, 2, 3, 10, 100);
        BalancerWorld.AssertShares(endpoints, BalancerWorld.Count(_world.Create(name, endpoints), endpoints, 50_000));
    }

    [Theory]
    [MemberData(nameof(Sharing))]
    public void Extreme_weights_are_kept(string name)
    {
        var endpoints = _world.Endpoints(1, 1000);
        BalancerWorld.AssertShares(endpoints, BalancerWorld.Count(_world.Create(name, endpoints), endpoints, 100_000));
    }

    [Theory]
    [MemberData(nameof(Sharing))]
    public void Shares_are_right_after_every_coming_and_going(string name)
    {
        var all = _world.Endpoints(5, 1, 3, 2, 4, 1);
        var random = new Random(7);
        for (var change = 0; change < 20; change++)
        {
            WeightedEndpoint[] some = [.. all.Where(_ => random.Next(3) > 0)];
            if (some.Length > 0)
            {
                BalancerWorld.AssertShares(some, BalancerWorld.Count(_world.Create(name, some, seed: change), some, 5_000));
            }
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Weight_zero_gets_nobody(string name)
    {
        var plan = Plan($"balance: {(name == "hash" ? "{ hash: client-ip }" : name)}");
        var endpoints = _world.Endpoints(0, 1, 0);
        EndpointState[] states = [.. endpoints.Select(endpoint => endpoint.State)];
        Assert.Equal(50, BalancerWorld.Count(IBalancer.Create(plan, endpoints, states, _world.Time), endpoints, 50)[1]);
        Assert.Null(IBalancer.Create(plan, [endpoints[0]], states, _world.Time).Pick(BalancerWorld.Client(1)));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Many_threads_pick_at_once(string name)
    {
        var plan = Plan($"balance: {(name == "hash" ? "{ hash: client-ip }" : name)}");
        var endpoints = _world.Endpoints(3, 2, 1, 1);
        EndpointState[] states = [.. endpoints.Select(endpoint => endpoint.State)];
        var balancer = IBalancer.Create(plan, endpoints, states, TimeProvider.System);
        Parallel.For(0, 20_000, new ParallelOptions { MaxDegreeOfParallelism = 8 }, n =>
        {
            var endpoint = balancer.Pick(BalancerWorld.Client(n))!;
            endpoint.Enter();
            endpoint.AnswerTimes?.Observe(n, endpoint.AnswerTimes.Now);
            endpoint.Leave();
        });
        Assert.All(states, state => Assert.Equal(0, state.InFlight));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_higher_tier_waits_until_no_endpoint_of_a_lower_one_is_left(string name)
    {
        var plan = Plan($"balance: {(name == "hash" ? "{ hash: client-ip }" : name)}");
        WeightedEndpoint[] endpoints = [new(_world.Endpoint(0), 1, Tier: 1), new(_world.Endpoint(1), 1), new(_world.Endpoint(2), 1), new(_world.Endpoint(3), 9, Tier: 2), new(_world.Endpoint(4), 1, Tier: 1)];
        Assert.Equal([1, 2], Served(0, 1, 2, 3, 4));
        Assert.Equal([2], Served(0, 2, 3, 4));
        Assert.Equal([0, 4], Served(0, 3, 4));
        Assert.Equal([3], Served(3));
        Assert.Equal([1], Served(0, 1, 3)); // one is back

        IEnumerable<int> Served(params int[] usable)
        {
            WeightedEndpoint[] some = [.. usable.Select(i => endpoints[i])];
            var counts = BalancerWorld.Count(IBalancer.Create(plan, some, [.. endpoints.Select(endpoint => endpoint.State)], _world.Time), some, 200);
            var served = usable.Where((_, i) => counts[i] > 0).ToArray();
            return name == "first" && served.Length == 1 ? usable.Where(i => endpoints[i].Tier == endpoints[served[0]].Tier) : served;
        }
    }

    public void Dispose() => _world.Dispose();

    internal static UpstreamPlan Plan(string options)
        => Harness.TestGateway.Plan($$"""upstreams: { app: { endpoints: [ "http://127.0.0.1:1" ], {{options}} } }""") is { Problems.Count: 0 } read
            ? read.Plan.Upstreams["app"]
            : throw new ArgumentException(options, nameof(options));
}
