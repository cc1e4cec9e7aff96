using System.Net;
using Lakou.Gateway.Tests.Harness;
using Lakou.Gateway.Tests.Observation;
using Lakou.Gateway.Upstreams;
using Lakou.Gateway.Upstreams.Balancing;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Gateway.Tests.Upstreams.Balancing;

/// <summary>Over sockets, from the first request of a client to its endpoint's end.</summary>
public sealed class StickyTests
{
    private const string Key = "balance: round-robin, sticky: { cookie: lakou, key: 0123456789abcdef }";

    private static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_client_stays_with_its_first_endpoint()
    {
        await using var world = await HttpWorld.OpenAsync(3, Key);
        for (var client = 0; client < 3; client++)
        {
            var (_, served, cookie) = await world.AskAsync();
            Assert.Equal($"{client}", served);
            Assert.Matches("^lakou=[A-Za-z0-9_-]{43}; Path=/; HttpOnly; SameSite=Lax$", cookie);
            for (var i = 0; i < 5; i++)
            {
                Assert.Equal((200, served, null), await world.AskAsync($"Cookie: a=1; {PairOf(cookie)}\r\n"));
            }
        }
    }

    [Fact]
    public async Task Endpoints_do_not_see_the_cookie_and_see_all_others()
    {
        await using var world = await HttpWorld.OpenAsync(1, Key);
        var pair = PairOf((await world.AskAsync()).SetCookie);
        await world.AskAsync($"Cookie: {pair}\r\nX: y\r\n");
        await world.AskAsync($"Cookie: a=1; {pair}; lakou2=2;b=\"q\"\r\n");
        await world.AskAsync($"Cookie: a=1\r\nCookie: {pair}\r\nCookie: c=3\r\n");
        await world.AskAsync("Cookie: lakou=forged; a=1\r\n");
        Assert.Equal(
            ["", "", "Cookie: a=1; lakou2=2; b=\"q\"", "Cookie: a=1; c=3", "Cookie: a=1"],
            world.Heads.Select(head => string.Join('|', head.Split("\r\n").Where(line => line.StartsWith("Cookie", StringComparison.Ordinal)))));
        Assert.Contains("\r\nX: y\r\n", world.Heads[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Endpoints_see_the_cookie_when_they_are_to()
    {
        await using var world = await HttpWorld.OpenAsync(1, "sticky: { cookie: lakou, forward: true }");
        var pair = PairOf((await world.AskAsync()).SetCookie);
        await world.AskAsync($"Cookie: a=1; {pair}\r\n");
        Assert.Contains($"\r\nCookie: a=1; {pair}\r\n", world.Heads[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_is_the_same_over_http_2()
    {
        await using var world = await HttpWorld.OpenAsync(3, Key);
        using var http = new HttpClient(new SocketsHttpHandler { UseCookies = false });
        using var first = await SendAsync(null);
        var cookie = Assert.Single(first.Headers.GetValues("Set-Cookie"));
        using var again = await SendAsync(cookie);
        Assert.Equal(await first.Content.ReadAsStringAsync(Stop), await again.Content.ReadAsStringAsync(Stop));
        Assert.False(again.Headers.Contains("Set-Cookie"));
        Assert.Contains("ookie: a=1\r\n", world.Heads[1], StringComparison.Ordinal);

        Task<HttpResponseMessage> SendAsync(string? cookie)
        {
            var request = new HttpRequestMessage(HttpMethod.Get, world.Gateway.Uri) { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
            if (cookie is not null)
            {
                request.Headers.Add("Cookie", $"{PairOf(cookie)}; a=1");
            }

            return http.SendAsync(request, Stop);
        }
    }

    [Fact]
    public async Task A_cookie_tells_nothing_of_the_address_and_is_another_for_another_key_or_upstream()
    {
        await using var world = await HttpWorld.OpenAsync(1, Key);
        var pair = PairOf((await world.AskAsync()).SetCookie);
        await using var other = await world.AnotherAsync("sticky: { cookie: lakou, key: fedcba9876543210 }", 0);
        Assert.NotEqual(pair, PairOf((await world.AskAsync(gateway: other)).SetCookie));
        await using var third = await TestGateway.StartAsync($$"""
            upstreams: { other: { endpoints: [ "{{world.UrlOf(0)}}" ], {{Key}} } }
            routes: { all: { match: { path: "/**" }, to: other } }
            """);
        Assert.NotEqual(pair, PairOf((await world.AskAsync(gateway: third)).SetCookie));
    }

    [Fact]
    public async Task With_a_key_other_gateways_and_later_ones_agree()
    {
        await using var world = await HttpWorld.OpenAsync(3, Key);
        var (_, served, cookie) = await world.AskAsync();
        await using var other = await world.AnotherAsync(Key, 2, 1, 0); // another order: round-robin alone would begin with 2
        Assert.Equal((200, served, null), await world.AskAsync($"Cookie: {PairOf(cookie)}\r\n", gateway: other));
    }

    [Theory]
    [InlineData("lakou=")]
    [InlineData("lakou=x")]
    [InlineData("lakou=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("lakou=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")]
    [InlineData("lakou=!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!")]
    [InlineData("lakou=                                           ")]
    [InlineData("lakou=http://127.0.0.1:80")]
    [InlineData("LAKOU=x")]
    public async Task A_forged_cookie_is_ignored_and_replaced(string pair)
    {
        await using var world = await HttpWorld.OpenAsync(2, Key + ", slow-start: 1s");
        Assert.Equal("0", (await world.AskAsync()).Served);
        var (status, served, cookie) = await world.AskAsync($"Cookie: {pair}\r\n");
        Assert.Equal((200, "1"), (status, served)); // its turn
        Assert.StartsWith("lakou=", cookie, StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_changed_cookie_is_taken()
    {
        await using var world = await HttpWorld.OpenAsync(2, "balance: first, sticky: { cookie: lakou, key: 0123456789abcdef, when-gone: reject }");
        var pair = PairOf((await world.AskAsync()).SetCookie);
        for (var i = "lakou=".Length; i < pair.Length - 1; i++) // of the last character some bits count for nothing
        {
            var changed = pair[..i] + (pair[i] == 'A' ? 'B' : 'A') + pair[(i + 1)..];
            Assert.NotNull((await world.AskAsync($"Cookie: {changed}\r\n")).SetCookie);
        }
    }

    [Fact]
    public async Task When_its_endpoint_has_left_a_client_gets_another_and_its_cookie()
    {
        await using var world = await HttpWorld.OpenAsync(3, Key);
        var (_, _, cookie) = await world.AskAsync();
        await world.ApplyAsync(Key, 1, 2);
        var (status, served, next) = await world.AskAsync($"Cookie: {PairOf(cookie)}\r\n");
        Assert.Equal((200, "1"), (status, served));
        Assert.Equal((200, "1", null), await world.AskAsync($"Cookie: {PairOf(next)}\r\n"));

        // The endpoint is back: the old cookie is good again.
        await world.ApplyAsync(Key, 0, 1, 2);
        Assert.Equal((200, "0", null), await world.AskAsync($"Cookie: {PairOf(cookie)}\r\n"));
    }

    [Fact]
    public async Task When_its_endpoint_has_left_a_client_may_be_told_and_begins_anew()
    {
        var reject = Key.Replace(" }", ", when-gone: reject }", StringComparison.Ordinal);
        await using var world = await HttpWorld.OpenAsync(2, reject);
        var (_, _, cookie) = await world.AskAsync();
        await world.ApplyAsync(reject, 1);
        var (status, body, expired) = await world.AskAsync($"Cookie: {PairOf(cookie)}\r\n");
        Assert.Equal(503, status);
        Assert.Contains("upstream/sticky-gone", body, StringComparison.Ordinal);
        Assert.Equal("lakou=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax", expired);
        Assert.Equal("1", (await world.AskAsync()).Served);
        Assert.Contains("lakou_faults_total{code=\"upstream/sticky-gone\"} 1\n", world.Gateway.Metrics(), StringComparison.Ordinal);
    }

    /// <summary>Usable or not is the upstream's affair: here the balancer is told.</summary>
    [Fact]
    public void When_its_endpoint_cannot_be_used_a_client_may_be_told_and_keeps_its_cookie()
    {
        using var world = new BalancerWorld();
        var endpoints = world.Endpoints(1, 0, 1); // one drained, by weight
        EndpointState[] all = [.. endpoints.Select(endpoint => endpoint.State)];
        var exchange = Exchanges.Empty();
        var context = exchange.Http;
        context.Features.Set<IHttpRequestFeature>(new HttpRequestFeature());
        context.Features.Set<IHttpResponseFeature>(new HttpResponseFeature());
        context.Features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(Stream.Null));
        context.Features.Set<IHttpRequestLifetimeFeature>(new HttpRequestLifetimeFeature());
        exchange.FindFeatures();
        exchange.Rules = new([], Gateway.Forwarding.Underscores.Drop);

        var plan = BalancerConformanceTests.Plan("sticky: { cookie: lakou, when-gone: reject }");
        var balancer = IBalancer.Create(plan, [endpoints[0]], all, world.Time);
        Assert.Same(all[0], balancer.Pick(new(exchange)));
        IHeaderDictionary headers = new HeaderDictionary();
        exchange.Stickiness.Cookie!.AddTo(headers);
        context.Request.Headers.Cookie = PairOf(headers.SetCookie);

        // Drained: nobody new, and whoever was here stays.
        exchange.Stickiness = default;
        Assert.Same(all[0], IBalancer.Create(plan, [endpoints[0] with { Weight = 0 }, endpoints[2]], all, world.Time).Pick(new(exchange)));
        Assert.Equal(default, exchange.Stickiness);

        Assert.Null(IBalancer.Create(plan, [endpoints[2]], all, world.Time).Pick(new(exchange)));
        Assert.Equal((null, "upstream/sticky-gone"), (exchange.Stickiness.Cookie, exchange.Stickiness.Fault?.Code.Name));
    }

    [Fact]
    public async Task Without_a_key_cookies_outlive_a_reload()
    {
        const string Sticky = "balance: round-robin, sticky: { cookie: lakou }";
        await using var world = await HttpWorld.OpenAsync(3, Sticky);
        await world.AskAsync();
        var (_, served, cookie) = await world.AskAsync();
        await world.ApplyAsync(Sticky, 2, 1, 0);
        Assert.Equal((200, served, null), await world.AskAsync($"Cookie: {PairOf(cookie)}\r\n"));
    }

    [Theory]
    [InlineData("X-Forwarded-Proto: https\r\n", "", false)]
    [InlineData("X-Forwarded-Proto: https\r\n", ", trusted-proxies: [ 127.0.0.0/8 ]", true)]
    [InlineData("X-Forwarded-Proto: http\r\n", ", trusted-proxies: [ 127.0.0.0/8 ]", false)]
    public async Task It_is_secure_when_the_client_came_by_https(string fields, string listener, bool isSecure)
    {
        await using var world = await HttpWorld.OpenAsync(1, Key.Replace(" }", ", max-age: 1h }", StringComparison.Ordinal), listener: listener);
        Assert.EndsWith("; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax" + (isSecure ? "; Secure" : ""), (await world.AskAsync(fields)).SetCookie, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_is_secure_on_a_listener_with_tls()
    {
        using var endpoint = new RawUpstream().Answer("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n0");
        using var certificates = new Certificates();
        await using var gateway = await TestGateway.StartAsync($$"""
            listeners: { web: { address: "127.0.0.1:0", tls: { certificates: [ {{certificates.Create("localhost")}} ] } } }
            upstreams: { app: { endpoints: [ "{{endpoint.Url}}" ], {{Key}} } }
            routes: { all: { match: { path: "/**" }, to: app } }
            """);
        using var http = new HttpClient(new SocketsHttpHandler { UseCookies = false, SslOptions = new() { RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null } });
        using var answer = await http.GetAsync(new Uri($"https://{gateway.Address}"), Stop);
        Assert.EndsWith("; SameSite=Lax; Secure", Assert.Single(answer.Headers.GetValues("Set-Cookie")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_upgrade_is_sticky_too()
    {
        using var endpoint = new RawUpstream();
        await using var gateway = await TestGateway.StartAsync($$"""
            upstreams: { app: { endpoints: [ "{{endpoint.Url}}" ], {{Key}} } }
            routes: { all: { match: { path: "/**" }, to: app } }
            """);
        using var client = await RawPeer.ConnectAsync(gateway.Address);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        using var peer = await endpoint.AcceptAsync();
        await peer.ReadHeadAsync();
        await peer.SendAsync("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        Assert.Contains("\r\nSet-Cookie: lakou=", await client.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_failed_request_binds_nobody()
    {
        await using var gateway = await TestGateway.ForwardAsync("http://127.0.0.1:1", Key);
        using var client = await RawPeer.ConnectAsync(gateway.Address);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        var head = await client.ReadHeadAsync();
        Assert.StartsWith("HTTP/1.1 502 ", head, StringComparison.Ordinal);
        Assert.DoesNotContain("Set-Cookie", head, StringComparison.Ordinal);
    }

    private static string PairOf(string? setCookie) => setCookie!.Split(';')[0];
}
