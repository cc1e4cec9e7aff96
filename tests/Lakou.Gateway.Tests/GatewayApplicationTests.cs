using System.Text.Json;
using Lakou.Core.Configuration;
using Lakou.Gateway.Filters;
using Lakou.Gateway.Routing;
using Lakou.Gateway.Tests.Harness;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Tests;

public sealed class GatewayApplicationTests
{
    private const string Orders = "routes: { orders: { match: { path: /orders, methods: [GET, PUT] }, respond: { body: fine } } }";

    [Fact]
    public async Task What_no_route_takes_is_a_404_problem()
    {
        await using var gateway = await TestGateway.StartAsync(Orders);
        var (head, body) = await AskAsync(gateway, "GET /nothing HTTP/1.1\r\nHost: a\r\n");
        Assert.StartsWith("HTTP/1.1 404 ", head, StringComparison.Ordinal);
        Assert.Contains("Content-Type: application/problem+json\r\n", head, StringComparison.Ordinal);
        var problem = JsonDocument.Parse(body).RootElement;
        Assert.Equal("urn:lakou:fault:route/not-found", problem.GetProperty("type").GetString());
        Assert.Equal(404, problem.GetProperty("status").GetInt32());
        var line = JsonDocument.Parse(Assert.Single(await gateway.LogAsync(1))).RootElement;
        Assert.Equal("route/not-found", line.GetProperty("fault").GetString());
        Assert.Equal("/nothing", line.GetProperty("path").GetString());
        Assert.Equal(404, line.GetProperty("status").GetInt32());
    }

