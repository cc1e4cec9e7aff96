using System.Buffers;
using System.Net;
using System.Text;
using Lakou.Gateway.Layer4;
using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Layer4;

public sealed class ProxyProtocolTests
{
    private const string V1 = "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n";
    private const string Accept = ", accept-proxy: [ 127.0.0.0/8 ]";

    public static TheoryData<string> Headers => [V1, Written(ProxyProtocol.V2)];

    [Theory]
    [MemberData(nameof(Headers))]
    public async Task A_header_of_a_named_peer_is_taken_and_its_address_is_the_clients(string header)
    {
        await using var world = await TcpWorld.OpenAsync(listener: Accept);
        var client = await world.ClientAsync();
        await client.SendAsync(header + "hello");
        var endpoint = await world.EndpointAsync();
        Assert.Equal("hello", await endpoint.ReadAsync(5));
        client.ShutdownSend();
        endpoint.ShutdownSend();
        Assert.Contains("\"client\":\"192.0.2.1\"", (await world.Gateway.LogAsync(1))[0], StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Headers))]
    public async Task A_header_may_come_byte_by_byte(string header)
    {
        await using var world = await TcpWorld.OpenAsync(listener: Accept);
        var client = await world.ClientAsync();
        foreach (var one in header + "hello")
        {
            await client.SendAsync([(byte)one]);
        }

        Assert.Equal("hello", await (await world.EndpointAsync()).ReadAsync(5));
    }

    [Fact]
    public async Task What_peers_that_are_not_named_send_is_passed_on_untouched()
    {
        await using var world = await TcpWorld.OpenAsync(listener: ", accept-proxy: [ 10.0.0.0/8, 127.0.0.2 ]");
        var (client, endpoint) = await world.ConnectAsync();
        await client.SendAsync(V1 + "hello");
        Assert.Equal(V1 + "hello", await endpoint.ReadAsync(V1.Length + 5));
    }

    [Theory]
    [InlineData("hello")]
    [InlineData("PROXY TCP4 nobody 198.51.100.1 56324 443\r\n")]
    [InlineData("PROXY TCP4")]
    public async Task A_named_peer_without_a_header_is_closed_and_counted(string bytes)
    {
        await using var world = await TcpWorld.OpenAsync(listener: Accept);
        var client = await world.ClientAsync();
        await client.SendAsync(bytes);
        client.ShutdownSend();
        Assert.True(await client.ClosesAsync());
        Assert.Contains("\"fault\":\"layer4/bad-proxy-header\"", (await world.Gateway.LogAsync(1))[0], StringComparison.Ordinal);
        Assert.Contains("lakou_connections_refused_total{listener=\"db\",reason=\"bad-proxy-header\"} 1\n", world.Gateway.Metrics(), StringComparison.Ordinal);
        Assert.Equal(0, world.Upstream.Accepted);
    }

    [Fact]
    public async Task A_named_peer_that_says_nothing_at_all_is_no_fault()
    {
        await using var world = await TcpWorld.OpenAsync(listener: Accept);
        var probe = await world.ClientAsync();
        probe.ShutdownSend();
        Assert.True(await probe.ClosesAsync());
        Assert.DoesNotContain("fault", (await world.Gateway.LogAsync(1))[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_header_must_arrive_within_ten_seconds()
    {
        await using var world = await TcpWorld.OpenAsync(listener: Accept);
        var client = await world.ClientAsync();
        await client.SendAsync("PROXY TCP4");
        var closed = client.ClosesAsync();
        await world.Time.PassUntilAsync(closed, TimeSpan.FromMilliseconds(250));
        Assert.True(await closed);
        Assert.Contains("layer4/head-timeout", (await world.Gateway.LogAsync(1))[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_health_check_of_the_proxy_keeps_the_proxys_own_address()
    {
        await using var world = await TcpWorld.OpenAsync(", proxy-protocol: v1", Accept);
        var client = await world.ClientAsync();
        await client.SendAsync("\r\n\r\n\0\r\nQUIT\n\u0020\0\0\0hello");
        var endpoint = await world.EndpointAsync();
        Assert.Equal($"PROXY TCP4 127.0.0.1 127.0.0.1 {((IPEndPoint)client.Socket.LocalEndPoint!).Port} {world.Address.Port}\r\n", await endpoint.ReadToAsync("\n"));
        Assert.Equal("hello", await endpoint.ReadAsync(5));
    }

    [Theory]
    [InlineData("v1")]
    [InlineData("v2")]
    public async Task Endpoints_are_told_the_clients_address_before_its_first_byte(string version)
    {
        await using var world = await TcpWorld.OpenAsync($", proxy-protocol: {version}");
        var client = await world.ClientAsync();
        var endpoint = await world.EndpointAsync();
        var from = (IPEndPoint)client.Socket.LocalEndPoint!;
        var expected = Written(version == "v1" ? ProxyProtocol.V1 : ProxyProtocol.V2, from, world.Address);
        Assert.Equal(expected, await endpoint.ReadAsync(expected.Length)); // also when the client says nothing yet
        await client.SendAsync("hello");
        Assert.Equal("hello", await endpoint.ReadAsync(5));
        await endpoint.SendAsync("world");
        Assert.Equal("world", await client.ReadAsync(5));
    }

    [Fact]
    public async Task What_came_by_a_header_goes_on_by_a_header_and_a_server_name_may_follow_it()
    {
        using var upstream = new RawUpstream();
        await using var gateway = await TestGateway.StartAsync($$"""
            listeners: { edge: { address: "127.0.0.1:0", accept-proxy: [ 127.0.0.1 ], tcp: { sni: { a.example.org: app }, proxy-protocol: v2 } } }
            upstreams: { app: { endpoints: [ "{{TcpWorld.Tcp(upstream)}}" ] } }
            """);
        var hello = Encoding.Latin1.GetString(Hello.With("a.example.org"));
        using var client = await RawPeer.ConnectAsync(gateway.AddressOf("edge"));
        await client.SendAsync(V1 + hello);
        using var endpoint = await upstream.AcceptAsync();
        var expected = Written(ProxyProtocol.V2) + hello;
        Assert.Equal(expected, await endpoint.ReadAsync(expected.Length));
    }

    private static string Written(ProxyProtocol version, IPEndPoint? from = null, IPEndPoint? to = null)
    {
        var output = new ArrayBufferWriter<byte>();
        ProxyHeader.Write(output, version, from ?? IPEndPoint.Parse("192.0.2.1:56324"), to ?? IPEndPoint.Parse("198.51.100.1:443"));
        return Encoding.Latin1.GetString(output.WrittenSpan);
    }
}
