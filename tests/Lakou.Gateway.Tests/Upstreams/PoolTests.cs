using Lakou.Gateway.Tests.Harness;
using Lakou.Gateway.Upstreams;

namespace Lakou.Gateway.Tests.Upstreams;

/// <summary>Connections between requests.</summary>
public sealed class PoolTests
{
    [Fact]
    public async Task An_idle_connection_is_closed_after_its_time()
    {
        await using var passage = await Passage.OpenAsync(upstream: "pool: { idle: 10s }");
        var endpoint = await ServeAsync(passage);
        await passage.FaultsAsync(1);
        Assert.Equal(1, State(passage).IdleConnections);
        passage.Time.Advance(TimeSpan.FromSeconds(9));
        Assert.Equal(1, State(passage).IdleConnections);
        passage.Time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(0, State(passage).IdleConnections);
        Assert.True(await endpoint.ClosesAsync());
        await passage.AssertNotReusedAsync();
    }

    [Fact]
    public async Task Connections_are_counted_as_active_or_idle_or_not_at_all()
    {
        await using var passage = await Passage.OpenAsync(upstream: "pool: { idle: 10s }");
        var metrics = State(passage).Metrics;
        var (client, endpoint, _) = await passage.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.Equal((1, 0), (metrics.Active.Value, metrics.Idle.Value));
        await AnswerAsync(client, endpoint);
        await passage.FaultsAsync(1);
        Assert.Equal((0, 1), (metrics.Active.Value, metrics.Idle.Value));
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        await endpoint.ReadHeadAsync();
        Assert.Equal((1, 0), (metrics.Active.Value, metrics.Idle.Value));
        await AnswerAsync(client, endpoint);
        await passage.FaultsAsync(2);
        passage.Time.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal((0, 0), (metrics.Active.Value, metrics.Idle.Value));
    }

    [Fact]
    public async Task Use_makes_a_connection_young_again_but_not_for_ever()
    {
        await using var passage = await Passage.OpenAsync(upstream: "pool: { idle: 10s, age: 30s }");
        var client = await passage.ClientAsync();
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        var endpoint = await passage.EndpointAsync();
        await endpoint.ReadHeadAsync();
        for (var i = 0; i < 4; i++)
        {
            await AnswerAsync(client, endpoint);
            await passage.FaultsAsync(i + 1);
            passage.Time.Advance(TimeSpan.FromSeconds(7));
            await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            await endpoint.ReadHeadAsync();
        }

        // 28 s old: still in use. At 35 s it is replaced.
        await AnswerAsync(client, endpoint);
        await passage.FaultsAsync(5);
        passage.Time.Advance(TimeSpan.FromSeconds(7));
        await passage.AssertNotReusedAsync();
        Assert.True(await endpoint.ClosesAsync());
    }

    [Fact]
    public async Task The_pool_keeps_no_more_than_its_size()
    {
        await using var passage = await Passage.OpenAsync(upstream: "pool: { size: 2 }");
        var pairs = new List<(RawPeer Client, RawPeer Endpoint)>();
        for (var i = 0; i < 4; i++)
        {
            var (client, endpoint, _) = await passage.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            pairs.Add((client, endpoint));
        }

        Assert.Equal(4, State(passage).OpenConnections);
        Assert.Equal(4, State(passage).InFlight);
        foreach (var (client, endpoint) in pairs)
        {
            await AnswerAsync(client, endpoint);
        }

        await passage.FaultsAsync(4);
        Assert.Equal(2, State(passage).IdleConnections);
        Assert.Equal(2, State(passage).OpenConnections);
        Assert.Equal(0, State(passage).InFlight);
        Assert.True(await pairs[2].Endpoint.ClosesAsync());
        Assert.True(await pairs[3].Endpoint.ClosesAsync());
    }

    [Fact]
    public async Task A_pool_of_size_0_closes_each_connection_after_its_request()
    {
        await using var passage = await Passage.OpenAsync(upstream: "pool: { size: 0 }");
        var endpoint = await ServeAsync(passage);
        Assert.True(await endpoint.ClosesAsync());
    }

