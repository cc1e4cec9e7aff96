using System.Net;
using System.Net.WebSockets;
using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Listeners;

/// <summary>Over HTTP/2 requests are held to the same grammar as over HTTP/1.1: what reaches an endpoint is HTTP/1.1.</summary>
public sealed class Http2Tests
{
    [Theory]
    [InlineData("x-a", "1\r\nx-b: 2")]
    [InlineData("x-a", "1\n2")]
    [InlineData("x-a", "1\02")]
    [InlineData("x-a", "1\u007f")]
    [InlineData("x a", "1")]
    [InlineData("x:a", "1")]
    [InlineData("x\r\na", "1")]
    [InlineData("x(a", "1")]
    [InlineData("X-A", "1")]
    [InlineData("", "1")]
    [InlineData("connection", "close")]
    [InlineData("transfer-encoding", "chunked")]
    [InlineData("content-length", "1, 1")]
    public async Task A_field_that_HTTP_1_1_could_not_carry_never_reaches_an_endpoint(string name, string value)
    {
        using var upstream = new RawUpstream().Answer("HTTP/1.1 204 No Content\r\n\r\n");
        await using var gateway = await TestGateway.ForwardAsync(upstream.Url);
        using var client = await Http2Peer.ConnectAsync(gateway.Address);
        await client.GetAsync(1, (name, value));
        Assert.True(await client.ReadStatusAsync() is 0 or 400); // Kestrel resets for some
        Assert.Equal(0, upstream.Accepted);
    }

    [Theory]
    [InlineData("CONNECT", null, 501)]
    [InlineData("OPTIONS", "*", 404)]
    [InlineData("GET", "/a b", 400)]
    [InlineData("GET", "/%00", 400)]
    [InlineData("GET", "/a%2Fb", 400)]
    [InlineData("GET", "/ok", 204)]
    [InlineData("POST", "/ok", 405)]
    public async Task Methods_and_targets_are_judged_alike(string method, string? path, int status)
    {
        await using var gateway = await TestGateway.StartAsync("routes: { ok: { match: { path: /ok, methods: [GET] }, respond: { status: 204 } } }");
        using var client = await Http2Peer.ConnectAsync(gateway.Address);
        (string, string)[] fields = path is null
            ? [(":method", method), (":authority", "a:1")]
            : [(":method", method), (":scheme", "http"), (":authority", "a"), (":path", path)];
        await client.RequestAsync(1, end: true, fields);
        var seen = await client.ReadStatusAsync();
        Assert.True(seen == status || (status == 400 && seen == 0), $"{seen}");
    }

    [Fact]
    public async Task A_WebSocket_over_HTTP_2_reaches_its_endpoint_as_an_upgrade()
    {
        using var upstream = new RawUpstream();
        await using var gateway = await TestGateway.ForwardAsync(upstream.Url);
        using var client = new ClientWebSocket { Options = { HttpVersion = HttpVersion.Version20, HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact } };
        using var invoker = new HttpMessageInvoker(new SocketsHttpHandler());
        var stop = TestContext.Current.CancellationToken;
        var connecting = client.ConnectAsync(new Uri($"ws://{gateway.Address}/chat"), invoker, stop);
        using var endpoint = await upstream.AcceptAsync();
        var head = await endpoint.ReadHeadAsync();
        Assert.StartsWith("GET /chat HTTP/1.1\r\n", head, StringComparison.Ordinal);
        Assert.Contains("Upgrade: websocket\r\n", head, StringComparison.Ordinal);
        Assert.Contains("Connection: Upgrade\r\n", head, StringComparison.Ordinal);
        Assert.Matches("Sec-WebSocket-Key: [A-Za-z0-9+/]{22}==\r\n", head);
        Assert.DoesNotContain("chunked", head, StringComparison.Ordinal);
        await endpoint.SendAsync("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n");
        await connecting;

        await client.SendAsync("hi"u8.ToArray(), WebSocketMessageType.Text, endOfMessage: true, stop);
        Assert.Equal("\u0081\u0082", await endpoint.ReadAsync(2));
        await endpoint.ReadAsync(6);
        await endpoint.SendAsync("\u0081\u0002yo");
        var buffer = new byte[2];
        var answer = await client.ReceiveAsync(buffer, stop);
        Assert.True(answer.EndOfMessage);
        Assert.Equal("yo"u8.ToArray(), buffer);
        endpoint.ShutdownSend();
        await Assert.ThrowsAsync<WebSocketException>(() => client.ReceiveAsync(buffer, stop));
    }

    [Fact]
    public async Task The_time_of_a_request_begins_with_it_and_not_with_the_connection()
    {
        var time = new ManualTime();
        await using var gateway = await TestGateway.StartAsync("routes: { ok: { match: { path: /** }, respond: { status: 204 } } }", time);
        using var client = await Http2Peer.ConnectAsync(gateway.Address);
        await client.ReadToAsync(4);
        time.Advance(TimeSpan.FromSeconds(20));
        await client.GetAsync(1);
        Assert.Equal(204, await client.ReadStatusAsync());
        time.Advance(TimeSpan.FromSeconds(20));
        await client.GetAsync(3);
        Assert.Equal(204, await client.ReadStatusAsync());
        Assert.All(await gateway.LogAsync(2), line => Assert.Contains("\"total_ms\":0", line, StringComparison.Ordinal));
    }
}
