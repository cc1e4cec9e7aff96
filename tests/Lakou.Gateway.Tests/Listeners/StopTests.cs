using System.Net.Sockets;
using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Listeners;

/// <summary>Stopping and replacing listeners while clients are there.</summary>
public sealed class StopTests
{
    private const string Get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    [Fact]
    public async Task A_stop_ends_idle_connections_finishes_requests_and_refuses_new_ones()
    {
        using var upstream = new RawUpstream();
        await using var gateway = await TestGateway.ForwardAsync(upstream.Url);
        var address = gateway.Address;
        using var idle = await RawPeer.ConnectAsync(address);
        await idle.SendAsync(Get);
        using (var first = await upstream.AcceptAsync())
        {
            await first.ReadHeadAsync();
            await first.SendAsync("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
        }

        await idle.ReadHeadAsync();
        using var busy = await RawPeer.ConnectAsync(address);
        await busy.SendAsync(Get);
        using var endpoint = await upstream.AcceptAsync();
        await endpoint.ReadHeadAsync();
        using var streams = await Http2Peer.ConnectAsync(address);
        await streams.GetAsync(1);
        using var other = await upstream.AcceptAsync();
        await other.ReadHeadAsync();

        using var drain = new CancellationTokenSource();
        var stopped = gateway.State.StopAsync(drain.Token);
        Assert.Equal("", await idle.ReadToEndAsync());
        await streams.ReadToAsync(Http2Peer.GoAway);
        await Assert.ThrowsAnyAsync<SocketException>(() => RawPeer.ConnectAsync(address));
        Assert.False(stopped.IsCompleted);

        await endpoint.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast");
        Assert.Contains("Connection: close\r\n", await busy.ReadHeadAsync(), StringComparison.Ordinal);
        Assert.Equal("last", await busy.ReadToEndAsync());
        await other.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast");
        Assert.Equal(200, await streams.ReadStatusAsync());
        busy.Dispose();
        await stopped.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task What_is_not_finished_by_the_deadline_is_cut()
    {
        using var upstream = new RawUpstream();
        await using var gateway = await TestGateway.ForwardAsync(upstream.Url);
        using var client = await RawPeer.ConnectAsync(gateway.Address);
        await client.SendAsync(Get);
        using var endpoint = await upstream.AcceptAsync();
        await endpoint.ReadHeadAsync();
        using var drain = new CancellationTokenSource();
        var stopped = gateway.State.StopAsync(drain.Token);
        Assert.False(stopped.IsCompleted);
        await drain.CancelAsync();
        Assert.True(await client.ClosesAsync());
        await stopped.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_stop_does_not_wait_longer_for_the_connections_of_a_replaced_listener()
    {
        using var upstream = new RawUpstream();
        await using var gateway = await TestGateway.ForwardAsync(upstream.Url);
        using var client = await RawPeer.ConnectAsync(gateway.Address);
        await client.SendAsync(Get);
        using var endpoint = await upstream.AcceptAsync();
        await endpoint.ReadHeadAsync();
        await gateway.ApplyAsync(Listening(500) + $"upstreams: {{ app: {{ endpoints: [ \"{upstream.Url}\" ] }} }}\n" + "routes: { all: { match: { path: \"/**\" }, to: app } }");
        using var drain = new CancellationTokenSource();
        var stopped = gateway.State.StopAsync(drain.Token);
        await drain.CancelAsync();
        Assert.True(await client.ClosesAsync());
        await stopped.WaitAsync(TimeSpan.FromSeconds(25), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_listener_replaced_on_its_address_loses_no_connection()
    {
        await using var gateway = await TestGateway.StartAsync(Listening(100) + Answering("0"));
        var address = gateway.Address;
        using var ending = new CancellationTokenSource();
        var served = 0;
        var clients = Enumerable.Range(0, 4).Select(_ => Task.Run(ConnectOnAndOnAsync)).ToArray();
        for (var i = 1; i <= 20; i++)
        {
            await gateway.ApplyAsync(Listening(100 + i) + Answering($"{i}"));
            Assert.Equal(address, gateway.Address);
            var before = Volatile.Read(ref served);
            await Waiting.UntilAsync(() => Volatile.Read(ref served) > before + 10 || clients.Any(one => one.IsFaulted));
        }

        await ending.CancelAsync();
        await Task.WhenAll(clients);
        using var client = new HttpClient();
        Assert.Equal("20", await client.GetStringAsync(gateway.Uri, TestContext.Current.CancellationToken));

        async Task ConnectOnAndOnAsync()
        {
            while (!ending.IsCancellationRequested)
            {
                using var peer = await RawPeer.ConnectAsync(address);
                await peer.SendAsync(Get);
                Assert.StartsWith("HTTP/1.1 200 ", await peer.ReadHeadAsync(), StringComparison.Ordinal);
                Interlocked.Increment(ref served);
            }
        }
    }

    [Fact]
    public async Task Listeners_on_any_free_port_have_one_each_and_keep_it()
    {
        await using var gateway = await TestGateway.StartAsync("listeners: { web: { address: \"127.0.0.1:0\" } }\n" + Answering("a"));
        var first = gateway.Address;
        await gateway.ApplyAsync("listeners: { more: { address: \"127.0.0.1:0\" }, web: { address: \"127.0.0.1:0\" } }\n" + Answering("a"));
        Assert.Equal(first, gateway.Address);
        Assert.NotEqual(first, gateway.AddressOf("more"));
    }

    private static string Listening(int connections) => $"listeners: {{ web: {{ address: \"127.0.0.1:0\", limits: {{ connections: {connections} }} }} }}\n";

    private static string Answering(string body) => $"routes: {{ all: {{ match: {{ path: \"/**\" }}, respond: {{ body: \"{body}\" }} }} }}";
}
