using Lakou.Gateway.Upstreams.Balancing;

namespace Lakou.Gateway.Tests.Upstreams.Balancing;

public sealed class RoundRobinTests : IDisposable
{
    private readonly BalancerWorld _world = new();

    [Fact]
    public void Weights_5_1_1_give_a_a_b_a_c_a_a() => Assert.Equal("aabacaaaabacaa", Sequence(_world.Endpoints(5, 1, 1), 14));

    [Fact]
    public void The_order_is_as_smooth_after_an_endpoint_has_left()
    {
        var endpoints = _world.Endpoints(5, 1, 1);
        Sequence(endpoints, 3);
        Assert.Equal("aaabaaaaabaa", Sequence([.. endpoints.Take(2)], 12));
    }

    [Fact]
    public void In_as_many_picks_as_the_sum_of_weights_each_has_exactly_its_weight_wherever_one_begins_to_count()
    {
        var random = new Random(11);
        for (var run = 0; run < 50; run++)
        {
            var endpoints = _world.Endpoints([.. Enumerable.Range(0, random.Next(2, 9)).Select(_ => random.Next(1, 21))]);
            var sum = endpoints.Sum(endpoint => endpoint.Weight);
            var sequence = Sequence(endpoints, 3 * sum);
            for (var start = 0; start <= 2 * sum; start++)
            {
                for (var i = 0; i < endpoints.Length; i++)
                {
                    Assert.Equal(endpoints[i].Weight, sequence.AsSpan(start, sum).Count((char)('a' + i)));
                }
            }
        }
    }

    /// <summary>How far an endpoint ever is from its share of the picks so far: less than half the number of endpoints, and less than one for two.</summary>
    [Fact]
    public void No_endpoint_is_ever_far_from_its_share()
    {
        var random = new Random(12);
        for (var run = 0; run < 200; run++)
        {
            var count = random.Next(2, 12);
            var endpoints = _world.Endpoints([.. Enumerable.Range(0, count).Select(_ => random.Next(1, 101))]);
            double sum = endpoints.Sum(endpoint => endpoint.Weight);
            var sequence = Sequence(endpoints, (int)sum);
            var picked = new int[count];
            for (var n = 1; n <= sequence.Length; n++)
            {
                picked[sequence[n - 1] - 'a']++;
                for (var i = 0; i < count; i++)
                {
                    Assert.InRange(Math.Abs(picked[i] - (n * endpoints[i].Weight / sum)), 0, Math.Max(1, count / 2.0));
                }
            }
        }
    }

    public void Dispose() => _world.Dispose();

    private static string Sequence(WeightedEndpoint[] endpoints, int picks)
    {
        var balancer = new RoundRobin(endpoints);
        return string.Concat(Enumerable.Range(0, picks).Select(_ =>
        {
            var picked = balancer.Pick(BalancerWorld.Nobody);
            return (char)('a' + Array.FindIndex(endpoints, endpoint => endpoint.State == picked));
        }));
    }
}
