using System.Net.Sockets;
using System.Security.Authentication;
using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Layer4;

public sealed class SniTests : IDisposable
{
    private readonly TlsEndpoint _a = new("a");
    private readonly TlsEndpoint _b = new("b");
    private readonly TlsEndpoint _deep = new("deep");
    private readonly TlsEndpoint _rest = new("rest");

    [Theory]
    [InlineData("a.example.org", "a for a.example.org")]
    [InlineData("A.EXAMPLE.ORG", "a for A.EXAMPLE.ORG")]
    [InlineData("one.example.net", "b for one.example.net")]
    [InlineData("one.two.example.net", "b for one.two.example.net")]
    [InlineData("one.deep.example.net", "deep for one.deep.example.net")]
    [InlineData("exact.example.net", "a for exact.example.net")]
    [InlineData("example.net", "rest for example.net")]
    [InlineData("other.example.org", "rest for other.example.org")]
    [InlineData("", "rest for ")]
    public async Task The_name_chooses_the_upstream_and_the_endpoint_ends_TLS(string name, string answer)
    {
        await using var gateway = await StartAsync(", to: rest");
        await using var connection = await ConnectAsync(gateway);
        Assert.Equal(answer, await TlsEndpoint.AskAsync(connection, name));
        var line = (await gateway.LogAsync(1))[0];
        Assert.Equal(name.Length > 0, line.Contains($"\"host\":\"{name.ToLowerInvariant()}\"", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("other.example.org")]
    [InlineData("")]
    public async Task A_client_that_no_name_matches_is_told_so_closed_and_counted(string name)
    {
        await using var gateway = await StartAsync();
        await using var connection = await ConnectAsync(gateway);
        var refusal = await Assert.ThrowsAsync<AuthenticationException>(() => TlsEndpoint.AskAsync(connection, name));
        Assert.Contains("unrecognized name", refusal.InnerException!.ToString(), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("\"fault\":\"layer4/no-server-name\"", (await gateway.LogAsync(1))[0], StringComparison.Ordinal);
        Assert.Contains("lakou_connections_refused_total{listener=\"edge\",reason=\"no-server-name\"} 1\n", gateway.Metrics(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_hello_in_single_bytes_and_many_records_reaches_the_endpoint_unchanged()
    {
        using var endpoint = new RawUpstream();
        await using var gateway = await TestGateway.StartAsync($$"""
            listeners: { edge: { address: "127.0.0.1:0", tcp: { sni: { "*.example.org": app } } } }
            upstreams: { app: { endpoints: [ "{{TcpWorld.Tcp(endpoint)}}" ] } }
            """);
        var hello = Hello.Fragmented(await Hello.OfSslStreamAsync("a.example.org"), 3);
        using var client = await RawPeer.ConnectAsync(gateway.AddressOf("edge"));
        foreach (var one in hello)
        {
            Assert.Equal(0, endpoint.Accepted);
            await client.SendAsync([one]);
        }

        await client.SendAsync("and more");
        using var peer = await endpoint.AcceptAsync();
        Assert.Equal(System.Text.Encoding.Latin1.GetString(hello) + "and more", await peer.ReadAsync(hello.Length + 8));
    }

    [Theory]
    [InlineData("SSH-2.0-client\r\n", "bad-client-hello")]
    [InlineData("\u0016\u0003\u0001\u0000\u0000", "bad-client-hello")]
    public async Task What_is_no_TLS_is_closed_and_counted(string bytes, string reason)
    {
        await using var gateway = await StartAsync();
        using var client = await RawPeer.ConnectAsync(gateway.AddressOf("edge"));
        await client.SendAsync(bytes);
        Assert.True(await client.ClosesAsync());
        Assert.Contains($"lakou_connections_refused_total{{listener=\"edge\",reason=\"{reason}\"}} 1\n", await MetricsOfAsync(gateway), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_TLS_a_client_goes_where_no_name_goes()
    {
        using var endpoint = new RawUpstream();
        await using var gateway = await StartAsync($", to: plain", $"plain: {{ endpoints: [ \"{TcpWorld.Tcp(endpoint)}\" ] }}");
        using var client = await RawPeer.ConnectAsync(gateway.AddressOf("edge"));
        await client.SendAsync("SSH-2.0-client\r\n");
        using var peer = await endpoint.AcceptAsync();
        Assert.Equal("SSH-2.0-client\r\n", await peer.ReadToAsync("\n"));
    }

    [Fact]
    public async Task A_broken_hello_goes_nowhere()
    {
        await using var gateway = await StartAsync(", to: rest");
        using var client = await RawPeer.ConnectAsync(gateway.AddressOf("edge"));
        await client.SendAsync(Hello.With("a..b"));
        Assert.True(await client.ClosesAsync());
        Assert.Contains("layer4/bad-client-hello", (await gateway.LogAsync(1))[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_that_ends_in_the_middle_of_its_hello_is_closed_and_one_that_says_nothing_is_no_fault()
    {
        await using var gateway = await StartAsync(", to: rest");
        using var half = await RawPeer.ConnectAsync(gateway.AddressOf("edge"));
        await half.SendAsync(Hello.With("a.example.org")[..30]);
        half.ShutdownSend();
        Assert.True(await half.ClosesAsync());
        Assert.Contains("layer4/bad-client-hello", (await gateway.LogAsync(1))[0], StringComparison.Ordinal);

        using var probe = await RawPeer.ConnectAsync(gateway.AddressOf("edge"));
        probe.ShutdownSend();
        Assert.True(await probe.ClosesAsync());
        Assert.DoesNotContain("fault", (await gateway.LogAsync(2))[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_hello_must_arrive_within_ten_seconds()
    {
        var time = new ManualTime();
        await using var gateway = await StartAsync(", to: rest", time: time);
        using var client = await RawPeer.ConnectAsync(gateway.AddressOf("edge"));
        await client.SendAsync(Hello.With("a.example.org")[..30]);
        var closed = client.ClosesAsync();
        var passed = await time.PassUntilAsync(closed, TimeSpan.FromMilliseconds(250));
        Assert.True(await closed);
        Assert.InRange(passed, TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(60));
        Assert.Contains("lakou_connections_refused_total{listener=\"edge\",reason=\"head-timeout\"} 1\n", await MetricsOfAsync(gateway), StringComparison.Ordinal);
    }

    public void Dispose() => Array.ForEach([_a, _b, _deep, _rest], endpoint => endpoint.Dispose());

    private Task<TestGateway> StartAsync(string tcp = "", string upstreams = "", TimeProvider? time = null) => TestGateway.StartAsync($$"""
        listeners:
          edge:
            address: "127.0.0.1:0"
            tcp: { sni: { a.example.org: a, exact.example.net: a, "*.example.net": b, "*.deep.example.net": deep }{{tcp}} }
        upstreams:
          a: { endpoints: [ "{{_a.Url}}" ] }
          b: { endpoints: [ "{{_b.Url}}" ] }
          deep: { endpoints: [ "{{_deep.Url}}" ] }
          rest: { endpoints: [ "{{_rest.Url}}" ] }
          {{upstreams}}
        """, time);

    private static async Task<NetworkStream> ConnectAsync(TestGateway gateway)
        => new((await RawPeer.ConnectAsync(gateway.AddressOf("edge"))).Socket, ownsSocket: true);

    private static async Task<string> MetricsOfAsync(TestGateway gateway)
    {
        await gateway.LogAsync(1);
        return gateway.Metrics();
    }
}
