using System.Net.Sockets;
using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Listeners;

/// <summary>The PROXY protocol before HTTP: the client is whom a named peer says it is, and nobody else says so.</summary>
public sealed class ProxyHeaderTests : IDisposable
{
    private const string V1 = "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n";
    private const string V2 = "\r\n\r\n\0\r\nQUIT\n\u0021\u0011\0\u000c\u00c0\0\u0002\u0001\u00c6\u0033\u0064\u0001\u00dc\u0004\u0001\u00bb";
    private const string Get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    private const string Accept = "accept-proxy: [ 127.0.0.0/8 ]";

    private readonly Certificates _certificates = new();

    /// <summary>Header, and the client that it makes.</summary>
    public static TheoryData<string, string> Headers => new()
    {
        { V1, "192.0.2.1" },
        { V2, "192.0.2.1" },
        { "PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n", "2001:db8::1" },
        { "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 56324 443\r\n", "192.0.2.1" },
        { "PROXY UNKNOWN\r\n", "127.0.0.1" },
        { "PROXY UNKNOWN ffff::1 whatever 1 2\r\n", "127.0.0.1" },
        { "\r\n\r\n\0\r\nQUIT\n\u0020\0\0\0", "127.0.0.1" }, // LOCAL
        { "\r\n\r\n\0\r\nQUIT\n\u0020\u0011\0\u000c" + new string('x', 12), "127.0.0.1" }, // LOCAL, with addresses that do not count
        { "\r\n\r\n\0\r\nQUIT\n\u0021\0\0\u0003abc", "127.0.0.1" }, // of no family
        { "\r\n\r\n\0\r\nQUIT\n\u0021\u0031\0\u00d8" + new string('x', 216), "127.0.0.1" }, // a Unix socket's
        { V2.Replace("\0\u000c\u00c0", "\0\u0014\u00c0", StringComparison.Ordinal) + "\u0004\0\u0005tlv!!", "192.0.2.1" }, // TLVs
        { V2.Replace("\0\u000c\u00c0", "\u000f\u00f0\u00c0", StringComparison.Ordinal) + new string('t', 4080 - 12), "192.0.2.1" }, // of 4 KiB
    };

    public static TheoryData<string> NoHeaders =>
    [
        Get,
        "\u0016\u0003\u0001\0\u0005hello",
        "\0",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "PROXY",
        "PROXY TCP4 nobody 198.51.100.1 56324 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443" + new string(' ', 100),
        "PROXY UNKNOWN " + new string('x', 93) + "\r\n",
        "proxy UNKNOWN\r\n",
        "\r\n\r\n\0\r\nQUIT\n\u0031\u0011\0\u000c" + new string('x', 12), // version 3
        "\r\n\r\n\0\r\nQUIT\n\u0022\u0011\0\u000c" + new string('x', 12), // an unknown command
        "\r\n\r\n\0\r\nQUIT\n\u0021\u0011\0\u0004abcd", // too short for its family
        "\r\n\r\n\0\r\nQUIT\n\u0021\u0011\u00ff\u00ff" + new string('x', 5000), // longer than anyone needs
        V2[..20],
    ];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _certificates.Dispose();

