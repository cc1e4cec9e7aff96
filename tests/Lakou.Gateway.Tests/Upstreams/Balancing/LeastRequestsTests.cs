using Lakou.Gateway.Upstreams;

namespace Lakou.Gateway.Tests.Upstreams.Balancing;

public sealed class LeastRequestsTests : IDisposable
{
    private readonly BalancerWorld _world = new();

    [Fact]
    public void Requests_that_stay_are_spread_evenly()
    {
        var endpoints = _world.Equal(7);
        var balancer = _world.Create("least-requests", endpoints);
        for (var n = 1; n <= 700; n++)
        {
            balancer.Pick(BalancerWorld.Nobody)!.Enter();
            Assert.InRange(endpoints.Max(endpoint => endpoint.State.InFlight) - endpoints.Min(endpoint => endpoint.State.InFlight), 0, 1);
        }
    }

    [Fact]
    public void Requests_that_stay_are_spread_by_weight()
    {
        var endpoints = _world.Endpoints(1, 2, 7);
        var balancer = _world.Create("least-requests", endpoints);
        for (var n = 0; n < 1000; n++)
        {
            balancer.Pick(BalancerWorld.Nobody)!.Enter();
        }

        Assert.Equal([100, 200, 700], endpoints.Select(endpoint => endpoint.State.InFlight));
    }

    [Fact]
    public void The_least_busy_is_found_wherever_it_stands()
    {
        var endpoints = _world.Equal(20);
        for (var free = 0; free < endpoints.Length; free++)
        {
            foreach (var endpoint in endpoints.Where((_, i) => i != free))
            {
                endpoint.State.Enter();
            }

            Assert.Same(endpoints[free].State, _world.Create("least-requests", endpoints).Pick(BalancerWorld.Nobody));
            endpoints[free].State.Enter();
        }
    }

    [Fact]
    public void A_newcomer_catches_up_and_no_more()
    {
        var all = _world.Equal(4);
        var before = _world.Create("least-requests", [.. all.Take(3)]);
        for (var n = 0; n < 30; n++)
        {
            before.Pick(BalancerWorld.Nobody)!.Enter();
        }

        var after = _world.Create("least-requests", all);
        var picked = new List<EndpointState>();
        for (var n = 0; n < 14; n++)
        {
            picked.Add(after.Pick(BalancerWorld.Nobody)!);
            picked[^1].Enter();
        }

        Assert.All(picked.Take(10), endpoint => Assert.Same(all[3].State, endpoint));
        Assert.All(all, endpoint => Assert.Equal(11, endpoint.State.InFlight));
    }

    public void Dispose() => _world.Dispose();
}
