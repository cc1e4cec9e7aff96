using Lakou.Gateway.Upstreams;
using Lakou.Gateway.Upstreams.Balancing;

namespace Lakou.Gateway.Tests.Upstreams.Balancing;

/// <summary>Balls into bins, n = 1,000. Random: the fullest has about ln n / ln ln n + O(1) = 3.6 + O(1). Two choices: log₂ ln n + O(1) = 2.8 + O(1).</summary>
public sealed class PowerOfTwoTests : IDisposable
{
    private const int Bins = 1000;

    private readonly BalancerWorld _world = new();

    [Fact]
    public void The_longest_queue_is_a_fraction_of_that_of_random_choice()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            Assert.InRange(Longest("power-of-two", seed, Bins), 2, 4);
            Assert.InRange(Longest("random", seed, Bins), 5, 9);
        }
    }

    /// <summary>The gap to the mean does not grow with the load (Berenbrink et al., 2000); that of random choice does, as its root.</summary>
    [Fact]
    public void Under_load_the_gap_to_the_mean_stays()
    {
        const int Each = 100;
        Assert.InRange(Longest("power-of-two", 1, Bins * Each) - Each, 1, 5);
        Assert.InRange(Longest("random", 1, Bins * Each) - Each, 20, 60);
    }

    [Fact]
    public void Queues_stay_short_while_requests_and_endpoints_come_and_go()
    {
        var all = _world.Equal(Bins);
        var random = new Random(3);
        var running = new List<EndpointState>();
        for (var change = 0; change < 20; change++)
        {
            WeightedEndpoint[] some = [.. all.Where(_ => random.Next(10) > 0)];
            var balancer = _world.Create("power-of-two", some, seed: change);
            for (var n = 0; n < 2 * Bins; n++)
            {
                if (running.Count >= Bins)
                {
                    var ended = random.Next(running.Count);
                    running[ended].Leave();
                    running[ended] = running[^1];
                    running.RemoveAt(running.Count - 1);
                }

                var picked = balancer.Pick(BalancerWorld.Nobody)!;
                picked.Enter();
                running.Add(picked);
            }

            Assert.InRange(some.Max(endpoint => endpoint.State.InFlight), 2, 5);
        }
    }

    [Fact]
    public void The_two_are_never_the_same()
    {
        var endpoints = _world.Endpoints(1000, 1);
        endpoints[0].State.Enter();
        var balancer = _world.Create("power-of-two", endpoints);
        for (var n = 0; n < 1000; n++)
        {
            Assert.Same(endpoints[1].State, balancer.Pick(BalancerWorld.Nobody));
        }
    }

    public void Dispose() => _world.Dispose();

    private int Longest(string name, int seed, int balls)
    {
        var endpoints = _world.Equal(Bins);
        var balancer = _world.Create(name, endpoints, seed);
        for (var n = 0; n < balls; n++)
        {
            balancer.Pick(BalancerWorld.Nobody)!.Enter();
        }

        return endpoints.Max(endpoint => endpoint.State.InFlight);
    }
}
