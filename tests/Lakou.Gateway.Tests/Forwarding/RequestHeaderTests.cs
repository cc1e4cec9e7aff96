using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Forwarding;

/// <summary>What becomes of a client's fields on their way to the endpoint, and of the endpoint's on their way back.</summary>
public sealed class RequestHeaderTests
{
    [Fact]
    public async Task Fields_of_one_hop_are_not_forwarded()
    {
        await using var passage = await Passage.OpenAsync();
        var head = await passage.HeadOfAsync(
            "Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\nTrailer: X-A\r\nProxy-Authorization: Basic eA==\r\nUpgrade: foo\r\nHTTP2-Settings: AA\r\nX-End: kept\r\n");
        foreach (var name in new[] { "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Proxy-Authorization", "Upgrade", "HTTP2-Settings", "Connection" })
        {
            Assert.DoesNotContain($"\r\n{name}:", head, StringComparison.OrdinalIgnoreCase);
        }

        Assert.Contains("\r\nX-End: kept\r\n", head, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_header_named_by_Connection_is_not_forwarded()
    {
        await using var passage = await Passage.OpenAsync();
        var head = await passage.HeadOfAsync("Connection: x-one , close\r\nX-ONE: 1\r\nConnection: X-Two\r\nX-Two: 2\r\nX-Two: 3\r\nX-Three: 4\r\n");
        Assert.DoesNotContain("X-ONE", head, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("X-Two", head, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("\r\nX-Three: 4\r\n", head, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connection_cannot_take_away_what_the_gateway_says()
    {
        await using var passage = await Passage.OpenAsync(
            route: "filters: { request-id: {}, headers: { request: { set: { X-Secret: s3cret } } } }");
        var (_, endpoint, head) = await passage.SendAsync(
            "POST / HTTP/1.1\r\nHost: example.org\r\nContent-Length: 2\r\nX-Secret: mine\r\n" +
            "Connection: host, content-length, x-forwarded-for, x-forwarded-proto, x-forwarded-host, forwarded, via, traceparent, x-secret, x-request-id\r\n\r\nok");
        foreach (var line in new[] { "Host: example.org", "Content-Length: 2", "X-Forwarded-For: 127.0.0.1", "X-Forwarded-Proto: http", "X-Forwarded-Host: example.org", "Via: 1.1 lakou", "X-Secret: s3cret" })
        {
            Assert.Contains($"\r\n{line}\r\n", head, StringComparison.Ordinal);
        }

        Assert.Contains("\r\ntraceparent: 00-", head, StringComparison.Ordinal);
        Assert.Contains("\r\nX-Request-Id: ", head, StringComparison.Ordinal);
        Assert.Equal("ok", await endpoint.ReadAsync(2));
    }

    [Fact]
    public async Task Lines_of_one_name_stay_apart_and_in_order()
    {
        await using var passage = await Passage.OpenAsync();
        var head = await passage.HeadOfAsync("X-B: 1\r\nx-a: 2\r\nX-b: 3\r\nCookie: a=1\r\nX-Empty:\r\nCookie: b=2\r\n");
        Assert.Contains("\r\nX-B: 1\r\nx-a: 2\r\nX-b: 3\r\nCookie: a=1\r\nX-Empty: \r\nCookie: b=2\r\n", head, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bytes_beyond_ASCII_are_kept_both_ways()
    {
        await using var passage = await Passage.OpenAsync();
        var bytes = string.Concat(Enumerable.Range(0x80, 0x80).Select(code => (char)code));
        var (client, endpoint, head) = await passage.SendAsync($"GET / HTTP/1.1\r\nHost: a\r\nX-Bytes: {bytes}\r\n\r\n");
        Assert.Contains($"\r\nX-Bytes: {bytes}\r\n", head, StringComparison.Ordinal);
        await endpoint.SendAsync($"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Bytes: {bytes}\r\n\r\n");
        Assert.Contains($"\r\nX-Bytes: {bytes}\r\n", await client.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("underscores: drop", false)]
    [InlineData("underscores: keep", true)]
    public async Task Names_with_underscores_are_dropped_unless_the_listener_keeps_them(string listener, bool kept)
    {
        await using var passage = await Passage.OpenAsync(listener: listener);
        var head = await passage.HeadOfAsync("X_Forwarded_For: 1.2.3.4\r\nA_b: 1\r\n");
        Assert.Equal(kept, head.Contains("\r\nA_b: 1\r\n", StringComparison.Ordinal));
        Assert.Equal(kept, head.Contains("X_Forwarded_For", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Host_is_the_clients_by_default()
    {
        await using var passage = await Passage.OpenAsync();
        Assert.Contains("\r\nHost: example.org\r\n", await passage.HeadOfAsync(""), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Host_may_be_the_endpoints_and_the_clients_is_then_forwarded()
    {
        await using var passage = await Passage.OpenAsync(upstream: "host: endpoint");
        var head = await passage.HeadOfAsync("");
        Assert.Contains($"\r\nHost: {passage.Upstream.Url["http://".Length..]}\r\n", head, StringComparison.Ordinal);
        Assert.Contains("\r\nX-Forwarded-Host: example.org\r\n", head, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_target_in_absolute_form_is_forwarded_in_origin_form()
    {
        await using var passage = await Passage.OpenAsync();
        Assert.StartsWith("GET /a?b HTTP/1.1\r\nHost: example.org\r\n", await passage.HeadOfAsync("", target: "http://example.org/a?b"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_target_that_was_matched_is_the_one_forwarded()
    {
        await using var passage = await Passage.OpenAsync();
        Assert.StartsWith("GET /a/c%20d?x=%2e%2e HTTP/1.1\r\n", await passage.HeadOfAsync("", target: "/%61/b/..//c%20d?x=%2e%2e"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_untrusted_clients_account_of_itself_is_replaced()
    {
        await using var passage = await Passage.OpenAsync();
        var head = await passage.HeadOfAsync(
            "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\nForwarded: for=6.6.6.6\r\n" +
            "X-Forwarded-Port: 1\r\nX-Forwarded-Prefix: /evil\r\nx-forwarded-ssl: on\r\n");
        Assert.Contains("\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: example.org\r\n", head, StringComparison.Ordinal);
        Assert.Contains("\r\nForwarded: for=127.0.0.1;host=\"example.org\";proto=http\r\n", head, StringComparison.Ordinal);
        Assert.DoesNotContain("evil", head, StringComparison.Ordinal);
        Assert.DoesNotContain("6.6.6.6", head, StringComparison.Ordinal);
        Assert.DoesNotContain("X-Forwarded-Port", head, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("X-Forwarded-Ssl", head, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_trusted_proxys_account_is_continued()
    {
        await using var passage = await Passage.OpenAsync(listener: "trusted-proxies: [ 127.0.0.0/8 ]");
        var head = await passage.HeadOfAsync(
            "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.example\r\nForwarded: for=1.1.1.1\r\nX-Forwarded-Port: 443\r\nX-Forwarded-Prefix: /shop\r\n");
        Assert.Contains("\r\nX-Forwarded-For: 1.1.1.1, 2.2.2.2, 127.0.0.1\r\n", head, StringComparison.Ordinal);
        Assert.Contains("\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.example\r\n", head, StringComparison.Ordinal);
        Assert.Contains("\r\nForwarded: for=1.1.1.1, for=127.0.0.1;host=\"example.org\";proto=http\r\n", head, StringComparison.Ordinal);
        Assert.Contains("\r\nX-Forwarded-Port: 443\r\n", head, StringComparison.Ordinal);
        Assert.Contains("\r\nX-Forwarded-Prefix: /shop\r\n", head, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[::1]:0", "::1", "for=\"[::1]\"")]
    [InlineData("[::]:0", "127.0.0.1", "for=127.0.0.1;")]
    public async Task Addresses_of_IPv6_are_quoted_and_mapped_ones_are_IPv4(string address, string peer, string element)
    {
        using var upstream = new RawUpstream();
        await using var gateway = await TestGateway.StartAsync($$"""
            listeners: { web: { address: "{{address}}" } }
            upstreams: { app: { endpoints: [ "{{upstream.Url}}" ] } }
            routes: { all: { match: { path: "/**" }, to: app } }
            """);
        using var client = await RawPeer.ConnectAsync(new System.Net.IPEndPoint(System.Net.IPAddress.Parse(peer), gateway.Address.Port));
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        using var endpoint = await upstream.AcceptAsync();
        var head = await endpoint.ReadHeadAsync();
        Assert.Contains($"\r\nX-Forwarded-For: {peer}\r\n", head, StringComparison.Ordinal);
        Assert.Contains(element, head, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Via_grows_by_this_hop()
    {
        await using var passage = await Passage.OpenAsync();
        Assert.Contains("\r\nVia: 1.0 fred, 2 barney, 1.1 lakou\r\n", await passage.HeadOfAsync("Via: 1.0 fred\r\nVia: 2 barney\r\n"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_trace_is_passed_on_under_a_span_of_our_own()
    {
        await using var passage = await Passage.OpenAsync();
        var head = await passage.HeadOfAsync("traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\ntracestate: a=1\r\ntracestate: b=2\r\n");
        Assert.Matches("\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-(?!00f067aa0ba902b7)[0-9a-f]{16}-01\r\n", head);
        Assert.Contains("\r\ntracestate: a=1,b=2\r\n", head, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("traceparent: nonsense\r\ntracestate: a=1\r\n")]
    public async Task A_trace_is_begun_where_there_is_none(string fields)
    {
        await using var passage = await Passage.OpenAsync();
        var head = await passage.HeadOfAsync(fields);
        Assert.Matches("\r\ntraceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]\r\n", head);
        Assert.DoesNotContain("tracestate", head, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Fields_of_the_endpoints_hop_do_not_reach_the_client()
    {
        await using var passage = await Passage.OpenAsync();
        var client = await passage.AnswerAsync(
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: X-Hop, Content-Length\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: x\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\n" +
            "Set-Cookie: a=1\r\nX-Kept: 1\r\nset-cookie: b=2\r\n\r\nok");
        var head = await client.ReadHeadAsync();
        foreach (var name in new[] { "X-Hop", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Upgrade", "Connection" })
        {
            Assert.DoesNotContain($"\r\n{name}:", head, StringComparison.OrdinalIgnoreCase);
        }

        Assert.Contains("\r\nContent-Length: 2\r\n", head, StringComparison.Ordinal);
        Assert.Contains("\r\nSet-Cookie: a=1\r\nX-Kept: 1\r\nset-cookie: b=2\r\n", head, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Date_and_Server_are_the_endpoints()
    {
        await using var passage = await Passage.OpenAsync();
        var client = await passage.AnswerAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nDate: Tue, 15 Nov 1994 08:12:31 GMT\r\nServer: old\r\n\r\n");
        var head = await client.ReadHeadAsync();
        Assert.Contains("\r\nDate: Tue, 15 Nov 1994 08:12:31 GMT\r\nServer: old\r\n", head, StringComparison.Ordinal);
        Assert.Single(System.Text.RegularExpressions.Regex.Matches(head, "Date:", default, TimeSpan.FromSeconds(1)));
    }
}
