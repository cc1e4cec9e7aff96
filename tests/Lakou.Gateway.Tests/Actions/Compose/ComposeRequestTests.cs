using static Lakou.Gateway.Tests.Actions.Compose.ComposeWorld;

namespace Lakou.Gateway.Tests.Actions.Compose;

/// <summary>What endpoints are asked.</summary>
public sealed class ComposeRequestTests
{
    [Theory]
    [InlineData("/x/{id}", "/page/a%20b", "/x/a%20b")]
    [InlineData("/x/{id}", "/page/a%2520b", "/x/a%2520b")]
    [InlineData("/x/{id}", "/page/a%2Fb", "/x/a%2Fb")]
    [InlineData("/x/{id}/y", "/page/%3fx=1", "/x/%3Fx=1/y")]
    [InlineData("/x/{id}/y", "/page/%23", "/x/%23/y")]
    [InlineData("/x/{id}", "/page/a;b=c&d+e", "/x/a;b=c&d+e")]
    [InlineData("/x/{id}", "/page/%C3%A9", "/x/%C3%A9")]
    [InlineData("/x/{id}", "/page/a?x=1", "/x/a")]
    [InlineData("/x?id={id}", "/page/a%26admin=1", "/x?id=a%26admin%3D1")]
    [InlineData("/x?id={id}", "/page/a&admin=1", "/x?id=a%26admin%3D1")]
    [InlineData("/x?id={id}", "/page/a+b%25", "/x?id=a%2Bb%25")]
    [InlineData("/x?id={id}", "/page/a%2Fb", "/x?id=a%2Fb")]
    [InlineData("/x?id={id}&y=1", "/page/%C3%A9%23", "/x?id=%C3%A9%23&y=1")]
    [InlineData("/x{query}", "/page/a?x=1&y", "/x?x=1&y")]
    [InlineData("/x{query}", "/page/a", "/x")]
    [InlineData("/x?id={id}{query}", "/page/a?x=1&y", "/x?id=a&x=1&y")]
    [InlineData("/x?id={id}{query}", "/page/a", "/x?id=a")]
    [InlineData("/x?id={id}{query}", "/page/a?", "/x?id=a")]
    [InlineData("/x?of={path}", "/page/a&b", "/x?of=%2Fpage%2Fa%26b")]
    [InlineData("/x?of={host}", "/page/a", "/x?of=example.org")]
    public async Task A_capture_stays_where_it_was_put(string path, string target, string asked)
    {
        await using var world = await OpenAsync($"parts: {{ order: {{ to: a, path: '{path}' }} }}", listener: "encoded-slashes: keep");
        await world.AskAsync(target);
        Assert.StartsWith($"GET {asked} HTTP/1.1\r\n", (await world.AskedAsync(world.A)).Head, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/page/%0d%0aX:y")]
    [InlineData("/page/%00")]
    [InlineData("/page/%5c")]
    public async Task What_no_address_may_hold_is_refused_before(string target)
    {
        await using var world = await OpenAsync("parts: { order: { to: a, path: '/x/{id}' } }");
        Assert.Equal(400, (await world.GetAsync(target)).Status);
        Assert.Equal(0, world.A.Accepted);
    }

    [Theory]
    [InlineData("/page/..", 404)]
    [InlineData("/page/%2e%2e", 404)]
    [InlineData("/page/v.", 400)]
    [InlineData("/page/v..", 400)]
    public async Task No_capture_climbs(string target, int status)
    {
        await using var world = await OpenAsync("parts: { order: { to: a, path: '/secret/{id}/x' } }", path: "~^/page/v(?<id>[^/]*)$");
        Assert.Equal(status, (await world.GetAsync(target)).Status);
        Assert.Equal(0, world.A.Accepted);
    }

    [Fact]
    public async Task Of_the_clients_fields_the_chosen_ones_go_along()
    {
        await using var world = await OpenAsync("parts: { order: { to: a, path: / }, stock: { to: b, path: /, headers: [ cookie, X-Tenant ] }, reviews: { to: c, path: /, headers: [] } }");
        await world.AskAsync(fields:
            "Authorization: Bearer x\r\nAccept-Language: ht\r\nAccept-Language: fr\r\nUser-Agent: curl\r\nX-Request-Id: r1\r\nX-Tenant: t\r\nCookie: a=b; c=d\r\nAccept: text/html\r\n" +
            "Accept-Encoding: gzip\r\nRange: bytes=0-1\r\nIf-None-Match: x\r\nConnection: X-Tenant2, keep-alive\r\nX-Tenant2: u\r\nX-Forwarded-For: 6.6.6.6\r\nTE: trailers\r\nProxy-Authorization: x\r\n");
        const string account = "X-Forwarded-For X-Forwarded-Proto X-Forwarded-Host Forwarded Via traceparent";
        var (order, stock, reviews) = ((await world.AskedAsync(world.A)).Head, (await world.AskedAsync(world.B)).Head, (await world.AskedAsync(world.C)).Head);
        Assert.Equal($"Host Accept Accept-Encoding Accept-Language Accept-Language Authorization User-Agent X-Request-Id {account}", NamesOf(order));
        Assert.Equal($"Host Accept Accept-Encoding Cookie X-Tenant {account}", NamesOf(stock));
        Assert.Equal($"Host Accept Accept-Encoding {account}", NamesOf(reviews));
        Assert.Contains("\r\nHost: example.org\r\nAccept: application/json\r\nAccept-Encoding: identity\r\nAccept-Language: ht\r\nAccept-Language: fr\r\nAuthorization: Bearer x\r\n", order, StringComparison.Ordinal);
        Assert.Contains("\r\nCookie: a=b; c=d\r\nX-Tenant: t\r\n", stock, StringComparison.Ordinal);
        Assert.Contains("\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: example.org\r\nForwarded: for=127.0.0.1;host=\"example.org\";proto=http\r\nVia: 1.1 lakou\r\n", reviews, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Host_is_the_endpoints_where_the_upstream_says_so()
    {
        await using var world = await OpenAsync("parts: { order: { to: a, path: / } }", upstream: "host: endpoint");
        await world.AskAsync();
        Assert.Contains($"\r\nHost: {new Uri(world.A.Url).Authority}\r\n", (await world.AskedAsync(world.A)).Head, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cookie_that_chooses_the_endpoint_does_and_goes_no_further()
    {
        await using var world = await OpenAsync("parts: { order: { to: a, path: /, headers: [ Cookie ] } }", upstream: "sticky: { cookie: lakou }");
        var client = await world.AskAsync(fields: "Cookie: x=1; lakou=forged; y=2\r\n");
        var (order, head) = await world.AskedAsync(world.A);
        Assert.Contains("\r\nCookie: x=1; y=2\r\n", head, StringComparison.Ordinal);
        await order.SendAsync(Ok("1"));
        Assert.Null((await ReadAsync(client)).Field("Set-Cookie"));
    }

    [Fact]
    public async Task Each_part_carries_the_trace_of_the_request()
    {
        await using var world = await OpenAsync("parts: { order: { to: a, path: / }, stock: { to: b, path: / } }");
        await world.AskAsync(fields: "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\ntracestate: x=y\r\n");
        var (order, stock) = ((await world.AskedAsync(world.A)).Head, (await world.AskedAsync(world.B)).Head);
        Assert.Contains("\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-", order, StringComparison.Ordinal);
        Assert.Contains("\r\ntracestate: x=y\r\n", order, StringComparison.Ordinal);
        Assert.NotEqual(order[order.IndexOf("traceparent", StringComparison.Ordinal)..], stock[stock.IndexOf("traceparent", StringComparison.Ordinal)..]);
    }

    private static string NamesOf(string head) => string.Join(' ', head.Split("\r\n")[1..^2].Select(line => line[..line.IndexOf(':', StringComparison.Ordinal)]));
}
