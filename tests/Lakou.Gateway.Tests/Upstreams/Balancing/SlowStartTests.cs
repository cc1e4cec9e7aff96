using Lakou.Gateway.Tests.Harness;
using Lakou.Gateway.Upstreams.Balancing;

namespace Lakou.Gateway.Tests.Upstreams.Balancing;

public sealed class SlowStartTests : IDisposable
{
    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(30);

    private readonly BalancerWorld _world = new();

    public static TheoryData<string> Sharing => [.. BalancerWorld.Names.Where(name => name is not ("first" or "least-latency"))];

    [Theory]
    [MemberData(nameof(Sharing))]
    public void The_weight_of_a_newcomer_grows_in_a_straight_line_from_a_tenth(string name)
    {
        var endpoints = _world.Endpoints(2, 3, 5);
        endpoints[2] = endpoints[2] with { Since = _world.Time.GetTimestamp() };
        var balancer = Over(name, endpoints);
        foreach (var (seconds, weight) in new[] { (0, 0.5), (10, 2.0), (20, 3.5), (30, 5.0), (40, 5.0) })
        {
            _world.Time.Advance(TimeSpan.FromSeconds(seconds) - (_world.Time.Now - Start));
            const int Picks = 20_000;
            var counts = BalancerWorld.Count(balancer, endpoints, Picks);
            Assert.InRange((double)counts[2] / Picks, (weight / (weight + 5)) - 0.02, (weight / (weight + 5)) + 0.02);
            Assert.InRange((double)counts[0] / (counts[0] + counts[1]), 0.38, 0.42);
        }
    }

    [Fact]
    public void A_key_that_has_moved_to_the_newcomer_stays_there()
    {
        var endpoints = _world.Equal(4);
        endpoints[3] = endpoints[3] with { Since = _world.Time.GetTimestamp() };
        var balancer = Over("hash", endpoints);
        var moved = new HashSet<int>();
        for (var second = 0; second <= 30; second++)
        {
            for (var n = 0; n < 2000; n++)
            {
                if (balancer.Pick(BalancerWorld.Client(n)) == endpoints[3].State)
                {
                    moved.Add(n);
                }
                else
                {
                    Assert.DoesNotContain(n, moved);
                }
            }

            _world.Time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.InRange(moved.Count, 450, 550);
    }

    [Fact]
    public void Who_is_alone_serves_at_once()
    {
        var endpoints = _world.Equal(2).Select(endpoint => endpoint with { Since = _world.Time.GetTimestamp() }).ToArray();
        Assert.Equal([50, 50], BalancerWorld.Count(Over("round-robin", endpoints), endpoints, 100));
    }

    [Fact]
    public async Task An_endpoint_that_a_reload_adds_starts_slowly_and_those_of_the_start_do_not()
    {
        var time = new ManualTime();
        using var old = new RawUpstream().Answer("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n0");
        using var added = new RawUpstream().Answer("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
        await using var gateway = await TestGateway.StartAsync(Yaml($"\"{old.Url}\""), time);
        using var client = await RawPeer.ConnectAsync(gateway.Address);
        Assert.Equal(0, await AskAsync(20));

        await gateway.ApplyAsync(Yaml($"\"{old.Url}\", \"{added.Url}\""));
        Assert.InRange(await AskAsync(400), 5, 80); // 1/11 of 400 is 36
        time.Advance(Duration);
        Assert.Equal(100, await AskAsync(200));

        async Task<int> AskAsync(int count)
        {
            var served = 0;
            for (var i = 0; i < count; i++)
            {
                await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
                await client.ReadHeadAsync();
                served += await client.ReadAsync(1) == "1" ? 1 : 0;
            }

            return served;
        }

        static string Yaml(string endpoints) => $$"""
            upstreams: { app: { balance: round-robin, slow-start: 30s, endpoints: [ {{endpoints}} ] } }
            routes: { all: { match: { path: "/**" }, to: app } }
            """;
    }

    public void Dispose() => _world.Dispose();

    private static DateTimeOffset Start { get; } = new ManualTime().Now;

    private IBalancer Over(string name, WeightedEndpoint[] endpoints)
    {
        var plan = new BalancePlan(new BalanceOptions { Kind = name == "hash" ? Balance.Hash : Balance.RoundRobin }, Duration, null);
        return SlowStart.Over(some => _world.Create(name, some), endpoints, plan, _world.Time, new Random(4));
    }
}
