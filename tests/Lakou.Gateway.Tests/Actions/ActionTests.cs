using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Actions;

public sealed class ActionTests
{
    [Theory]
    [InlineData("/new/{rest}", "/old/a%20b?x=1&y", "/new/a%20b?x=1&y")]
    [InlineData("/new/{rest}?z=1", "/old/a?x=1", "/new/a?z=1")]
    [InlineData("/new{query}", "/old/a?x=1", "/new?x=1")]
    [InlineData("/new?q={rest}", "/old/a&b=1+c", "/new?q=a%26b%3D1%2Bc")]
    [InlineData("/new?q={rest}{query}", "/old/a?x=1", "/new?q=a&x=1")]
    [InlineData("/login?to={path}", "/old/a%20b", "/login?to=%2Fold%2Fa%2520b")]
    [InlineData("https://{host}{path}", "/old/a?x", "https://example.org/old/a?x")]
    [InlineData("/{rest}", "/old//evil.example/x", "/evil.example/x")]
    [InlineData("/{rest}", "/old/%5Cevil", null)]
    [InlineData("/{rest}", "/old/%09/evil", null)]
    public async Task A_redirect_keeps_the_query_and_never_leaves_the_host_by_accident(string to, string target, string? location)
    {
        await using var gateway = await TestGateway.StartAsync($$"""
            listeners: { web: { address: "127.0.0.1:0", slashes: keep } }
            routes: { old: { match: { path: "/old/{**rest}" }, redirect: { to: "{{to}}", status: 301 } } }
            """);
        using var client = await RawPeer.ConnectAsync(gateway.Address);
        await client.SendAsync($"GET {target} HTTP/1.1\r\nHost: example.org\r\n\r\n");
        var head = await client.ReadHeadAsync();
        if (location is null)
        {
            Assert.StartsWith("HTTP/1.1 400 ", head, StringComparison.Ordinal);
        }
        else
        {
            Assert.StartsWith("HTTP/1.1 301 ", head, StringComparison.Ordinal);
            Assert.Contains($"\r\nLocation: {location}\r\n", head, StringComparison.Ordinal);
            Assert.Contains("\r\nContent-Length: 0\r\n", head, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("//evil.example")]
    [InlineData("/\\\\evil.example")]
    [InlineData("javascript:alert(1)")]
    [InlineData("/a b")]
    [InlineData("/é")]
    [InlineData("/{unknown}")]
    public void A_redirect_that_is_no_address_is_a_problem(string to)
    {
        var (_, problems) = TestGateway.Plan($$"""
            routes: { old: { match: { path: "/old" }, redirect: "{{to}}" } }
            """);
        Assert.Single(problems);
    }

    [Theory]
    [InlineData("GET", "hello")]
    [InlineData("POST", "hello")]
    [InlineData("HEAD", "")]
    public async Task A_response_given_here_has_its_body_except_for_HEAD(string method, string body)
    {
        await using var gateway = await TestGateway.StartAsync("""
            routes: { hi: { match: { path: "/hi" }, respond: { status: 203, body: hello, content-type: text/x, headers: { X-A: b } } } }
            """);
        using var client = await RawPeer.ConnectAsync(gateway.Address);
        await client.SendAsync($"{method} /hi HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        var head = await client.ReadHeadAsync();
        Assert.StartsWith("HTTP/1.1 203 ", head, StringComparison.Ordinal);
        Assert.Contains("\r\nContent-Length: 5\r\n", head, StringComparison.Ordinal);
        Assert.Contains("\r\nContent-Type: text/x\r\n", head, StringComparison.Ordinal);
        Assert.Contains("\r\nX-A: b\r\n", head, StringComparison.Ordinal);
        Assert.Equal(body, await client.ReadToEndAsync());
        Assert.Contains($"\"bytes_out\":{body.Length}", (await gateway.LogAsync(1))[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(204)]
    [InlineData(304)]
    public async Task A_response_without_content_says_nothing_of_it(int status)
    {
        await using var gateway = await TestGateway.StartAsync($$"""
            routes: { hi: { match: { path: "/hi" }, respond: { status: {{status}} } } }
            """);
        using var client = await RawPeer.ConnectAsync(gateway.Address);
        await client.SendAsync("GET /hi HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        var head = await client.ReadHeadAsync();
        Assert.StartsWith($"HTTP/1.1 {status} ", head, StringComparison.Ordinal);
        Assert.DoesNotContain("Content-", head, StringComparison.Ordinal);
        Assert.Equal("", await client.ReadToEndAsync());
    }

    [Fact]
    public async Task Targets_share_requests_by_weight_and_0_gets_none()
    {
        using var one = new RawUpstream().Answer("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
        using var two = new RawUpstream().Answer("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2");
        using var none = new RawUpstream().Answer("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n0");
        await using var gateway = await TestGateway.StartAsync($$"""
            upstreams: { one: { endpoints: [ "{{one.Url}}" ] }, two: { endpoints: [ "{{two.Url}}" ] }, none: { endpoints: [ "{{none.Url}}" ] } }
            routes: { all: { match: { path: "/**" }, to: [ { upstream: none, weight: 0 }, { upstream: one, weight: 3 }, { upstream: two } ] } }
            """);
        using var client = await RawPeer.ConnectAsync(gateway.Address);
        var served = "";
        for (var i = 0; i < 400; i++)
        {
            await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            await client.ReadHeadAsync();
            served += await client.ReadAsync(1);
        }

        // 300 expected; 6 standard deviations of sqrt(400 * 3/4 * 1/4) are 52.
        Assert.InRange(served.Count(c => c == '1'), 248, 352);
        Assert.DoesNotContain('0', served);
    }
}
