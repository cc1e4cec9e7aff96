using Lakou.Gateway.Upstreams;
using Lakou.Gateway.Upstreams.Balancing;

namespace Lakou.Gateway.Tests.Upstreams.Balancing;

/// <summary>Requests arrive at even intervals of manual time; each endpoint answers each after its own time.</summary>
public sealed class LeastLatencyTests : IDisposable
{
    private readonly BalancerWorld _world = new();
    private readonly PriorityQueue<(EndpointState Endpoint, long Sent), long> _answers = new();

    [Fact]
    public void Traffic_leaves_a_slow_endpoint_and_comes_back_when_it_is_fast_again()
    {
        var endpoints = _world.Equal(4);
        var balancer = _world.Create("least-latency", endpoints);
        var even = Run(balancer, endpoints, seconds: 30, _ => 0.01);
        Assert.All(even, share => Assert.InRange(share, 0.15, 0.35));

        var slow = Run(balancer, endpoints, seconds: 60, i => i == 2 ? 0.5 : 0.01);
        Assert.InRange(slow[2], 0.0001, 0.02); // it is still asked now and then

        Run(balancer, endpoints, seconds: 60, _ => 0.01);
        var again = Run(balancer, endpoints, seconds: 30, _ => 0.01);
        Assert.All(again, share => Assert.InRange(share, 0.15, 0.35));
    }

    [Fact]
    public void Shares_follow_speed_with_endpoints_coming_and_going()
    {
        var all = _world.Equal(6);
        var random = new Random(5);
        var balancer = _world.Create("least-latency", all);
        for (var change = 0; change < 10; change++)
        {
            WeightedEndpoint[] some = [.. all.Where((_, i) => i is 0 or 1 || random.Next(3) > 0)];
            balancer = new LeastLatency(some, _world.Time, new Random(change));
            var shares = Run(balancer, some, seconds: 20, i => i == 0 ? 0.2 : 0.01);
            Assert.InRange(shares[0], 0, 0.5 / some.Length);
        }
    }

    [Fact]
    public void A_new_endpoint_is_asked_at_once_and_once_until_it_answers()
    {
        var all = _world.Equal(4);
        var old = all[..3];
        Run(_world.Create("least-latency", old), old, seconds: 10, _ => 0.01);
        all[3].State.TimeAnswers(isWanted: true, _world.Time);
        var balancer = new LeastLatency(all, _world.Time, new Random(2));
        var picks = Enumerable.Range(0, 100).Select(_ =>
        {
            var picked = balancer.Pick(BalancerWorld.Nobody)!;
            picked.Enter();
            return picked;
        }).ToArray();
        Assert.Equal(1, all[3].State.InFlight);
        Assert.InRange(Array.IndexOf(picks, all[3].State), 0, 20);
        all[3].State.AnswerTimes!.Observe(TimeSpan.FromMilliseconds(10).Ticks, _world.Time.GetTimestamp());
        Assert.Contains(all[3].State, Enumerable.Range(0, 20).Select(_ => balancer.Pick(BalancerWorld.Nobody)));
    }

    [Fact]
    public void New_endpoints_share_what_comes_before_any_has_answered()
    {
        var endpoints = _world.Equal(5);
        var balancer = _world.Create("least-latency", endpoints);
        for (var n = 0; n < 100; n++)
        {
            balancer.Pick(BalancerWorld.Nobody)!.Enter();
        }

        Assert.All(endpoints, endpoint => Assert.InRange(endpoint.State.InFlight, 15, 25));
    }

    [Fact]
    public void An_endpoint_that_fails_quickly_is_not_a_fast_one()
    {
        var endpoints = _world.Equal(2);
        var balancer = _world.Create("least-latency", endpoints);
        Run(balancer, endpoints, seconds: 5, _ => 0.01);
        endpoints[0].State.AnswerTimes!.Fail(elapsed: 0);
        Assert.All(Enumerable.Range(0, 50), _ => Assert.Same(endpoints[1].State, balancer.Pick(BalancerWorld.Nobody)));
    }

    [Fact]
    public void One_slow_answer_counts_at_once_and_fades()
    {
        var times = new AnswerTimes(_world.Time);
        times.Observe(TimeSpan.FromMilliseconds(10).Ticks, times.Now);
        Assert.Equal(0.010, times.Load(0, 1, times.Now), 5);
        times.Observe(TimeSpan.FromMilliseconds(500).Ticks, times.Now);
        Assert.Equal(0.500, times.Load(0, 1, times.Now), 5);
        Assert.Equal(1.000, times.Load(1, 1, times.Now), 5);
        Assert.Equal(0.625, times.Load(1, 4, times.Now), 5);

        // Idle for the decay time, 1/e of it; with a request on its way, all of it.
        _world.Time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(0.500 / Math.E, times.Load(0, 1, times.Now), 4);
        Assert.Equal(1.000, times.Load(1, 1, times.Now), 5);
        times.Observe(TimeSpan.FromMilliseconds(10).Ticks, times.Now);
        Assert.Equal(0.010 + (0.490 / Math.E), times.Load(0, 1, times.Now), 4);

        // Answers that are told out of order, and a clock that has run for years.
        times.Observe(0, times.Now - TimeSpan.FromSeconds(1).Ticks);
        Assert.Equal(0.010 + (0.490 / Math.E), times.Load(0, 1, times.Now), 4);
        _world.Time.Advance(TimeSpan.FromDays(1000));
        times.Observe(TimeSpan.FromMilliseconds(700).Ticks, times.Now);
        Assert.Equal(0.700, times.Load(0, 1, times.Now), 5);
    }

    public void Dispose() => _world.Dispose();

    /// <summary>500 requests a second; each endpoint's share of them.</summary>
    private double[] Run(IBalancer balancer, WeightedEndpoint[] endpoints, int seconds, Func<int, double> answerSeconds)
    {
        var shares = new double[endpoints.Length];
        var requests = seconds * 500;
        for (var n = 0; n < requests; n++)
        {
            _world.Time.Advance(TimeSpan.FromMilliseconds(2));
            var now = _world.Time.GetTimestamp();
            while (_answers.TryPeek(out var answer, out var at) && at <= now)
            {
                _answers.Dequeue();
                answer.Endpoint.Leave();
                answer.Endpoint.AnswerTimes!.Observe(at - answer.Sent, at);
            }

            var picked = balancer.Pick(BalancerWorld.Nobody)!;
            var i = Array.FindIndex(endpoints, endpoint => endpoint.State == picked);
            picked.Enter();
            _answers.Enqueue((picked, now), now + TimeSpan.FromSeconds(answerSeconds(i)).Ticks);
            shares[i] += 1.0 / requests;
        }

        return shares;
    }
}
