using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Filters;

/// <summary>Each filter by what endpoint and client see of it.</summary>
public sealed class FilterTests
{
    [Theory]
    [InlineData("", "X-Request-Id: abc-1_2.3:4=5\r\n", "abc-1_2.3:4=5")]
    [InlineData("accept: false", "X-Request-Id: abc\r\n", null)]
    [InlineData("", "", null)]
    [InlineData("", "X-Request-Id: a b\r\n", null)]
    [InlineData("", "X-Request-Id: \r\n", null)]
    [InlineData("", "X-Request-Id: a\r\nX-Request-Id: b\r\n", null)]
    [InlineData("", "X-Request-Id: {\"log\":1}\r\n", null)]
    public async Task A_request_id_is_kept_when_it_is_harmless_and_else_made(string options, string sent, string? kept)
    {
        await using var passage = await Passage.OpenAsync(route: $"filters: {{ request-id: {{ {options} }} }}");
        var (client, endpoint, head) = await passage.SendAsync($"GET / HTTP/1.1\r\nHost: a\r\n{sent}\r\n");
        var id = LineOf(head, "X-Request-Id");
        Assert.Matches(kept is null ? "^[0-9a-f]{32}$" : $"^{kept}$", id);
        await endpoint.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Request-Id: endpoints-own\r\n\r\n");
        Assert.Equal(id, LineOf(await client.ReadHeadAsync(), "X-Request-Id"));
        Assert.Contains($"\"request_id\":\"{id}\"", (await passage.Gateway.LogAsync(1))[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_id_of_129_characters_is_too_long()
    {
        await using var passage = await Passage.OpenAsync(route: "filters: { request-id: {} }");
        Assert.Equal(32, LineOf(await passage.HeadOfAsync($"X-Request-Id: {new string('a', 129)}\r\n"), "X-Request-Id").Length);
        Assert.Equal(128, LineOf(await passage.HeadOfAsync($"X-Request-Id: {new string('a', 128)}\r\n"), "X-Request-Id").Length);
    }

    [Fact]
    public async Task A_request_id_may_have_another_header_and_stay_inside_and_is_in_faults()
    {
        await using var passage = await Passage.OpenAsync(route: "filters: { request-id: { header: Correlation_Id, respond: false } }");
        var (client, endpoint, head) = await passage.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        var id = LineOf(head, "Correlation_Id");
        endpoint.ShutdownSend();
        var answer = await client.ReadHeadAsync();
        Assert.DoesNotContain("Correlation_Id", answer, StringComparison.Ordinal);
        Assert.Contains(id, await client.ReadAsync(int.Parse(LineOf(answer, "Content-Length"))), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/api", "/api", "/")]
    [InlineData("/api", "/api/", "/")]
    [InlineData("/api", "/api/x?y=/api/", "/x?y=/api/")]
    [InlineData("/api", "/api?x", "/?x")]
    [InlineData("/api", "/apix", "/apix")]
    [InlineData("/api", "/x/api", "/x/api")]
    [InlineData("/api", "/%61pi/x", "/x")]
    [InlineData("/a/b", "/a/b/c", "/c")]
    [InlineData("/a b", "/a%20b/c", "/c")]
    [InlineData("/é", "/%C3%A9/c", "/c")]
    public async Task A_prefix_is_stripped_in_whole_segments(string prefix, string target, string forwarded)
    {
        await using var passage = await Passage.OpenAsync(route: $"filters: {{ strip-prefix: \"{prefix}\" }}");
        Assert.StartsWith($"GET {forwarded} HTTP/1.1\r\n", await passage.HeadOfAsync("", target), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/v2/{rest}", "/items/a/b?q=1", "/v2/a/b?q=1")]
    [InlineData("/v2/{rest}", "/items/a%20b%3Fc/%25d", "/v2/a%20b%3Fc/%25d")]
    [InlineData("/v2/{rest}", "/items/%C3%A9", "/v2/%C3%A9")]
    [InlineData("/fixed", "/items/x?q", "/fixed?q")]
    [InlineData("/old{path}", "/items/a%20b", "/old/items/a%20b")]
    public async Task A_path_is_rewritten_from_captures_encoded_again(string template, string target, string forwarded)
    {
        using var upstream = new RawUpstream();
        await using var gateway = await TestGateway.StartAsync($$"""
            upstreams: { app: { endpoints: [ "{{upstream.Url}}" ] } }
            routes: { all: { match: { path: "/items/{**rest}" }, to: app, filters: { rewrite: "{{template}}" } } }
            """);
        using var client = await RawPeer.ConnectAsync(gateway.Address);
        await client.SendAsync($"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        using var endpoint = await upstream.AcceptAsync();
        Assert.StartsWith($"GET {forwarded} HTTP/1.1\r\n", await endpoint.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/v2/{nothing}")]
    [InlineData("/a b")]
    [InlineData("/a\\nb")]
    [InlineData("/a{query}")]
    [InlineData("v2")]
    public void A_rewrite_that_would_not_be_a_path_is_a_problem(string template)
    {
        var (_, problems) = TestGateway.Plan($$"""
            upstreams: { app: { endpoints: [ "http://127.0.0.1:1" ] } }
            routes: { all: { match: { path: "/**" }, to: app, filters: { rewrite: "{{template}}" } } }
            """);
        Assert.Single(problems);
    }

    [Fact]
    public async Task Headers_are_removed_then_set_then_added_on_both_messages()
    {
        await using var passage = await Passage.OpenAsync(route: """
            filters: { headers: {
              request: { remove: [ X-Gone, X-Back ], set: { X-Set: "new", X-Back: again }, add: { X-Many: third, Under_Score: kept } },
              response: { remove: [ Server ], set: { X-Frame-Options: DENY }, add: { Set-Cookie: c=3 } } } }
            """.ReplaceLineEndings(" "));
        var (client, endpoint, head) = await passage.SendAsync(
            "GET / HTTP/1.1\r\nHost: a\r\nX-Gone: 1\r\nX-Set: 1\r\nX-Many: first\r\nX-Set: 2\r\nX-Many: second\r\nX-Back: 1\r\nx-gone: 2\r\n\r\n");
        Assert.DoesNotContain("X-Gone", head, StringComparison.OrdinalIgnoreCase);
        Assert.Equal("new", LineOf(head, "X-Set"));
        Assert.Equal("again", LineOf(head, "X-Back"));
        Assert.Equal("kept", LineOf(head, "Under_Score"));
        Assert.Equal(["first", "second", "third"], LinesOf(head, "X-Many"));
        await endpoint.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nServer: x\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n");
        var answer = await client.ReadHeadAsync();
        Assert.DoesNotContain("Server", answer, StringComparison.Ordinal);
        Assert.Equal("DENY", LineOf(answer, "X-Frame-Options"));
        Assert.Equal(["a=1", "b=2", "c=3"], LinesOf(answer, "Set-Cookie"));
    }

    [Fact]
    public async Task Headers_of_responses_are_edited_on_faults_too()
    {
        await using var passage = await Passage.OpenAsync(route: "filters: { headers: { response: { set: { X-Frame-Options: DENY } } } }");
        var client = await passage.AnswerAsync("", close: true);
        var answer = await client.ReadHeadAsync();
        Assert.StartsWith("HTTP/1.1 502 ", answer, StringComparison.Ordinal);
        Assert.Equal("DENY", LineOf(answer, "X-Frame-Options"));
    }

    [Theory]
    [InlineData("request: { set: { Content-Length: \"1\" } }")]
    [InlineData("request: { remove: [ Transfer-Encoding ] }")]
    [InlineData("request: { set: { Host: evil } }")]
    [InlineData("request: { set: { X-Forwarded-For: 1.2.3.4 } }")]
    [InlineData("request: { add: { Via: x } }")]
    [InlineData("response: { add: { Connection: close } }")]
    [InlineData("response: { set: { X-A: \"a\\r\\nX-B: b\" } }")]
    [InlineData("response: { set: { X-A: \"a\\u0001\" } }")]
    [InlineData("response: { set: { X-A: \"\\u4e2d\" } }")]
    [InlineData("response: { set: { \"X A\": b } }")]
    public void Headers_that_cannot_be_edited_are_a_problem(string edit)
    {
        var (_, problems) = TestGateway.Plan($$"""
            upstreams: { app: { endpoints: [ "http://127.0.0.1:1" ] } }
            routes: { all: { match: { path: "/**" }, to: app, filters: { headers: { {{edit}} } } } }
            """);
        Assert.Single(problems);
    }

    [Theory]
    [InlineData("Content-Length: 11\r\n\r\n", false)]
    [InlineData("Content-Length: 11\r\nExpect: 100-continue\r\n\r\n", false)]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n6\r\n123456\r\n5\r\n78901\r\n0\r\n\r\n", true)]
    public async Task A_body_over_the_routes_limit_is_413(string rest, bool reachesEndpoint)
    {
        await using var passage = await Passage.OpenAsync(route: "filters: { body-limit: 10B }");
        var client = await passage.ClientAsync();
        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\n" + rest);
        Assert.StartsWith("HTTP/1.1 413 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        Assert.Equal("http/body-too-large", await passage.FaultAsync());
        Assert.Equal(reachesEndpoint, (await passage.Gateway.LogAsync(1))[0].Contains("\"attempts\":1", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Content-Length: 10\r\n\r\n1234567890")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\na\r\n1234567890\r\n0\r\n\r\n")]
    public async Task A_body_at_the_routes_limit_passes_even_above_the_listeners(string rest)
    {
        await using var passage = await Passage.OpenAsync(route: "filters: { body-limit: { size: 10B } }", listener: "limits: { body: 5B }");
        var (_, endpoint, head) = await passage.SendAsync("POST / HTTP/1.1\r\nHost: a\r\n" + rest);
        Assert.Equal("1234567890", head.Contains("chunked", StringComparison.Ordinal) ? (await endpoint.ReadChunkedAsync()).Body : await endpoint.ReadAsync(10));
    }

    [Fact]
    public async Task Filters_run_by_phase_whatever_the_order_of_writing()
    {
        // The rewrite comes after the prefix is gone, and headers see the id that was made first.
        using var upstream = new RawUpstream();
        foreach (var filters in new[]
        {
            "headers: { request: { remove: [ X-Request-Id ] } }, request-id: {}, timeout: 5s, strip-prefix: /a",
            "strip-prefix: /a, timeout: 5s, request-id: {}, headers: { request: { remove: [ X-Request-Id ] } }",
        })
        {
            await using var gateway = await TestGateway.ForwardAsync(upstream.Url, route: $"filters: {{ {filters} }}");
            using var client = await RawPeer.ConnectAsync(gateway.Address);
            await client.SendAsync("GET /a/b HTTP/1.1\r\nHost: a\r\n\r\n");
            using var endpoint = await upstream.AcceptAsync();
            var head = await endpoint.ReadHeadAsync();
            Assert.StartsWith("GET /b ", head, StringComparison.Ordinal);
            Assert.DoesNotContain("X-Request-Id", head, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_route_inherits_common_filters_replaces_them_or_switches_them_off()
    {
        using var upstream = new RawUpstream().Serve(async peer =>
        {
            while (true)
            {
                var head = await peer.ReadHeadAsync();
                await peer.SendAsync($"HTTP/1.1 200 OK\r\nContent-Length: {head.Length}\r\n\r\n{head}");
            }
        });
        await using var gateway = await TestGateway.StartAsync($$"""
            upstreams: { app: { endpoints: [ "{{upstream.Url}}" ] } }
            filters: { headers: { request: { set: { X-From: common } } }, request-id: {} }
            routes:
              inherits: { match: { path: "/inherits" }, to: app }
              replaces: { match: { path: "/replaces" }, to: app, filters: { headers: { request: { set: { X-Own: "1" } } } } }
              off: { match: { path: "/off" }, to: app, filters: { headers: false, request-id: false } }
            """);
        using var client = await RawPeer.ConnectAsync(gateway.Address);
        Assert.Equal("common", LineOf(await AskAsync("/inherits"), "X-From"));
        var replaced = await AskAsync("/replaces");
        Assert.Equal("1", LineOf(replaced, "X-Own"));
        Assert.DoesNotContain("X-From", replaced, StringComparison.Ordinal);
        Assert.Contains("X-Request-Id", replaced, StringComparison.Ordinal);
        var off = await AskAsync("/off");
        Assert.DoesNotContain("X-From", off, StringComparison.Ordinal);
        Assert.DoesNotContain("X-Request-Id", off, StringComparison.Ordinal);

        async Task<string> AskAsync(string path)
        {
            await client.SendAsync($"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
            return await client.ReadAsync(int.Parse(LineOf(await client.ReadHeadAsync(), "Content-Length")));
        }
    }

    private static string LineOf(string head, string name) => Assert.Single(LinesOf(head, name));

    private static string[] LinesOf(string head, string name) =>
        [.. head.Split("\r\n").Where(line => line.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase)).Select(line => line[(name.Length + 1)..].Trim())];
}