    [Theory]
    [MemberData(nameof(Headers))]
    public async Task The_client_is_whom_the_header_names(string header, string client)
    {
        using var upstream = new RawUpstream();
        await using var gateway = await TestGateway.ForwardAsync(upstream.Url, listener: Accept);
        using var peer = await RawPeer.ConnectAsync(gateway.Address);
        await peer.SendAsync(header + Get);
        using var endpoint = await upstream.AcceptAsync();
        for (var i = 0; i < 2; i++)
        {
            var head = await endpoint.ReadHeadAsync();
            Assert.Contains($"\r\nX-Forwarded-For: {client}\r\n", head, StringComparison.Ordinal);
            Assert.Contains(client.Contains(':', StringComparison.Ordinal) ? $"\r\nForwarded: for=\"[{client}]\"" : $"\r\nForwarded: for={client};", head, StringComparison.Ordinal);
            await endpoint.SendAsync("HTTP/1.1 204 No Content\r\n\r\n");
            await peer.ReadHeadAsync();
            await peer.SendAsync(i == 0 ? Get : ""); // and stays it
        }

        Assert.All(await gateway.LogAsync(2), line => Assert.Contains($"\"client\":\"{client}\"", line, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(V1)]
    [InlineData(V2)]
    public async Task A_header_comes_before_HTTP_2_and_in_any_pieces(string header)
    {
        await using var gateway = await StartAsync(Accept);
        using var peer = await RawPeer.ConnectAsync(gateway.Address);
        foreach (var one in header + Http2Peer.Preface)
        {
            await peer.SendAsync([(byte)one]);
        }

        using var client = new Http2Peer(peer);
        await peer.SendAsync("\0\0\0\u0004\0\0\0\0\0"); // settings
        await client.GetAsync(1);
        Assert.Equal(200, await client.ReadStatusAsync());
        Assert.Contains("\"client\":\"192.0.2.1\"", (await gateway.LogAsync(1))[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1.1", V1)]
    [InlineData("2.0", V2)]
    public async Task A_header_comes_before_TLS(string version, string header)
    {
        await using var gateway = await StartAsync($"{Accept}, tls: {{ certificates: [ {_certificates.Create("localhost")} ] }}");
        using var client = new HttpClient(new SocketsHttpHandler
        {
            SslOptions = new() { RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null },
            ConnectCallback = async (_, cancel) =>
            {
                var peer = await RawPeer.ConnectAsync(gateway.Address);
                await peer.SendAsync(header);
                return new NetworkStream(peer.Socket, ownsSocket: true);
            },
        })
        { DefaultRequestVersion = new(version), DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };
        Assert.Equal("hello", await client.GetStringAsync(new Uri($"https://localhost:{gateway.Address.Port}/"), Cancel));
        Assert.Contains("\"client\":\"192.0.2.1\"", (await gateway.LogAsync(1))[0], StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(NoHeaders))]
    public async Task A_named_peer_without_a_header_is_closed_counted_and_warned_of_once(string bytes)
    {
        var log = new LogLines();
        await using var gateway = await StartAsync(Accept, loggers: log);
        for (var i = 0; i < 2; i++)
        {
            using var peer = await RawPeer.ConnectAsync(gateway.Address);
            await peer.SendAsync(bytes);
            peer.ShutdownSend();
            Assert.True(await peer.ClosesAsync());
        }

        await Waiting.UntilAsync(() => gateway.Metrics().Contains("lakou_connections_refused_total{listener=\"web\",reason=\"bad-proxy-header\"} 2\n", StringComparison.Ordinal));
        await gateway.HasConnectionsAsync(0);
        Assert.Single(log.All, line => line.StartsWith("Warning: Listener web refuses 127.0.0.1:", StringComparison.Ordinal));
        Assert.DoesNotContain(log.All, line => line.StartsWith("Error", StringComparison.Ordinal));
        Assert.Empty(await gateway.LogAsync());
    }

    [Fact]
    public async Task A_named_peer_that_only_looks_whether_someone_is_there_is_no_fault()
    {
        var log = new LogLines();
        await using var gateway = await StartAsync(Accept, loggers: log);
        using var probe = await RawPeer.ConnectAsync(gateway.Address);
        probe.ShutdownSend();
        Assert.True(await probe.ClosesAsync());
        using var reset = await RawPeer.ConnectAsync(gateway.Address);
        reset.Reset();
        await gateway.HasConnectionsAsync(0);
        Assert.DoesNotContain("refused_total{", gateway.Metrics(), StringComparison.Ordinal);
        Assert.DoesNotContain(log.All, line => line.StartsWith("Warning: Listener", StringComparison.Ordinal) || line.StartsWith("Error", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("PROXY TCP4 192.0.2.1")]
    [InlineData("")]
    [InlineData("\r\n\r\n\0\r\nQUIT\n\u0021\u0011\u000f\u00f0")]
    public async Task A_header_must_arrive_within_ten_seconds(string start)
    {
        var time = new ManualTime();
        await using var gateway = await StartAsync(Accept, time);
        using var peer = await RawPeer.ConnectAsync(gateway.Address);
        await peer.SendAsync(start);
        var closed = peer.ClosesAsync();
        Assert.InRange(await time.PassUntilAsync(closed, TimeSpan.FromMilliseconds(250)), TimeSpan.FromSeconds(10), TimeSpan.MaxValue);
        Assert.True(await closed);
        Assert.Contains("lakou_connections_refused_total{listener=\"web\",reason=\"proxy-header-timeout\"} 1\n", gateway.Metrics(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("10.0.0.0/8, 127.0.0.2", V1)]
    [InlineData("10.0.0.0/8, 127.0.0.2", V2)]
    [InlineData("127.0.0.1", V1 + V1)] // the second is the client's own
    [InlineData("127.0.0.1", V1 + V2)]
    [InlineData("127.0.0.1", V2 + V2)]
    public async Task A_header_of_anyone_else_is_a_request_that_is_none(string trusted, string header)
    {
        await using var gateway = await StartAsync($"accept-proxy: [ {trusted} ]");
        using var peer = await RawPeer.ConnectAsync(gateway.Address);
        await peer.SendAsync(header + Get);
        var answer = await peer.ReadToEndAsync();
        Assert.True(answer.Length == 0 || answer.StartsWith("HTTP/1.1 400 ", StringComparison.Ordinal), answer);
    }

    [Fact]
    public async Task Trust_in_what_a_client_says_of_itself_is_a_question_of_its_own_address()
    {
        using var upstream = new RawUpstream();
        await using var gateway = await TestGateway.ForwardAsync(upstream.Url, listener: $"{Accept}, trusted-proxies: [ 127.0.0.0/8 ]");
        using var peer = await RawPeer.ConnectAsync(gateway.Address);
        await peer.SendAsync(V1 + "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n");
        using var endpoint = await upstream.AcceptAsync();
        Assert.Contains("\r\nX-Forwarded-For: 192.0.2.1\r\n", await endpoint.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_time_of_a_request_does_not_begin_with_the_header()
    {
        var time = new ManualTime();
        await using var gateway = await StartAsync(Accept, time);
        using var peer = await RawPeer.ConnectAsync(gateway.Address);
        await peer.SendAsync(V1);
        await gateway.HasConnectionsAsync(1);
        time.Advance(TimeSpan.FromSeconds(5));
        await peer.SendAsync(Get);
        Assert.StartsWith("HTTP/1.1 200 ", await peer.ReadHeadAsync(), StringComparison.Ordinal);
        Assert.Matches("\"total_ms\":0[.,}]", (await gateway.LogAsync(1))[0]);
    }

    private static Task<TestGateway> StartAsync(string listener, TimeProvider? time = null, LogLines? loggers = null) => TestGateway.StartAsync(
        $$"""
        listeners: { web: { address: "127.0.0.1:0", {{listener}} } }
        routes: { all: { match: { path: "/**" }, respond: { body: hello } } }
        """,
        time,
        loggers);
}