    [Fact]
    public async Task The_connection_used_last_is_used_first()
    {
        await using var passage = await Passage.OpenAsync(loops: 1); // each has a pool
        var (client1, endpoint1, _) = await passage.SendAsync("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
        var (client2, endpoint2, _) = await passage.SendAsync("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
        await AnswerAsync(client2, endpoint2);
        await passage.FaultsAsync(1);
        await AnswerAsync(client1, endpoint1);
        await passage.FaultsAsync(2);
        await client2.SendAsync("GET /3 HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.StartsWith("GET /3 ", await endpoint1.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Endpoints_on_Unix_sockets_are_kept_alive_too()
    {
        var path = Path.Combine(Path.GetTempPath(), $"lakou-{Guid.NewGuid():N}.sock");
        try
        {
            await using var passage = await Passage.OpenAsync(endpoint: new RawUpstream(path), upstream: "host: endpoint");
            var (client, endpoint, head) = await passage.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            Assert.Contains("\r\nHost: localhost\r\n", head, StringComparison.Ordinal);
            await AnswerAsync(client, endpoint);
            await client.SendAsync("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
            Assert.StartsWith("GET /2 ", await endpoint.ReadHeadAsync(), StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public async Task A_new_plan_keeps_the_connections_of_endpoints_that_it_still_has()
    {
        using var one = new RawUpstream().Answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        using var two = new RawUpstream().Answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        var time = new ManualTime();
        await using var gateway = await TestGateway.ForwardAsync(one.Url, time: time);
        using var client = await RawPeer.ConnectAsync(gateway.Address);
        await RoundAsync(client);
        await gateway.LogAsync(1);
        var kept = gateway.State.Upstreams["app"].Endpoints[0];

        // Another endpoint comes, timeouts change: the first keeps its state.
        await gateway.ApplyAsync(Yaml(one.Url, two.Url));
        Assert.Same(kept, gateway.State.Upstreams["app"].Endpoints[0]);
        Assert.Equal(1, kept.IdleConnections);

        // It goes: its idle connection closes, and requests go to the other.
        await gateway.ApplyAsync(Yaml(two.Url));
        Assert.Equal(0, kept.OpenConnections);
        await RoundAsync(client);
        Assert.Equal(1, one.Accepted);
        Assert.Equal(1, two.Accepted);

        static string Yaml(params string[] urls) => $$"""
            listeners: { web: { address: "127.0.0.1:0" } }
            upstreams: { app: { endpoints: [ {{string.Join(", ", urls.Select(url => $"\"{url}\""))}} ], timeouts: { idle: 7s } } }
            routes: { all: { match: { path: "/**" }, to: app } }
            """;

        static async Task RoundAsync(RawPeer client)
        {
            await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            await client.ReadHeadAsync();
            Assert.Equal("ok", await client.ReadAsync(2));
        }
    }

    [Fact]
    public async Task A_request_under_way_outlives_its_endpoints_place_in_the_plan()
    {
        await using var passage = await Passage.OpenAsync();
        using var other = new RawUpstream();
        var (client, endpoint, _) = await passage.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        await passage.Gateway.ApplyAsync($$"""
            listeners: { web: { address: "127.0.0.1:0" } }
            upstreams: { app: { endpoints: [ "{{other.Url}}" ] } }
            routes: { all: { match: { path: "/**" }, to: app } }
            """);
        await AnswerAsync(client, endpoint);
        Assert.True(await endpoint.ClosesAsync());
    }

    private static EndpointState State(Passage passage) => passage.Gateway.State.Upstreams["app"].Endpoints[0];

    private static async Task<RawPeer> ServeAsync(Passage passage)
    {
        var (client, endpoint, _) = await passage.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        await AnswerAsync(client, endpoint);
        return endpoint;
    }

    private static async Task AnswerAsync(RawPeer client, RawPeer endpoint)
    {
        await endpoint.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        await client.ReadHeadAsync();
        Assert.Equal("ok", await client.ReadAsync(2));
    }
}
