using System.Net;
using Lakou.Gateway.Upstreams;
using Lakou.Gateway.Upstreams.Balancing;

namespace Lakou.Gateway.Tests.Upstreams.Balancing;

public sealed class ConsistentHashTests : IDisposable
{
    private readonly BalancerWorld _world = new();

    [Fact]
    public void A_client_has_one_endpoint_and_keeps_it_when_others_come_and_go()
    {
        var all = _world.Equal(10);
        var whole = _world.Create("hash", all, bound: 1.25);
        var without = _world.Create("hash", all[..9], bound: 1.25);
        var moved = 0;
        for (var n = 0; n < 10_000; n++)
        {
            var own = whole.Pick(BalancerWorld.Client(n));
            Assert.Same(own, whole.Pick(BalancerWorld.Client(n)));
            moved += own == all[9].State || own == without.Pick(BalancerWorld.Client(n)) ? 0 : 1;
        }

        Assert.InRange(moved, 0, 300);
    }

    [Fact]
    public void An_ipv4_client_is_the_same_on_a_socket_of_both_families()
    {
        var balancer = _world.Create("hash", _world.Equal(100));
        var client = IPAddress.Parse("192.0.2.7");
        Assert.Same(balancer.Pick(new(null, client)), balancer.Pick(new(null, client.MapToIPv6())));
    }

    [Fact]
    public void Clients_without_an_address_are_spread()
    {
        var endpoints = _world.Equal(3);
        var balancer = _world.Create("hash", endpoints, bound: 1.25);
        for (var n = 0; n < 300; n++)
        {
            balancer.Pick(BalancerWorld.Nobody)!.Enter();
        }

        Assert.All(endpoints, endpoint => Assert.InRange(endpoint.State.InFlight, 80, 120));
    }

    /// <summary>A third of all requests are one client's; half come and go at random, endpoints too.</summary>
    [Theory]
    [InlineData(1.25)]
    [InlineData(1.05)]
    [InlineData(3)]
    public void No_endpoint_ever_has_more_than_the_bound_allows(double bound)
    {
        var all = _world.Endpoints(1, 1, 2, 3, 1, 1, 5, 1, 1, 1);
        var random = new Random(9);
        var running = new List<EndpointState>();
        var elsewhere = 0;
        for (var change = 0; change < 20; change++)
        {
            WeightedEndpoint[] some = [.. all.Where((_, i) => i == 0 || random.Next(4) > 0)];
            var balancer = _world.Create("hash", some, bound: bound);
            var unbound = _world.Create("hash", some);
            double weights = some.Sum(endpoint => endpoint.Weight);
            for (var n = 0; n < 1000; n++)
            {
                if (running.Count > 0 && random.Next(100) < 49)
                {
                    var ended = random.Next(running.Count);
                    running[ended].Leave();
                    running.RemoveAt(ended);
                }

                var who = BalancerWorld.Client(random.Next(3) == 0 ? 0 : random.Next(50));
                var picked = balancer.Pick(who)!;
                elsewhere += picked == unbound.Pick(who) ? 0 : 1;
                picked.Enter();
                running.Add(picked);
                var total = some.Sum(endpoint => endpoint.State.InFlight);
                var most = Math.Ceiling((bound * total * some.Single(endpoint => endpoint.State == picked).Weight / weights) - 1e-9);
                Assert.True(picked.InFlight <= most, $"{picked.InFlight} of {total}; at most {most}");
            }
        }

        Assert.True(elsewhere > 100, "The bound was never met.");
    }

    [Fact]
    public void What_overflows_goes_to_the_same_endpoint_for_the_same_key()
    {
        var endpoints = _world.Equal(10);
        var balancer = _world.Create("hash", endpoints, bound: 1.25);
        var own = balancer.Pick(BalancerWorld.Client(1))!;
        for (var n = 0; n < 20; n++)
        {
            own.Enter();
        }

        var second = balancer.Pick(BalancerWorld.Client(1))!;
        Assert.NotSame(own, second);
        Assert.All(Enumerable.Range(0, 50), _ => Assert.Same(second, balancer.Pick(BalancerWorld.Client(1))));
    }

    [Fact]
    public void Without_a_bound_a_key_keeps_its_endpoint_whatever_happens()
    {
        var endpoints = _world.Equal(3);
        var balancer = _world.Create("hash", endpoints, bound: 0);
        var own = balancer.Pick(BalancerWorld.Client(1))!;
        for (var n = 0; n < 1000; n++)
        {
            own.Enter();
            Assert.Same(own, balancer.Pick(BalancerWorld.Client(1)));
        }
    }

    [Fact]
    public void Numbers_at_their_limits_do_not_overflow()
    {
        var endpoints = _world.Endpoints(Enumerable.Repeat(1000, 1000));
        var balancer = _world.Create("hash", endpoints, bound: 10);
        var own = balancer.Pick(BalancerWorld.Client(1))!;
        for (var n = 0; n < 1_000_000; n++)
        {
            own.Enter();
        }

        Assert.NotSame(own, balancer.Pick(BalancerWorld.Client(1)));
    }

    public void Dispose() => _world.Dispose();
}
