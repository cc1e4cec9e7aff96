using System.Text.Json;
using Lakou.Gateway.Tests.Harness;
using Lakou.Gateway.Upstreams;

namespace Lakou.Gateway.Tests.Upstreams.Limits;

/// <summary>Limits of an upstream, seen by its clients and by its endpoint.</summary>
public sealed class LimitTests
{
    private const string Get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    private const string Hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

    [Fact]
    public async Task A_request_beyond_the_limit_waits_for_a_place_and_then_goes_on()
    {
        using var upstream = new RawUpstream();
        await using var gateway = await TestGateway.ForwardAsync(upstream.Url, "limits: { requests: 1 }");
        using var first = await AskAsync(gateway);
        using var endpoint = await upstream.AcceptAsync();
        await endpoint.ReadHeadAsync();
        using var second = await AskAsync(gateway);
        await QueuedAsync(gateway, 1);
        Assert.Contains("lakou_upstream_queued{upstream=\"app\"} 1\n", gateway.Metrics(), StringComparison.Ordinal);

        await endpoint.SendAsync(Hello);
        Assert.EndsWith("hello", await first.ReadToAsync("hello"), StringComparison.Ordinal);
        await endpoint.ReadHeadAsync(); // over the same connection: there was none more
        await endpoint.SendAsync(Hello);
        Assert.EndsWith("hello", await second.ReadToAsync("hello"), StringComparison.Ordinal);
        Assert.Equal(1, upstream.Accepted);

        var log = (await gateway.LogAsync(2)).Select(line => JsonDocument.Parse(line).RootElement).ToArray();
        Assert.True(log[1].GetProperty("queue_ms").GetDouble() > 0);
    }

