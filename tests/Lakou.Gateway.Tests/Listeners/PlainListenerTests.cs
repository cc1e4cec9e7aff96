using System.Net;
using System.Net.Sockets;
using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Listeners;

public sealed class PlainListenerTests
{
    private const string Hello = "routes: { hello: { match: { path: \"/**\" }, respond: { body: hello } } }";

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task HTTP_1_1_and_HTTP_2_share_a_port(string version)
    {
        await using var gateway = await TestGateway.StartAsync(Hello);
        using var client = new HttpClient { DefaultRequestVersion = new Version(version), DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact, BaseAddress = gateway.Uri };
        for (var i = 0; i < 3; i++)
        {
            using var answer = await client.GetAsync("/", TestContext.Current.CancellationToken);
            Assert.Equal(new Version(version), answer.Version);
            Assert.Equal("hello", await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        }
    }

    [Fact]
    public async Task A_preface_may_come_byte_by_byte()
    {
        await using var gateway = await TestGateway.StartAsync(Hello);
        using var peer = new Http2Peer(await RawPeer.ConnectAsync(gateway.Address));
        foreach (var octet in Http2Peer.Preface + "\0\0\0\x04\0\0\0\0\0")
        {
            await peer.Peer.SendAsync(octet.ToString());
        }

        await peer.GetAsync(1);
        Assert.Equal(200, await peer.ReadStatusAsync());
        Assert.Equal(100u, peer.ServerSettings[3]);
    }

    [Theory]
    [InlineData("PROPFIND")]
    [InlineData("PUT")]
    [InlineData("PATCH")]
    [InlineData("P")]
    [InlineData("PRI")]
    public async Task Methods_that_begin_like_the_preface_are_methods(string method)
    {
        await using var gateway = await TestGateway.StartAsync(Hello);
        using var peer = await RawPeer.ConnectAsync(gateway.Address);
        foreach (var octet in $"{method} / HTTP/1.1\r\nHost: a\r\n\r\n")
        {
            await peer.SendAsync(octet.ToString());
        }

        Assert.StartsWith("HTTP/1.1 200 ", await peer.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_preface_followed_by_rubbish_ends_the_connection()
    {
        await using var gateway = await TestGateway.StartAsync(Hello);
        using var peer = await RawPeer.ConnectAsync(gateway.Address);
        await peer.SendAsync("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n");
        Assert.DoesNotContain("HTTP/1.1 200", await peer.ReadToEndAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_listener_serves_only_its_protocols()
    {
        await using var gateway = await TestGateway.StartAsync("""
            listeners:
              one: { address: "127.0.0.1:0", protocols: [http1] }
              two: { address: "127.0.0.1:0", protocols: [http2] }
            """ + "\n" + Hello);
        using var one = await RawPeer.ConnectAsync(gateway.AddressOf("one"));
        await one.SendAsync(Http2Peer.Preface);
        Assert.StartsWith("HTTP/1.1 505 ", await one.ReadHeadAsync(), StringComparison.Ordinal);
        using var two = await RawPeer.ConnectAsync(gateway.AddressOf("two"));
        await two.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.DoesNotContain("HTTP/1.1 200", await two.ReadToEndAsync(), StringComparison.Ordinal);
        using var both = await Http2Peer.ConnectAsync(gateway.AddressOf("two"));
        await both.GetAsync(1);
        Assert.Equal(200, await both.ReadStatusAsync());
    }

    [Fact]
    public async Task IPv6_dual_mode_and_Unix_sockets_serve()
    {
        var path = Path.Combine(Path.GetTempPath(), $"lakou-{Guid.NewGuid():N}.sock");
        await using var gateway = await TestGateway.StartAsync($$"""
            listeners:
              six: { address: "[::1]:0" }
              all: { address: ":0" }
              file: { address: "unix:{{path}}" }
            {{Hello}}
            """);
        var all = gateway.AddressOf("all");
        foreach (var endPoint in new EndPoint[]
        {
            gateway.AddressOf("six"),
            new IPEndPoint(IPAddress.Loopback, all.Port),
            new IPEndPoint(IPAddress.IPv6Loopback, all.Port),
            new UnixDomainSocketEndPoint(path),
        })
        {
            using var peer = await RawPeer.ConnectAsync(endPoint);
            await peer.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /%00 HTTP/1.1\r\nHost: a\r\n\r\n");
            await peer.ReadHeadAsync();
            Assert.Equal("hello", await peer.ReadAsync(5));
            Assert.StartsWith("HTTP/1.1 400 ", await peer.ReadHeadAsync(), StringComparison.Ordinal);
        }

        var log = await gateway.LogAsync(8);
        Assert.DoesNotContain(log, line => line.Contains("::ffff", StringComparison.Ordinal));
        Assert.Equal(2, log.Count(line => line.Contains("\"client\":\"127.0.0.1\"", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("127.0.0.1:7001", "127.0.0.1:7001")]
    [InlineData("localhost:7001", "127.0.0.1:7001")]
    [InlineData(":7001", "127.0.0.1:7001")]
    [InlineData(":7001", "[::1]:7001")]
    public void Two_listeners_on_one_address_are_a_problem(string one, string other)
    {
        var (_, problems) = TestGateway.Plan($$"""
            listeners:
              one: { address: "{{one}}" }
              two: { address: "{{other}}" }
            """);
        Assert.Contains("listener 'one' has this address already", Assert.Single(problems).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_address_that_cannot_be_bound_is_a_problem_and_changes_nothing()
    {
        await using var gateway = await TestGateway.StartAsync(Hello);
        using var taken = new RawUpstream();
        var (plan, problems) = TestGateway.Plan($$"""
            listeners:
              web: { address: "127.0.0.1:0" }
              fine: { address: "127.0.0.1:0" }
              taken: { address: "{{taken.Url["http://".Length..]}}" }
            routes: { hello: { match: { path: "/**" }, respond: { body: changed } } }
            """);
        Assert.Empty(problems);
        var failures = new Core.Configuration.Problems();
        Assert.False(await gateway.State.ApplyAsync(plan, failures));
        Assert.Equal("listeners.taken.address", Assert.Single(failures.All).Path);
        Assert.Equal(["web"], gateway.State.Listeners.Keys);
        using var client = new HttpClient();
        Assert.Equal("hello", await client.GetStringAsync(gateway.Uri, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Connections_beyond_the_limit_are_closed_at_once_and_a_place_comes_free_with_the_next_end()
    {
        await using var gateway = await TestGateway.StartAsync("listeners: { web: { address: \"127.0.0.1:0\", limits: { connections: 2 } } }\n" + Hello);
        using var one = await ServedAsync(gateway);
        var two = await ServedAsync(gateway);
        Assert.True(await IsClosedAtOnceAsync(gateway));
        Assert.Contains("lakou_connections_refused_total{listener=\"web\",reason=\"limit\"} 1", gateway.Metrics(), StringComparison.Ordinal);
        two.Dispose();
        await gateway.HasConnectionsAsync(1);
        using var four = await ServedAsync(gateway);
        using var silent = four;
    }

    [Fact]
    public async Task A_connection_that_says_nothing_is_closed_and_counts_no_more()
    {
        var time = new ManualTime();
        await using var gateway = await TestGateway.StartAsync(Hello, time);
        using var silent = await RawPeer.ConnectAsync(gateway.Address);
        using var half = await RawPeer.ConnectAsync(gateway.Address);
        await half.SendAsync("PRI * HT");
        var closed = Task.WhenAll(silent.ClosesAsync(), half.ReadToEndAsync());
        Assert.InRange(await time.PassUntilAsync(closed, TimeSpan.FromMilliseconds(500)), TimeSpan.FromSeconds(30), TimeSpan.MaxValue);
        Assert.True(await silent.ClosesAsync());
        silent.Dispose();
        half.Dispose();
        await gateway.HasConnectionsAsync(0);
    }

    private static async Task<bool> IsClosedAtOnceAsync(TestGateway gateway)
    {
        try
        {
            using var peer = await RawPeer.ConnectAsync(gateway.Address);
            return await peer.ClosesAsync();
        }
        catch (System.Net.Sockets.SocketException)
        {
            // The reset was faster than the news of the connection.
            return true;
        }
    }

    private static async Task<RawPeer> ServedAsync(TestGateway gateway)
    {
        var peer = await RawPeer.ConnectAsync(gateway.Address);
        await peer.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        await peer.ReadHeadAsync();
        Assert.Equal("hello", await peer.ReadAsync(5));
        return peer;
    }
}
