using Lakou.Gateway.Tests.Harness;
using Lakou.Gateway.Tests.Upstreams.Health;
using Lakou.Gateway.Upstreams.Health;

namespace Lakou.Gateway.Tests.Layer4;

public sealed class Layer4HealthTests
{
    [Fact]
    public async Task A_dead_tcp_endpoint_is_ejected_and_costs_no_more_attempts()
    {
        using var good = new RawUpstream().Serve(EchoAsync);
        var dead = new RawUpstream();
        dead.Dispose();
        await using var world = await OpenAsync("passive: { failures: 3 }", TcpWorld.Tcp(dead), TcpWorld.Tcp(good));
        for (var i = 0; i < 6; i++)
        {
            await ConnectAsync(world, i + 1);
        }

        await world.BecomesAsync(0, HealthState.Ejected);
        Assert.Equal("3 failures in a row, the last upstream/connect-failed; for 30s", world.Endpoint(0).Health.Status.Reason);
        for (var i = 6; i < 10; i++)
        {
            await ConnectAsync(world, i + 1);
        }

        Assert.All((await world.Gateway.LogAsync(10))[6..], line => Assert.Contains("\"attempts\":1", line, StringComparison.Ordinal));
        Assert.Equal(10, good.Accepted);
    }

    [Fact]
    public async Task A_connection_that_opens_ends_a_row_of_failures()
    {
        using var upstream = new RawUpstream().Serve(EchoAsync);
        await using var world = await OpenAsync("", TcpWorld.Tcp(upstream));
        await world.FailAsync(0, 4);
        await ConnectAsync(world, 1);
        Assert.Equal(0, world.Endpoint(0).Health.FailuresInRow);
    }

    [Fact]
    public async Task A_failover_prefers_healthy_endpoints_and_leaves_those_out_that_are_out_by_hand()
    {
        using var ejected = new RawUpstream().Serve(EchoAsync);
        using var disabled = new RawUpstream().Serve(EchoAsync);
        using var healthy = new RawUpstream().Serve(EchoAsync);
        var dead = new RawUpstream();
        dead.Dispose();
        await using var world = await OpenAsync(
            "passive: { max-ejected: 30% }", TcpWorld.Tcp(ejected), TcpWorld.Tcp(disabled), TcpWorld.Tcp(dead), TcpWorld.Tcp(healthy));
        await world.FailAsync(0);
        await world.BecomesAsync(0, HealthState.Ejected);
        world.Upstream.Health.SetByHand(world.Endpoint(1), HealthState.Disabled);
        world.Endpoint(3).Enter(); // busier than the others
        for (var i = 0; i < 4; i++)
        {
            await ConnectAsync(world, i + 1);
        }

        Assert.Equal((0, 0, 4), (ejected.Accepted, disabled.Accepted, healthy.Accepted));
        healthy.Dispose();
        await ConnectAsync(world, 5);
        Assert.Equal((1, 0), (ejected.Accepted, disabled.Accepted));
        world.Endpoint(3).Leave();
    }

    [Fact]
    public async Task A_connection_is_the_probe_of_a_tcp_endpoint()
    {
        using var good = new RawUpstream().Serve(EchoAsync);
        var dead = new RawUpstream();
        dead.Dispose();
        await using var world = await OpenAsync("active: { interval: 200ms }", TcpWorld.Tcp(dead), TcpWorld.Tcp(good));
        await world.PassUntilAsync(0, HealthState.Unhealthy, 0.1);
        Assert.Equal("connection refused", world.Endpoint(0).Health.Status.Reason);
        await world.Time.PassUntilAsync(Waiting.UntilAsync(() => good.Accepted > 1), TimeSpan.FromMilliseconds(100));
        Assert.Equal("11", world.Picks(2));
    }

    [Fact]
    public async Task A_udp_endpoint_where_nobody_listens_is_ejected_and_clients_are_served_by_the_other()
    {
        using var good = new UdpPeer();
        string dead;
        using (var gone = new UdpPeer())
        {
            dead = gone.Url;
        }

        await using var world = await HealthWorld.OpenYamlAsync($$"""
            listeners: { db: { address: "127.0.0.1:0", udp: { to: app } } }
            upstreams: { app: { balance: round-robin, endpoints: [ "{{dead}}", "{{good.Url}}" ], health: { passive: { failures: 2 } } } }
            """);
        var listener = world.Gateway.AddressOf("db");
        while (world.State(0) != HealthState.Ejected)
        {
            using var client = new UdpPeer();
            await client.SendAsync(listener, "hello");
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, TestContext.Current.CancellationToken);
        }

        Assert.StartsWith("2 failures in a row, the last upstream/connect-failed", world.Endpoint(0).Health.Status.Reason, StringComparison.Ordinal);
        for (var i = 0; i < 3; i++)
        {
            using var client = new UdpPeer();
            await client.SendAsync(listener, $"late {i}");
            while ((await good.ReceiveAsync()).Datagram != $"late {i}")
            {
            }
        }
    }

    [Fact]
    public async Task An_answer_ends_a_row_of_failures_of_a_udp_endpoint()
    {
        using var good = new UdpPeer();
        using var client = new UdpPeer();
        await using var world = await HealthWorld.OpenYamlAsync($$"""
            listeners: { db: { address: "127.0.0.1:0", udp: { to: app } } }
            upstreams: { app: { endpoints: [ "{{good.Url}}", "{{good.Url.Replace("127.0.0.1", "127.0.0.2", StringComparison.Ordinal)}}" ] } }
            """);
        world.Upstream.Health.SetByHand(world.Endpoint(1), HealthState.Disabled);
        await world.FailAsync(0, 4);
        await client.SendAsync(world.Gateway.AddressOf("db"), "ask");
        var (_, session) = await good.ReceiveAsync();
        Assert.Equal(4, world.Endpoint(0).Health.FailuresInRow); // that it was sent says nothing
        await good.SendAsync(session, "answer");
        await client.ReceiveAsync();
        Assert.Equal(0, world.Endpoint(0).Health.FailuresInRow);
    }

    private static Task<HealthWorld> OpenAsync(string health, params string[] endpoints) => HealthWorld.OpenYamlAsync($$"""
        listeners: { db: { address: "127.0.0.1:0", tcp: { to: app } } }
        upstreams: { app: { balance: round-robin, endpoints: [ {{string.Join(", ", endpoints)}} ], health: { {{health}} } } }
        """);

    private static async Task EchoAsync(RawPeer peer)
    {
        await peer.ReadAsync(1);
        await peer.SendAsync("k");
        await peer.ReadToEndAsync();
    }

    /// <summary>A client that comes and goes; ends when its line is in the log.</summary>
    private static async Task ConnectAsync(HealthWorld world, int lines)
    {
        using (var client = await RawPeer.ConnectAsync(world.Gateway.AddressOf("db")))
        {
            await client.SendAsync("x");
            Assert.Equal("k", await client.ReadAsync(1));
            client.ShutdownSend();
            Assert.Equal("", await client.ReadToEndAsync());
        }

        await world.Gateway.LogAsync(lines);
    }
}