    [Fact]
    public async Task Over_the_queue_the_answer_is_503_with_when_to_come_back_at_once()
    {
        using var upstream = new RawUpstream();
        await using var gateway = await TestGateway.ForwardAsync(upstream.Url, "limits: { requests: 1, queue: 1 }");
        using var first = await AskAsync(gateway);
        using var second = await AskAsync(gateway);
        await QueuedAsync(gateway, 1);
        using var third = await AskAsync(gateway);
        var answer = await third.ReadToAsync("}");
        Assert.StartsWith("HTTP/1.1 503 ", answer, StringComparison.Ordinal);
        Assert.Contains("\r\nRetry-After: 1\r\n", answer, StringComparison.Ordinal);
        Assert.Contains("upstream/queue-full", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wait_that_is_too_long_ends_with_503()
    {
        var time = new ManualTime();
        using var upstream = new RawUpstream();
        await using var gateway = await TestGateway.ForwardAsync(upstream.Url, "limits: { requests: 1, queue-for: 3s }, timeouts: { response: 1h }", time: time);
        using var first = await AskAsync(gateway);
        await TakenAsync(gateway, 1);
        using var second = await AskAsync(gateway);
        var answer = second.ReadToAsync("}");
        Assert.True(await time.PassUntilAsync(answer, TimeSpan.FromMilliseconds(200)) >= TimeSpan.FromSeconds(3));
        Assert.Contains("upstream/queue-timeout", await answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_route_s_total_time_counts_while_it_waits()
    {
        var time = new ManualTime();
        using var upstream = new RawUpstream();
        await using var gateway = await TestGateway.ForwardAsync(upstream.Url, "limits: { requests: 1, queue-for: 5m }", "filters: { timeout: { total: 2s } }", time: time);
        using var first = await AskAsync(gateway);
        await TakenAsync(gateway, 1);
        using var second = await AskAsync(gateway);
        await QueuedAsync(gateway, 1);
        var answer = second.ReadToAsync("}");
        await time.PassUntilAsync(answer, TimeSpan.FromMilliseconds(200));
        Assert.StartsWith("HTTP/1.1 504 ", await answer, StringComparison.Ordinal);
        Assert.Contains("upstream/total-timeout", await answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_that_leaves_the_queue_is_never_forwarded()
    {
        using var upstream = new RawUpstream();
        await using var gateway = await TestGateway.ForwardAsync(upstream.Url, "limits: { requests: 1, queue: 1 }");
        using var first = await AskAsync(gateway);
        using var endpoint = await upstream.AcceptAsync();
        await endpoint.ReadHeadAsync();
        using (await AskAsync(gateway))
        {
            await QueuedAsync(gateway, 1);
        }

        await QueuedAsync(gateway, 0);
        await endpoint.SendAsync(Hello);
        await first.ReadToAsync("hello");
        await TakenAsync(gateway, 0);
        Assert.Contains((await gateway.LogAsync(2)).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("status").GetInt32()), status => status == 499);
    }

    [Fact]
    public async Task A_failed_request_gives_its_place_back()
    {
        await using var gateway = await TestGateway.ForwardAsync("http://127.0.0.1:1", "limits: { requests: 1, queue: 0 }");
        for (var i = 0; i < 3; i++)
        {
            using var client = await AskAsync(gateway);
            Assert.StartsWith("HTTP/1.1 502 ", await client.ReadToAsync("}"), StringComparison.Ordinal);
        }

        await TakenAsync(gateway, 0);
    }

    [Fact]
    public async Task An_idle_connection_makes_room_for_one_to_another_endpoint()
    {
        using var one = new RawUpstream().Answer(Hello);
        using var other = new RawUpstream().Answer(Hello);
        await using var gateway = await TestGateway.StartAsync($$"""
            upstreams: { app: { endpoints: [ "{{one.Url}}", "{{other.Url}}" ], balance: round-robin, limits: { connections: 1 } } }
            routes: { all: { match: { path: "/**" }, to: app } }
            """);
        for (var i = 0; i < 6; i++)
        {
            using var client = await AskAsync(gateway);
            await client.ReadToAsync("hello");
            await TakenAsync(gateway, 0);
            Assert.Equal(1, Upstream(gateway).Endpoints.Sum(endpoint => endpoint.OpenConnections));
        }

        Assert.Equal((3, 3), (one.Accepted, other.Accepted));
    }

    [Fact]
    public async Task An_upgraded_connection_keeps_its_place_until_it_ends()
    {
        using var upstream = new RawUpstream();
        await using var gateway = await TestGateway.ForwardAsync(upstream.Url, "limits: { requests: 1, queue: 0 }");
        using var client = await RawPeer.ConnectAsync(gateway.Address);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        using (var endpoint = await upstream.AcceptAsync())
        {
            await endpoint.ReadHeadAsync();
            await endpoint.SendAsync("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
            await client.ReadHeadAsync();
            using var second = await AskAsync(gateway);
            Assert.StartsWith("HTTP/1.1 503 ", await second.ReadToAsync("}"), StringComparison.Ordinal);
            client.ShutdownSend();
        }

        await TakenAsync(gateway, 0);
    }

    [Fact]
    public async Task A_reload_that_raises_the_limit_admits_who_waits()
    {
        using var upstream = new RawUpstream();
        var yaml = (int requests) => $$"""
            listeners: { web: { address: "127.0.0.1:0" } }
            upstreams: { app: { endpoints: [ "{{upstream.Url}}" ], limits: { requests: {{requests}} } } }
            routes: { all: { match: { path: "/**" }, to: app } }
            """;
        await using var gateway = await TestGateway.StartAsync(yaml(1));
        using var first = await AskAsync(gateway);
        using var endpoint = await upstream.AcceptAsync();
        using var second = await AskAsync(gateway);
        await QueuedAsync(gateway, 1);
        await gateway.ApplyAsync(yaml(2));
        using var other = await upstream.AcceptAsync();
        await other.ReadHeadAsync();
        Assert.Equal((2, 0), (Upstream(gateway).Admission.Taken, Upstream(gateway).Admission.Waiting));
    }

    [Fact]
    public async Task Connections_of_layer_4_wait_too()
    {
        using var upstream = new RawUpstream();
        await using var gateway = await TestGateway.StartAsync($$"""
            listeners: { db: { address: "127.0.0.1:0", tcp: { to: app } } }
            upstreams: { app: { endpoints: [ "{{upstream.Url.Replace("http", "tcp", StringComparison.Ordinal)}}" ], limits: { connections: 1, queue: 1 } } }
            """);
        using var first = await RawPeer.ConnectAsync(gateway.AddressOf("db"));
        var endpoint = await upstream.AcceptAsync();
        using var second = await RawPeer.ConnectAsync(gateway.AddressOf("db"));
        await QueuedAsync(gateway, 1);
        using var third = await RawPeer.ConnectAsync(gateway.AddressOf("db"));
        Assert.Equal("", await third.ReadToEndAsync());
        Assert.Contains("upstream/queue-full", (await gateway.LogAsync(1))[0], StringComparison.Ordinal);

        endpoint.Dispose();
        first.Dispose();
        using var next = await upstream.AcceptAsync();
        await second.SendAsync("hello\n");
        Assert.Equal("hello\n", await next.ReadToAsync("\n"));
    }

    [Theory]
    [InlineData("limits: {}", "http", "upstreams.app.limits: nothing is limited; write 'requests', 'connections' or both")]
    [InlineData("limits: { requests: 0 }", "http", "upstreams.app.limits.requests: 0 is not allowed; 1 to 1000000")]
    [InlineData("limits: { requests: 5 }", "tcp", "upstreams.app.limits.requests: tcp knows no requests; write 'connections'")]
    [InlineData("limits: { connections: 5 }", "udp", "upstreams.app.limits: udp has neither connections nor requests; limit the sessions of its listener with 'limits.connections'")]
    public void A_limit_that_cannot_be_is_a_problem(string limits, string scheme, string problem)
    {
        var (_, problems) = TestGateway.Plan($$"""upstreams: { app: { endpoints: [ "{{scheme}}://127.0.0.1:9" ], {{limits}} } }""");
        Assert.Contains(problems, one => one.ToString().Contains(problem, StringComparison.Ordinal));
    }

    private static UpstreamState Upstream(TestGateway gateway) => gateway.State.Upstreams["app"];

    private static Task QueuedAsync(TestGateway gateway, int count) => Waiting.UntilAsync(() => Upstream(gateway).Admission.Waiting == count);

    private static Task TakenAsync(TestGateway gateway, int count) => Waiting.UntilAsync(() => Upstream(gateway).Admission.Taken == count);

    private static async Task<RawPeer> AskAsync(TestGateway gateway)
    {
        var client = await RawPeer.ConnectAsync(gateway.Address);
        await client.SendAsync(Get);
        return client;
    }
}
