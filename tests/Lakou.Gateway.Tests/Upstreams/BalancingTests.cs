using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Upstreams;

public sealed class BalancingTests
{
    [Fact]
    public async Task Round_robin_takes_each_endpoint_in_turn()
    {
        await using var world = await World.OpenAsync("round-robin", 1, 1, 1);
        Assert.Equal("012012012", await world.AskAsync(9));
    }

    [Fact]
    public async Task Round_robin_keeps_weights_exactly_and_spreads_them()
    {
        await using var world = await World.OpenAsync("round-robin", 5, 1, 2);
        var served = await world.AskAsync(80);
        Assert.Equal(50, served.Count(c => c == '0'));
        Assert.Equal(10, served.Count(c => c == '1'));
        Assert.Equal(20, served.Count(c => c == '2'));
        for (var i = 0; i < served.Length; i += 8)
        {
            Assert.Equal(5, served.AsSpan(i, 8).Count('0'));
        }

        Assert.DoesNotContain("0000", served, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Power_of_two_prefers_the_less_busy_endpoint()
    {
        await using var world = await World.OpenAsync("power-of-two", 1, 1);
        var busy = world.State.Endpoints[0];
        busy.Enter();
        try
        {
            // Both are always drawn; the one with a request in flight always loses.
            Assert.Equal(new string('1', 20), await world.AskAsync(20));
        }
        finally
        {
            busy.Leave();
        }
    }

    [Fact]
    public async Task Power_of_two_counts_weight()
    {
        await using var world = await World.OpenAsync("power-of-two", 10, 1);
        var (heavy, light) = (world.State.Endpoints[0], world.State.Endpoints[1]);
        for (var i = 0; i < 5; i++)
        {
            heavy.Enter();
        }

        light.Enter();

        // 5 / 10 is less than 1 / 1.
        Assert.Equal(new string('0', 20), await world.AskAsync(20));
    }

    [Fact]
    public async Task First_takes_the_first_whatever_the_weights()
    {
        await using var world = await World.OpenAsync("first", 1, 100);
        Assert.Equal("0000000000", await world.AskAsync(10));
    }

    [Fact]
    public async Task Least_latency_leaves_the_endpoint_that_cannot_be_reached()
    {
        using var fast = new RawUpstream().Answer("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n0");
        await using var gateway = await TestGateway.StartAsync($$"""
            upstreams: { app: { endpoints: [ "{{fast.Url}}", "http://127.0.0.1:1" ], balance: least-latency } }
            routes: { all: { match: { path: "/**" }, to: app } }
            """, new ManualTime()); // in which the answers of a busy machine are as quick as any
        using var client = await RawPeer.ConnectAsync(gateway.Address);
        var failed = 0;
        for (var i = 0; i < 50; i++)
        {
            await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            var head = await client.ReadHeadAsync();
            var length = int.Parse(head.Split("Content-Length: ")[1].Split("\r\n")[0]);
            await client.ReadAsync(length);
            failed += head.StartsWith("HTTP/1.1 502", StringComparison.Ordinal) ? 1 : 0;
        }

        Assert.Equal(1, failed);
        Assert.NotNull(gateway.State.Upstreams["app"].Endpoints[0].AnswerTimes);
    }

    private sealed class World : IAsyncDisposable
    {
        private RawUpstream[] _endpoints = [];
        private TestGateway? _gateway;

        public Lakou.Gateway.Upstreams.UpstreamState State => _gateway!.State.Upstreams["app"];

        public static async Task<World> OpenAsync(string balance, params int[] weights)
        {
            var world = new World { _endpoints = [.. weights.Select((_, i) => new RawUpstream().Answer($"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{i}"))] };
            var list = string.Join(", ", weights.Select((weight, i) => $"{{ url: \"{world._endpoints[i].Url}\", weight: {weight} }}"));
            world._gateway = await TestGateway.StartAsync($$"""
                upstreams: { app: { endpoints: [ {{list}} ], balance: {{balance}} } }
                routes: { all: { match: { path: "/**" }, to: app } }
                """);
            return world;
        }

        /// <summary>Which endpoint served each of so many requests, one after another.</summary>
        public async Task<string> AskAsync(int count)
        {
            using var client = await RawPeer.ConnectAsync(_gateway!.Address);
            var served = "";
            for (var i = 0; i < count; i++)
            {
                await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
                await client.ReadHeadAsync();
                served += await client.ReadAsync(1);
            }

            return served;
        }

        public async ValueTask DisposeAsync()
        {
            await _gateway!.DisposeAsync();
            Array.ForEach(_endpoints, endpoint => endpoint.Dispose());
        }
    }
}
