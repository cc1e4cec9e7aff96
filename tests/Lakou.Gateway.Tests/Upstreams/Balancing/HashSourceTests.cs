using System.Net;
using System.Text;
using Lakou.Gateway.Tests.Harness;
using Lakou.Gateway.Tests.Layer4;

namespace Lakou.Gateway.Tests.Upstreams.Balancing;

/// <summary>Each source of a key, over sockets: a key has one endpoint, several keys have several.</summary>
public sealed class HashSourceTests
{
    private static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("header: X-User", "X-User: {0}\r\n", "/")]
    [InlineData("header: x-user", "x-uSER: {0}\r\nX-User: other\r\n", "/")]
    [InlineData("header: User-Agent", "User-Agent: {0}\r\n", "/")]
    [InlineData("cookie: session", "Cookie: a=1; session={0}; sessions=3\r\n", "/")]
    [InlineData("cookie: session", "Cookie: a=1\r\nCookie: session={0}\r\n", "/")]
    [InlineData("query: user", "", "/?a=1&user={0}&user=x")]
    [InlineData("capture: id", "", "/users/{0}/orders")]
    public async Task A_key_has_one_endpoint(string source, string fields, string target)
    {
        await using var world = await HttpWorld.OpenAsync(4, $"balance: {{ hash: {{ {source} }} }}", source.StartsWith("capture", StringComparison.Ordinal) ? "/users/{id}/**" : "/**");
        var endpoints = new HashSet<string>();
        for (var key = 0; key < 30; key++)
        {
            var (one, two) = (await AskAsync(key), await AskAsync(key));
            Assert.Equal(one, two);
            endpoints.Add(one);
        }

        Assert.Equal(4, endpoints.Count);

        async Task<string> AskAsync(int key)
            => (await world.AskAsync(fields.Replace("{0}", $"u{key}", StringComparison.Ordinal), target.Replace("{0}", $"u{key}", StringComparison.Ordinal))).Served;
    }

    [Theory]
    [InlineData("header: X-User", "")]
    [InlineData("header: X-User", "X-User:\r\n")]
    [InlineData("cookie: session", "")]
    [InlineData("cookie: session", "Cookie: session\r\n")]
    [InlineData("cookie: session", "Cookie: session=\r\n")]
    [InlineData("cookie: session", "Cookie: Session=1; xsession=1; ;=;;\r\n")]
    [InlineData("query: user", "")]
    public async Task Requests_without_the_key_are_spread(string source, string fields)
    {
        await using var world = await HttpWorld.OpenAsync(2, $"balance: {{ hash: {{ {source} }} }}");
        var endpoints = new HashSet<string>();
        for (var i = 0; i < 60 && endpoints.Count < 2; i++)
        {
            endpoints.Add((await world.AskAsync(fields, "/?users=1&User=1&user")).Served);
        }

        Assert.Equal(2, endpoints.Count);
    }

    [Fact]
    public async Task A_key_as_long_as_a_head_may_be_is_a_key()
    {
        await using var world = await HttpWorld.OpenAsync(4, "balance: { hash: { header: X-User } }");
        var fields = $"X-User: {new string('x', 20_000)}\r\n";
        Assert.Equal((await world.AskAsync(fields)).Served, (await world.AskAsync(fields)).Served);
    }

    [Fact]
    public async Task A_key_is_the_same_over_http_1_and_2()
    {
        // Without a bound: an answer over HTTP/2 is here a moment before its request has left the endpoint.
        await using var world = await HttpWorld.OpenAsync(8, "balance: { hash: { header: X-User }, bounded-load: off }");
        using var http = new HttpClient(new SocketsHttpHandler { RequestHeaderEncodingSelector = (_, _) => Encoding.Latin1 });
        for (var key = 0; key < 20; key++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, world.Gateway.Uri) { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
            request.Headers.TryAddWithoutValidation("X-User", $"ü{key}");
            using var answer = await http.SendAsync(request, Stop);
            Assert.Equal(await answer.Content.ReadAsStringAsync(Stop), (await world.AskAsync($"X-User: ü{key}\r\n")).Served);
        }
    }

    [Fact]
    public async Task A_client_has_one_endpoint()
    {
        await using var world = await HttpWorld.OpenAsync(4, "balance: { hash: client-ip }");
        var first = (await world.AskAsync()).Served;
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal(first, (await world.AskAsync($"X-Forwarded-For: 192.0.2.{i}\r\n")).Served); // not from a trusted proxy
        }
    }

    [Fact]
    public async Task Behind_a_trusted_proxy_the_client_is_who_it_says()
    {
        await using var world = await HttpWorld.OpenAsync(4, "balance: { hash: client-ip }", listener: ", trusted-proxies: [ 127.0.0.0/8, 10.0.0.0/8 ]");
        var endpoints = new HashSet<string>();
        for (var i = 0; i < 30; i++)
        {
            var served = (await world.AskAsync($"X-Forwarded-For: 192.0.2.{i}\r\n")).Served;
            Assert.Equal(served, (await world.AskAsync($"X-Forwarded-For: 203.0.113.9, 192.0.2.{i}, 10.1.2.3\r\n")).Served);
            endpoints.Add(served);
        }

        Assert.Equal(4, endpoints.Count);
        Assert.Equal((await world.AskAsync()).Served, (await world.AskAsync("X-Forwarded-For: nonsense\r\n")).Served);
    }

    [Fact]
    public async Task A_client_of_layer_4_has_one_endpoint()
    {
        var served = new int[4];
        RawUpstream[] endpoints = [.. served.Select((_, i) => new RawUpstream().Serve(peer => peer.SendAsync($"{i}")))];
        await using var gateway = await TestGateway.StartAsync($$"""
            listeners: { db: { address: "127.0.0.1:0", tcp: { to: app }, accept-proxy: [ 127.0.0.0/8 ] } }
            upstreams: { app: { balance: { hash: client-ip, bounded-load: off }, endpoints: [ {{string.Join(", ", endpoints.Select(endpoint => $"\"{TcpWorld.Tcp(endpoint)}\""))}} ] } }
            """);
        for (var client = 0; client < 30; client++)
        {
            var one = await AskAsync(client);
            Assert.Equal(one, await AskAsync(client));
            served[int.Parse(one)]++;
        }

        Assert.DoesNotContain(0, served);
        Array.ForEach(endpoints, endpoint => endpoint.Dispose());

        async Task<string> AskAsync(int client)
        {
            using var peer = await RawPeer.ConnectAsync(gateway.AddressOf("db"));
            await peer.SendAsync($"PROXY TCP4 192.0.2.{client} 192.0.2.250 {1000 + client} 80\r\n");
            return await peer.ReadAsync(1);
        }
    }

    [Fact]
    public async Task A_client_of_datagrams_has_one_endpoint()
    {
        using var a = new UdpPeer();
        using var b = new UdpPeer();
        await using var gateway = await TestGateway.StartAsync($$"""
            listeners: { dns: { address: "127.0.0.1:0", udp: { to: app } } }
            upstreams: { app: { balance: { hash: client-ip, bounded-load: off }, endpoints: [ "{{a.Url}}", "{{b.Url}}" ] } }
            """);
        using var first = new UdpPeer();
        await first.SendAsync(gateway.AddressOf("dns"), "x");
        var (one, two) = (a.ReceiveAsync(), b.ReceiveAsync());
        var own = await Task.WhenAny(one, two) == one ? a : b;
        for (var i = 0; i < 10; i++)
        {
            // Another port is another session, and the same client.
            using var client = new UdpPeer();
            await client.SendAsync(gateway.AddressOf("dns"), $"{i}");
            Assert.Equal($"{i}", (await own.ReceiveAsync()).Datagram);
        }

        Assert.False((own == a ? two : one).IsCompleted);
    }
}
