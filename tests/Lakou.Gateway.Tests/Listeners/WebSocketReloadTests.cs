using System.Net.WebSockets;
using Lakou.Gateway.Tests.Harness;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Tests.Listeners;

/// <summary>A WebSocket outlives reloads: it ends when one of its ends, or its listener, goes away.</summary>
public sealed class WebSocketReloadTests : IDisposable
{
    private readonly Certificates _certificates = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _certificates.Dispose();

    [Theory]
    [InlineData("1.1", false)]
    [InlineData("2.0", false)]
    [InlineData("1.1", true)]
    [InlineData("2.0", true)]
    public async Task A_WebSocket_survives_the_reload_of_everything_around_it(string version, bool tls)
    {
        await using var server = await KestrelUpstream.StartAsync(EchoAsync);
        var (mine, next) = (_certificates.Write("localhost"), _certificates.Write("localhost"));
        var security = tls ? $", tls: {{ certificates: [ {{ cert: \"{mine}.pem\", key: \"{mine}.key\" }} ] }}" : "";
        var time = new ManualTime();
        await using var gateway = await TestGateway.StartAsync(Yaml(server.Url, security), time);
        using var invoker = new HttpMessageInvoker(new SocketsHttpHandler { SslOptions = { RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate is not null } });
        using var client = new ClientWebSocket { Options = { HttpVersion = new(version), HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact } };
        await client.ConnectAsync(new Uri($"{(tls ? "wss" : "ws")}://localhost:{gateway.Address.Port}/chat"), invoker, Cancel);
        await EchoesAsync(client);
        foreach (var after in new[]
        {
            Yaml(server.Url, security, other: "respond: { body: new }"),
            Yaml(server.Url, security, other: "to: app"),
            Yaml(server.Url, security, upstream: $"endpoints: [ \"{server.Url}\" ], balance: round-robin, timeouts: {{ response: 1s }}"),
            Yaml(server.Url, security, upstream: "endpoints: [ \"http://127.0.0.1:9\" ]"),
            Yaml(server.Url, security, more: "filters: { request-id: {} }"),
            Yaml(server.Url, security + ", limits: { connections: 10, body: 1KiB }, trusted-proxies: [ 10.0.0.0/8 ]"),
            Yaml(server.Url, security, own: "respond: { body: mine }"),
        })
        {
            await gateway.ApplyAsync(after);
            time.Advance(gateway.State.Drain * 2);
            await EchoesAsync(client);
        }

        File.Copy(next + ".pem", mine + ".pem", overwrite: true);
        File.Copy(next + ".key", mine + ".key", overwrite: true);
        await gateway.ApplyAsync(Yaml(server.Url, security));
        time.Advance(gateway.State.Drain * 2);
        await EchoesAsync(client);
        await client.CloseAsync(WebSocketCloseStatus.NormalClosure, "bye", Cancel);
    }

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task A_WebSocket_of_a_listener_that_is_gone_is_cut_when_the_time_to_drain_has_passed(string version)
    {
        await using var server = await KestrelUpstream.StartAsync(EchoAsync);
        var time = new ManualTime();
        await using var gateway = await TestGateway.StartAsync(Yaml(server.Url), time);
        using var invoker = new HttpMessageInvoker(new SocketsHttpHandler());
        using var client = new ClientWebSocket { Options = { HttpVersion = new(version), HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact } };
        await client.ConnectAsync(new Uri($"ws://{gateway.Address}/chat"), invoker, Cancel);
        await gateway.ApplyAsync(Yaml(server.Url).Replace("web:", "other:", StringComparison.Ordinal));
        await EchoesAsync(client);
        var end = client.ReceiveAsync(new byte[1], Cancel);
        Assert.InRange(await time.PassUntilAsync(end, TimeSpan.FromSeconds(1)), gateway.State.Drain, TimeSpan.MaxValue);
        await Assert.ThrowsAsync<WebSocketException>(() => end);
    }

    private static string Yaml(string endpoint, string listener = "", string upstream = "", string own = "to: app", string other = "respond: { body: old }", string more = "") => $$"""
        listeners: { web: { address: "127.0.0.1:0"{{listener}} } }
        upstreams: { app: { {{(upstream.Length > 0 ? upstream : $"endpoints: [ \"{endpoint}\" ]")}} } }
        routes:
          chat: { match: { path: /chat }, {{own}} }
          other: { match: { path: /other }, {{other}} }
        {{more}}
        """;

    private static async Task EchoAsync(HttpContext context)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        var buffer = new byte[100];
        while (await socket.ReceiveAsync(buffer.AsMemory(), context.RequestAborted) is { MessageType: not WebSocketMessageType.Close } message)
        {
            await socket.SendAsync(buffer.AsMemory(0, message.Count), message.MessageType, message.EndOfMessage, context.RequestAborted);
        }

        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "bye", context.RequestAborted);
    }

    private static async Task EchoesAsync(ClientWebSocket client)
    {
        var buffer = new byte[10];
        await client.SendAsync("ping"u8.ToArray(), WebSocketMessageType.Text, endOfMessage: true, Cancel);
        var answer = await client.ReceiveAsync(buffer, Cancel);
        Assert.Equal("ping"u8.ToArray(), buffer[..answer.Count]);
    }
}
