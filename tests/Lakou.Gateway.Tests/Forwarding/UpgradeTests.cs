using System.Net.WebSockets;
using System.Text;
using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Forwarding;

/// <summary>Leaving HTTP (RFC 9110 §7.8).</summary>
public sealed class UpgradeTests
{
    private const string Asking = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: echo/2\r\n\r\n";
    private const string Switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo/2\r\n\r\n";

    [Fact]
    public async Task Any_protocol_passes_byte_for_byte_both_ways()
    {
        await using var passage = await Passage.OpenAsync();
        var (client, endpoint) = await TunnelAsync(passage);
        await client.SendAsync("GET /not-http\0\r\n\r\n");
        Assert.Equal("GET /not-http\0\r\n\r\n", await endpoint.ReadAsync(18));
        await endpoint.SendAsync("HTTP/1.1 500 \u00ff\r\n\r\n");
        Assert.Equal("HTTP/1.1 500 \u00ff\r\n\r\n", await client.ReadAsync(18));
    }

    [Fact]
    public async Task The_endpoint_hears_what_protocol_is_wanted()
    {
        await using var passage = await Passage.OpenAsync();
        var (_, _, head) = await passage.SendAsync(Asking);
        Assert.Contains("\r\nConnection: Upgrade\r\n", head, StringComparison.Ordinal);
        Assert.Contains("\r\nUpgrade: echo/2\r\n", head, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bytes_that_come_with_the_101_are_the_first_of_the_tunnel()
    {
        await using var passage = await Passage.OpenAsync();
        var client = await passage.AnswerAsync(Switching + "hello", request: Asking);
        var head = await client.ReadHeadAsync();
        Assert.StartsWith("HTTP/1.1 101 ", head, StringComparison.Ordinal);
        Assert.Contains("\r\nUpgrade: echo/2\r\n", head, StringComparison.Ordinal);
        Assert.Contains("\r\nConnection: Upgrade\r\n", head, StringComparison.Ordinal);
        Assert.Equal("hello", await client.ReadAsync(5));
    }

    [Fact]
    public async Task Bytes_that_come_with_the_request_are_the_first_of_the_tunnel()
    {
        await using var passage = await Passage.OpenAsync();
        var (_, endpoint, _) = await passage.SendAsync(Asking + "eager");
        await endpoint.SendAsync(Switching);
        Assert.Equal("eager", await endpoint.ReadAsync(5));
    }

    [Fact]
    public async Task The_client_may_end_its_half_and_read_on()
    {
        await using var passage = await Passage.OpenAsync();
        var (client, endpoint) = await TunnelAsync(passage);
        await client.SendAsync("last");
        client.ShutdownSend();
        Assert.Equal("last", await endpoint.ReadToEndAsync());
        await endpoint.SendAsync("still here");
        Assert.Equal("still here", await client.ReadAsync(10));
        endpoint.ShutdownSend();
        Assert.Equal("", await client.ReadToEndAsync());
        Assert.Equal("-", await passage.FaultAsync());
    }

    [Fact]
    public async Task The_endpoint_may_end_its_half_and_read_on()
    {
        await using var passage = await Passage.OpenAsync();
        var (client, endpoint) = await TunnelAsync(passage);
        await endpoint.SendAsync("last");
        endpoint.ShutdownSend();
        Assert.Equal("last", await client.ReadToEndAsync());
        await client.SendAsync("still here");
        Assert.Equal("still here", await endpoint.ReadAsync(10));
        client.ShutdownSend();
        Assert.Equal("", await endpoint.ReadToEndAsync());
        Assert.Equal("-", await passage.FaultAsync());
    }

    [Fact]
    public async Task A_reset_of_one_side_ends_the_other()
    {
        await using var passage = await Passage.OpenAsync();
        var (client, endpoint) = await TunnelAsync(passage);
        client.Reset();
        Assert.True(await endpoint.ClosesAsync());

        (client, endpoint) = await TunnelAsync(passage);
        endpoint.Reset();
        Assert.True(await client.ClosesAsync());
    }

    [Fact]
    public async Task A_silent_tunnel_ends_after_the_idle_timeout()
    {
        await using var passage = await Passage.OpenAsync(upstream: "timeouts: { idle: 10s }");
        var (client, endpoint) = await TunnelAsync(passage);
        for (var i = 0; i < 5; i++)
        {
            // Traffic of either side keeps it open.
            passage.Time.Advance(TimeSpan.FromSeconds(8));
            await client.SendAsync("a");
            await endpoint.ReadAsync(1);
            passage.Time.Advance(TimeSpan.FromSeconds(1));
            await endpoint.SendAsync("b");
            await client.ReadAsync(1);
        }

        var end = client.ClosesAsync();
        await passage.Time.PassUntilAsync(end, TimeSpan.FromSeconds(1));
        Assert.True(await end);
        Assert.True(await endpoint.ClosesAsync());
        Assert.Equal("upstream/idle-timeout", await passage.FaultAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_half_closed_tunnel_ends_after_the_idle_timeout_too(bool byClient)
    {
        await using var passage = await Passage.OpenAsync(upstream: "timeouts: { idle: 10s }");
        var (client, endpoint) = await TunnelAsync(passage);
        var (first, other) = byClient ? (client, endpoint) : (endpoint, client);
        first.ShutdownSend();
        Assert.Equal("", await other.ReadToEndAsync());
        var fault = passage.FaultAsync();
        await passage.Time.PassUntilAsync(fault, TimeSpan.FromSeconds(1));
        Assert.Equal("upstream/idle-timeout", await fault);
        Assert.True(await first.ClosesAsync());
    }

    [Fact]
    public async Task The_last_bytes_of_a_client_arrive_when_the_endpoint_has_ended_its_half()
    {
        await using var passage = await Passage.OpenAsync();
        for (var i = 0; i < 20; i++)
        {
            var (client, endpoint) = await TunnelAsync(passage);
            endpoint.ShutdownSend();
            await client.ReadToEndAsync();
            await client.SendAsync(new string('x', 50_000));
            client.ShutdownSend();
            Assert.Equal(50_000, (await endpoint.ReadToEndAsync()).Length);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_was_sent_before_both_halves_ended_waits_for_its_reader(bool byClient)
    {
        await using var passage = await Passage.OpenAsync();
        var (client, endpoint) = await TunnelAsync(passage);
        var (sender, reader) = byClient ? (client, endpoint) : (endpoint, client);
        reader.ShutdownSend();
        await sender.ReadToEndAsync();
        await sender.SendAsync(new string('x', 200_000));
        sender.ShutdownSend();
        Assert.Equal("-", await passage.FaultAsync()); // the tunnel is over
        Assert.Equal(200_000, (await reader.ReadToEndAsync()).Length);
    }

    [Fact]
    public async Task A_101_that_nobody_asked_for_is_a_bad_gateway()
    {
        await using var passage = await Passage.OpenAsync();
        var client = await passage.AnswerAsync(Switching);
        Assert.StartsWith("HTTP/1.1 502 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        Assert.Equal("upstream/unexpected-upgrade", await passage.FaultAsync());
        await passage.AssertNotReusedAsync();
    }

    [Theory]
    [InlineData("h2c")]
    [InlineData("H2C")]
    [InlineData("websocket, h2c")]
    public async Task An_upgrade_to_another_HTTP_is_not_passed_on(string token)
    {
        await using var passage = await Passage.OpenAsync();
        var (client, endpoint, head) = await passage.SendAsync(
            $"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: {token}\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n");
        Assert.DoesNotContain("Upgrade", head, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("HTTP2-Settings", head, StringComparison.OrdinalIgnoreCase);
        await endpoint.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        Assert.StartsWith("HTTP/1.1 200 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_refused_upgrade_is_an_answer_like_any_other()
    {
        await using var passage = await Passage.OpenAsync();
        var (client, endpoint, _) = await passage.SendAsync(Asking);
        await endpoint.SendAsync("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
        Assert.StartsWith("HTTP/1.1 403 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        await client.ReadAsync(2);
        await client.SendAsync("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.StartsWith("GET /next ", await endpoint.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_WebSocket_works_end_to_end()
    {
        await using var server = await KestrelUpstream.StartAsync(async context =>
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync("chat");
            var buffer = new byte[100_000];
            while (await socket.ReceiveAsync(buffer.AsMemory(), context.RequestAborted) is { MessageType: not WebSocketMessageType.Close } message)
            {
                await socket.SendAsync(buffer.AsMemory(0, message.Count), message.MessageType, message.EndOfMessage, context.RequestAborted);
            }

            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "bye", context.RequestAborted);
        });
        await using var gateway = await TestGateway.ForwardAsync(server.Url);
        using var client = new ClientWebSocket();
        client.Options.AddSubProtocol("chat");
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await client.ConnectAsync(new Uri($"ws://{gateway.Address}/ws"), patience.Token);
        Assert.Equal("chat", client.SubProtocol);
        var received = new byte[100_000];
        foreach (var text in new[] { "one", "", new string('x', 70_000), "é" })
        {
            await client.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, patience.Token);
            var count = 0;
            ValueWebSocketReceiveResult result;
            do
            {
                result = await client.ReceiveAsync(received.AsMemory(count), patience.Token);
                count += result.Count;
            }
            while (!result.EndOfMessage);
            Assert.Equal(text, Encoding.UTF8.GetString(received, 0, count));
        }

        await client.CloseAsync(WebSocketCloseStatus.NormalClosure, "bye", patience.Token);
        Assert.Equal(WebSocketCloseStatus.NormalClosure, client.CloseStatus);
        Assert.Contains("\"status\":101", (await gateway.LogAsync(1))[0], StringComparison.Ordinal);
    }

    private static async Task<(RawPeer Client, RawPeer Endpoint)> TunnelAsync(Passage passage)
    {
        var (client, endpoint, _) = await passage.SendAsync(Asking);
        await endpoint.SendAsync(Switching);
        Assert.StartsWith("HTTP/1.1 101 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        return (client, endpoint);
    }
}