    [Fact]
    public async Task A_method_that_no_route_takes_is_405_with_those_that_are()
    {
        await using var gateway = await TestGateway.StartAsync(Orders);
        var (head, body) = await AskAsync(gateway, "DELETE /orders HTTP/1.1\r\nHost: a\r\nAccept: text/html,*/*\r\n");
        Assert.StartsWith("HTTP/1.1 405 ", head, StringComparison.Ordinal);
        Assert.Contains("Allow: GET, ", head, StringComparison.Ordinal);
        Assert.Contains("PUT", head, StringComparison.Ordinal);
        Assert.Contains("Content-Type: text/plain; charset=utf-8\r\n", head, StringComparison.Ordinal);
        Assert.StartsWith("405 ", body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CONNECT_is_not_served()
    {
        await using var gateway = await TestGateway.StartAsync(Orders);
        Assert.StartsWith("HTTP/1.1 501 ", (await AskAsync(gateway, "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n")).Head, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("//a//b", "/a/b")]
    [InlineData("/x/%2e%2e/a/%2E/b", "/a/b")]
    [InlineData("/x/../a/./b?q=%2e%2e//", "/a/b?q=%2e%2e//")]
    [InlineData("/%61/b", "/a/b")]
    [InlineData("http://host/a/b", "/a/b")]
    public async Task What_is_matched_is_what_is_forwarded(string target, string forwarded)
    {
        using var upstream = new RawUpstream();
        await using var gateway = await TestGateway.StartAsync($$"""
            upstreams: { app: { endpoints: [ "{{upstream.Url}}" ] } }
            routes: { one: { match: { path: /a/b }, to: app } }
            """);
        using var client = await RawPeer.ConnectAsync(gateway.Address);
        await client.SendAsync($"GET {target} HTTP/1.1\r\nHost: host\r\n\r\n");
        using var endpoint = await upstream.AcceptAsync();
        Assert.StartsWith($"GET {forwarded} HTTP/1.1\r\n", await endpoint.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/a%2fb")]
    [InlineData("/a%5cb")]
    [InlineData("/a%00b")]
    [InlineData("/%c0%af")]
    [InlineData("/%ed%a0%80")]
    [InlineData("/%zz")]
    [InlineData("/%")]
    public async Task A_path_with_two_meanings_is_400_and_reaches_nobody(string path)
    {
        using var upstream = new RawUpstream();
        await using var gateway = await TestGateway.ForwardAsync(upstream.Url);
        Assert.StartsWith("HTTP/1.1 400 ", (await AskAsync(gateway, $"GET {path} HTTP/1.1\r\nHost: a\r\n")).Head, StringComparison.Ordinal);
        Assert.Equal(0, upstream.Accepted);
    }

    [Fact]
    public async Task An_encoded_slash_is_kept_where_the_listener_allows_it()
    {
        using var upstream = new RawUpstream();
        await using var gateway = await TestGateway.ForwardAsync(upstream.Url, listener: "encoded-slashes: keep, slashes: keep");
        using var client = await RawPeer.ConnectAsync(gateway.Address);
        await client.SendAsync("GET //a%2fb HTTP/1.1\r\nHost: a\r\n\r\n");
        using var endpoint = await upstream.AcceptAsync();
        Assert.StartsWith("GET //a%2Fb HTTP/1.1\r\n", await endpoint.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_filter_that_fails_before_the_answer_is_500_and_the_connection_goes_on()
    {
        await using var gateway = await FailingAsync(_ => throw new InvalidOperationException("secret"));
        using var client = await RawPeer.ConnectAsync(gateway.Address);
        for (var i = 0; i < 2; i++)
        {
            await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            Assert.StartsWith("HTTP/1.1 500 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
            var body = await client.ReadToAsync("}\n");
            Assert.Contains("lakou/bug", body, StringComparison.Ordinal);
            Assert.DoesNotContain("secret", body, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_filter_that_fails_within_the_answer_breaks_the_connection()
    {
        await using var gateway = await FailingAsync(async context =>
        {
            await context.Response.Body.WriteAsync("half"u8.ToArray());
            throw new InvalidOperationException("within");
        });
        using var client = await RawPeer.ConnectAsync(gateway.Address);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.DoesNotContain("0\r\n\r\n", await client.ReadToResetAsync(), StringComparison.Ordinal);
        Assert.Contains("\"fault\":\"lakou/bug\"", Assert.Single(await gateway.LogAsync(1)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_outcome_has_its_line_and_is_counted()
    {
        await using var gateway = await TestGateway.StartAsync(Orders);
        await AskAsync(gateway, "GET /orders HTTP/1.1\r\nHost: a\r\n");
        await AskAsync(gateway, "GET /none HTTP/1.1\r\nHost: a\r\n");
        await AskAsync(gateway, "GET /orders HTTP/1.1\r\nHost: a\r\nX : 1\r\n");
        var log = (await gateway.LogAsync(3)).Select(line => JsonDocument.Parse(line).RootElement).ToArray();
        var refused = Assert.Single(log, line => line.GetProperty("status").GetInt32() == 400);
        Assert.Equal("http/bad-field", refused.GetProperty("fault").GetString());
        Assert.Equal("127.0.0.1", refused.GetProperty("client").GetString());
        Assert.Equal("web", refused.GetProperty("listener").GetString());
        var fine = Assert.Single(log, line => line.GetProperty("status").GetInt32() == 200);
        Assert.Equal("orders", fine.GetProperty("route").GetString());
        Assert.Equal(4, fine.GetProperty("bytes_out").GetInt64());
        var metrics = gateway.Metrics();
        Assert.Contains("lakou_requests_total{route=\"orders\",status=\"2xx\"} 1", metrics, StringComparison.Ordinal);
        Assert.Equal(2, metrics.Split('\n').Where(line => line.StartsWith("lakou_requests_total", StringComparison.Ordinal) && line.Contains("4xx", StringComparison.Ordinal)).Sum(line => int.Parse(line.Split(' ')[1])));
    }

    [Fact]
    public async Task The_time_of_a_request_begins_with_its_first_byte()
    {
        var time = new ManualTime();
        await using var gateway = await TestGateway.StartAsync("routes: { all: { match: { path: /** }, respond: { status: 204 } } }", time);
        using var client = await RawPeer.ConnectAsync(gateway.Address);

        // A body behind its head, then a pause: neither belongs to the next request.
        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n");
        await client.ReadHeadAsync();
        await client.SendAsync("body");
        time.Advance(TimeSpan.FromSeconds(3));
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        await client.ReadHeadAsync();
        Assert.All(await gateway.LogAsync(2), line => Assert.Contains("\"head_ms\":0", line, StringComparison.Ordinal));
    }

    private static async Task<TestGateway> FailingAsync(RequestDelegate filter)
    {
        var (plan, _) = TestGateway.Plan("""
            listeners: { web: { address: "127.0.0.1:0" } }
            routes: { all: { match: { path: "/**" }, respond: { body: fine } } }
            """);
        var descriptor = FilterDescriptor.For("failing", FilterPhase.Shaping, "Fails.", Shapes.Flag(), (_, _, _) => filter);
        var gateway = await TestGateway.StartAsync(Orders);
        var failing = plan with { Routes = plan.Routes.ToDictionary(pair => pair.Key, pair => pair.Value with { Filters = [new FilterPlan(descriptor, true)] }) };
        Assert.True(await gateway.State.ApplyAsync(failing, new Problems()));
        return gateway;
    }

    /// <summary>The answer to a request on a connection of its own.</summary>
    private static async Task<(string Head, string Body)> AskAsync(TestGateway gateway, string request)
    {
        using var client = await RawPeer.ConnectAsync(gateway.Address);
        await client.SendAsync(request + "Connection: close\r\n\r\n");
        return (await client.ReadHeadAsync(), await client.ReadToEndAsync());
    }
}
