using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Layer4;

public sealed class TcpTests
{
    [Fact]
    public async Task Bytes_pass_both_ways_unchanged_and_are_counted()
    {
        await using var world = await TcpWorld.OpenAsync();
        var (client, endpoint) = await world.ConnectAsync();
        var up = Noise(3_000_000, 1);
        var down = Noise(2_000_000, 2);
        var sending = Task.WhenAll(SendAndEndAsync(client, up), SendAndEndAsync(endpoint, down));
        var received = await Task.WhenAll(endpoint.ReadToEndAsync(), client.ReadToEndAsync());
        await sending;
        Assert.True(up.AsSpan().SequenceEqual(Encoding.Latin1.GetBytes(received[0])));
        Assert.True(down.AsSpan().SequenceEqual(Encoding.Latin1.GetBytes(received[1])));

        var line = JsonDocument.Parse((await world.Gateway.LogAsync(1))[0]).RootElement;
        Assert.Equal(
            ("db", "tcp", "127.0.0.1", "app", TcpWorld.Tcp(world.Upstream), 3_000_000, 2_000_000, 1),
            (line.GetProperty("listener").GetString(), line.GetProperty("protocol").GetString(), line.GetProperty("client").GetString(), line.GetProperty("upstream").GetString(),
                line.GetProperty("endpoint").GetString(), line.GetProperty("bytes_in").GetInt64(), line.GetProperty("bytes_out").GetInt64(), line.GetProperty("attempts").GetInt32()));
        Assert.False(line.TryGetProperty("fault", out _));
        Assert.False(line.TryGetProperty("status", out _));
        await world.Gateway.HasConnectionsAsync(0, "db");
        var metrics = world.Gateway.Metrics();
        Assert.Contains("lakou_relayed_bytes_total{listener=\"db\",direction=\"in\"} 3000000\n", metrics, StringComparison.Ordinal);
        Assert.Contains("lakou_relayed_bytes_total{listener=\"db\",direction=\"out\"} 2000000\n", metrics, StringComparison.Ordinal);
        Assert.Contains("lakou_connections{listener=\"db\"} 0\n", metrics, StringComparison.Ordinal);
        Assert.Contains("lakou_connections_total{listener=\"db\"} 1\n", metrics, StringComparison.Ordinal);
        Assert.Contains($"lakou_upstream_connections{{upstream=\"app\",endpoint=\"{TcpWorld.Tcp(world.Upstream)}\",state=\"active\"}} 0\n", metrics, StringComparison.Ordinal);
        Assert.Equal(0, world.Gateway.State.Upstreams["app"].Endpoints[0].InFlight);
    }

    [Fact]
    public async Task The_endpoint_may_speak_first()
    {
        await using var world = await TcpWorld.OpenAsync();
        var (client, endpoint) = await world.ConnectAsync();
        await endpoint.SendAsync("220 hello\r\n");
        Assert.Equal("220 hello\r\n", await client.ReadToAsync("\n"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_end_of_one_direction_leaves_the_other_open(bool clientEnds)
    {
        await using var world = await TcpWorld.OpenAsync();
        var (client, endpoint) = await world.ConnectAsync();
        var (first, second) = clientEnds ? (client, endpoint) : (endpoint, client);
        await first.SendAsync("question");
        first.ShutdownSend();
        Assert.Equal("question", await second.ReadToEndAsync());
        for (var i = 0; i < 3; i++)
        {
            await second.SendAsync("answer");
            Assert.Equal("answer", await first.ReadAsync(6));
        }

        second.ShutdownSend();
        Assert.Equal("", await first.ReadToEndAsync());
        await world.Gateway.HasConnectionsAsync(0, "db");
        Assert.DoesNotContain("fault", (await world.Gateway.LogAsync(1))[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_reset_on_one_side_resets_the_other(bool byClient)
    {
        await using var world = await TcpWorld.OpenAsync();
        var (client, endpoint) = await world.ConnectAsync();
        var (first, second) = byClient ? (client, endpoint) : (endpoint, client);
        await first.SendAsync("half");
        Assert.Equal("half", await second.ReadAsync(4));
        first.Reset();
        Assert.Equal("", await second.ReadToResetAsync());
        Assert.Contains(byClient ? "layer4/client-reset" : "layer4/endpoint-reset", (await world.Gateway.LogAsync(1))[0], StringComparison.Ordinal);
        await world.Gateway.HasConnectionsAsync(0, "db");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_side_that_does_not_read_stops_the_other_from_sending(bool clientSends)
    {
        await using var world = await TcpWorld.OpenAsync();
        var (client, endpoint) = await world.ConnectAsync();
        var (sender, reader) = clientSends ? (client, endpoint) : (endpoint, client);
        sender.Socket.SendBufferSize = reader.Socket.ReceiveBufferSize = 64 * 1024;

        // The kernel may hold 32 MiB of each connection (tcp_rmem); the gateway adds two pipes.
        var taken = await sender.FloodAsync(400_000_000);
        Assert.InRange(taken, 1, 100_000_000);
        sender.ShutdownSend();
        long read = 0;
        var buffer = new byte[256 * 1024];
        for (int count; (count = await reader.Socket.ReceiveAsync(buffer, TestContext.Current.CancellationToken)) > 0;)
        {
            read += count;
        }

        // Each send that was given up may have been taken in part.
        Assert.InRange(read, taken, taken + (4 * 64 * 1024));
        Assert.Contains($"\"bytes_{(clientSends ? "in" : "out")}\":{read}", await EndAsync(), StringComparison.Ordinal);

        async Task<string> EndAsync()
        {
            reader.ShutdownSend();
            return (await world.Gateway.LogAsync(1))[0];
        }
    }

    [Fact]
    public async Task Silence_of_both_sides_for_the_idle_time_resets_both()
    {
        await using var world = await TcpWorld.OpenAsync(", idle: 5s");
        var (client, endpoint) = await world.ConnectAsync();
        await endpoint.SendAsync("x");
        Assert.Equal("x", await client.ReadAsync(1)); // connected on both sides, before any time passes
        for (var i = 0; i < 4; i++)
        {
            // A byte in either direction counts for both.
            world.Time.Advance(TimeSpan.FromSeconds(4));
            var (from, to) = i % 2 == 0 ? (client, endpoint) : (endpoint, client);
            await from.SendAsync("x");
            Assert.Equal("x", await to.ReadAsync(1));
        }

        var broken = Task.WhenAll(client.ReadToResetAsync(), endpoint.ReadToResetAsync());
        var passed = await world.Time.PassUntilAsync(broken, TimeSpan.FromMilliseconds(250));
        await broken;
        Assert.InRange(passed, TimeSpan.FromSeconds(4.5), TimeSpan.FromSeconds(30));
        Assert.Contains("layer4/idle-timeout", (await world.Gateway.LogAsync(1))[0], StringComparison.Ordinal);
        Assert.Contains("lakou_faults_total{code=\"layer4/idle-timeout\"} 1\n", world.Gateway.Metrics(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_half_that_stays_open_in_silence_ends_with_the_idle_time()
    {
        await using var world = await TcpWorld.OpenAsync(", idle: 5s");
        var (client, endpoint) = await world.ConnectAsync();
        client.ShutdownSend();
        Assert.Equal("", await endpoint.ReadToEndAsync());
        var broken = client.ReadToResetAsync();
        await world.Time.PassUntilAsync(broken, TimeSpan.FromMilliseconds(250));
        await broken;
    }

    [Fact]
    public async Task One_connection_above_the_limit_is_closed_at_once_and_counted()
    {
        await using var world = await TcpWorld.OpenAsync(listener: ", limits: { connections: 1 }");
        var (client, _) = await world.ConnectAsync();
        Assert.True(await IsRefusedAsync());
        Assert.Contains("lakou_connections_refused_total{listener=\"db\",reason=\"limit\"} 1\n", world.Gateway.Metrics(), StringComparison.Ordinal);
        Assert.Equal(1, world.Upstream.Accepted);

        client.Reset();
        await world.Gateway.HasConnectionsAsync(0, "db");
        await world.ConnectAsync();

        async Task<bool> IsRefusedAsync()
        {
            try
            {
                return await (await world.ClientAsync()).ClosesAsync();
            }
            catch (SocketException)
            {
                return true; // the reset was faster than the connect's end
            }
        }
    }

    [Fact]
    public async Task An_endpoint_that_refuses_is_counted_and_the_next_one_tried()
    {
        const string closed = "127.0.0.1:1"; // a port that the system gives to nobody
        await using var world = await TcpWorld.OpenAsync(endpoints: $"\"tcp://{closed}\",");
        for (var i = 0; i < 4; i++)
        {
            var (client, endpoint) = await world.ConnectAsync();
            await client.SendAsync("x");
            Assert.Equal("x", await endpoint.ReadAsync(1));
            client.ShutdownSend();
            endpoint.ShutdownSend();
        }

        var lines = await world.Gateway.LogAsync(4);
        Assert.Equal(2, lines.Count(line => line.Contains("\"attempts\":2", StringComparison.Ordinal))); // round-robin: every second
        Assert.Contains($"lakou_upstream_connect_failures_total{{upstream=\"app\",endpoint=\"tcp://{closed}\"}} 2\n", world.Gateway.Metrics(), StringComparison.Ordinal);
        Assert.All(world.Gateway.State.Upstreams["app"].Endpoints, endpoint => Assert.Equal(0, endpoint.InFlight));
    }

    [Fact]
    public async Task When_no_endpoint_can_be_reached_each_was_tried_once_and_the_client_is_closed()
    {
        await using var gateway = await TestGateway.StartAsync($$"""
            listeners: { db: { address: "127.0.0.1:0", tcp: { to: app } } }
            upstreams: { app: { endpoints: [ "tcp://127.0.0.1:1", "tcp://127.0.0.1:2", "unix:/nowhere/at-all.sock" ] } }
            """);
        using var client = await RawPeer.ConnectAsync(gateway.AddressOf("db"));
        Assert.True(await client.ClosesAsync());
        var line = (await gateway.LogAsync(1))[0];
        Assert.Contains("\"attempts\":3", line, StringComparison.Ordinal);
        Assert.Contains("\"fault\":\"upstream/connect-failed\"", line, StringComparison.Ordinal);
        Assert.Contains("lakou_faults_total{code=\"upstream/connect-failed\"} 1\n", gateway.Metrics(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_endpoint_that_does_not_accept_in_time_is_a_connect_timeout()
    {
        // A full queue of handshakes: the kernel leaves further ones unanswered.
        using var full = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        full.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        full.Listen(0);
        using var one = await RawPeer.ConnectAsync(full.LocalEndPoint!);
        await using var world = await TcpWorld.OpenAsync(endpoints: $"\"tcp://{full.LocalEndPoint}\",", upstream: ", timeouts: { connect: 1s }");
        var client = await world.ClientAsync();
        var served = world.EndpointAsync();
        var passed = await world.Time.PassUntilAsync(served, TimeSpan.FromMilliseconds(100));
        Assert.InRange(passed, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(30));
        client.ShutdownSend();
        (await served).ShutdownSend();
        var line = JsonDocument.Parse((await world.Gateway.LogAsync(1))[0]).RootElement;
        Assert.Equal(2, line.GetProperty("attempts").GetInt32());
        Assert.InRange(line.GetProperty("connect_ms").GetDouble(), 1000, 30_000);
    }

    [Fact]
    public async Task Endpoints_may_be_Unix_sockets()
    {
        var path = Path.Combine(Path.GetTempPath(), $"lakou-{Guid.NewGuid():N}.sock");
        using var upstream = new RawUpstream(path);
        await using var gateway = await TestGateway.StartAsync(TcpWorld.Yaml(upstream));
        using var client = await RawPeer.ConnectAsync(gateway.AddressOf("db"));
        using var endpoint = await upstream.AcceptAsync();
        await client.SendAsync("ping");
        Assert.Equal("ping", await endpoint.ReadAsync(4));
        File.Delete(path);
    }

    [Fact]
    public async Task Connections_in_flight_decide_for_the_less_busy_endpoint()
    {
        using var other = new RawUpstream();
        await using var world = await TcpWorld.OpenAsync(endpoints: $"\"{TcpWorld.Tcp(other)}\",", upstream: "");
        await world.Gateway.ApplyAsync(TcpWorld.Yaml(world.Upstream, endpoints: $"\"{TcpWorld.Tcp(other)}\",").Replace("round-robin", "power-of-two", StringComparison.Ordinal));
        for (var i = 1; i <= 10; i++)
        {
            await world.ClientAsync();
            await Waiting.UntilAsync(() => world.Gateway.State.Upstreams["app"].Endpoints.Sum(endpoint => endpoint.InFlight) == i);
        }

        Assert.All(world.Gateway.State.Upstreams["app"].Endpoints, endpoint => Assert.Equal(5, endpoint.InFlight)); // of two, both are compared
    }

    [Fact]
    public async Task A_stop_waits_for_connections_and_cuts_them_at_the_deadline()
    {
        await using var world = await TcpWorld.OpenAsync();
        var (ending, endingEndpoint) = await world.ConnectAsync();
        var (lasting, lastingEndpoint) = await world.ConnectAsync();
        var address = world.Address;
        using var deadline = new CancellationTokenSource();
        var stopped = world.Gateway.State.StopAsync(deadline.Token);
        await Assert.ThrowsAnyAsync<SocketException>(() => RawPeer.ConnectAsync(address));
        await ending.SendAsync("last");
        Assert.Equal("last", await endingEndpoint.ReadAsync(4));
        ending.ShutdownSend();
        endingEndpoint.ShutdownSend();
        Assert.Equal("", await ending.ReadToEndAsync());
        await world.Gateway.LogAsync(1);
        await lasting.SendAsync("on");
        Assert.Equal("on", await lastingEndpoint.ReadAsync(2));
        Assert.False(stopped.IsCompleted);
        await deadline.CancelAsync();
        Assert.Equal("", await lasting.ReadToResetAsync());
        Assert.Equal("", await lastingEndpoint.ReadToResetAsync());
        await stopped.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Assert.Single(await world.Gateway.LogAsync(2), line => line.Contains("layer4/drained", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_changed_listener_keeps_its_address_and_its_connections_go_on()
    {
        using var other = new RawUpstream();
        await using var world = await TcpWorld.OpenAsync();
        var (client, endpoint) = await world.ConnectAsync();
        var address = world.Address;
        await world.Gateway.ApplyAsync(TcpWorld.Yaml(other, ", idle: 1h"));
        Assert.Equal(address, world.Address);
        await client.SendAsync("old");
        Assert.Equal("old", await endpoint.ReadAsync(3));

        // For a moment the old listener may still accept: whoever it took tries again.
        var arriving = other.AcceptAsync();
        var next = await world.ClientAsync();
        for (Task<RawPeer> old; await Task.WhenAny(arriving, old = world.Upstream.AcceptAsync()) == old;)
        {
            (await old).Dispose();
            next = await world.ClientAsync();
        }

        using var nextEndpoint = await arriving;
        await next.SendAsync("new");
        Assert.Equal("new", await nextEndpoint.ReadAsync(3));

        // What is left of the old one is cut when the time to drain has passed.
        var cut = client.ReadToResetAsync();
        var passed = await world.Time.PassUntilAsync(cut, TimeSpan.FromSeconds(1));
        await cut;
        Assert.InRange(passed, TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(5));
        await next.SendAsync("!");
        Assert.Equal("!", await nextEndpoint.ReadAsync(1));
    }

    [Fact]
    public async Task A_listener_replaced_again_and_again_refuses_nobody()
    {
        using var upstream = new RawUpstream();
        upstream.Serve(async peer =>
        {
            await peer.SendAsync("hello");
            peer.ShutdownSend();
            await peer.ReadToEndAsync();
        });
        await using var gateway = await TestGateway.StartAsync(TcpWorld.Yaml(upstream));
        var address = gateway.AddressOf("db");
        using var ending = new CancellationTokenSource();
        var served = 0;
        var clients = Enumerable.Range(0, 3).Select(_ => Task.Run(ConnectOnAndOnAsync)).ToArray();
        for (var i = 1; i <= 20; i++)
        {
            await gateway.ApplyAsync(TcpWorld.Yaml(upstream, $", idle: {i}m"));
            var before = Volatile.Read(ref served);
            await Waiting.UntilAsync(() => Volatile.Read(ref served) > before + 5 || clients.Any(one => one.IsFaulted));
        }

        await ending.CancelAsync();
        await Task.WhenAll(clients);

        async Task ConnectOnAndOnAsync()
        {
            while (!ending.IsCancellationRequested)
            {
                using var peer = await RawPeer.ConnectAsync(address);
                Assert.Equal("hello", await peer.ReadToEndAsync());
                Interlocked.Increment(ref served);
            }
        }
    }

    [Fact]
    public async Task An_address_changes_hands_between_http_and_tcp()
    {
        using var upstream = new RawUpstream().Answer("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nraw");
        var http = $"listeners: {{ db: {{ address: \"{FreeAddress()}\" }} }}\nroutes: {{ all: {{ match: {{ path: \"/**\" }}, respond: {{ body: own }} }} }}\n";
        await using var gateway = await TestGateway.StartAsync(http);
        var address = gateway.AddressOf("db");
        Assert.Equal("own", await AskAsync());
        await gateway.ApplyAsync(TcpWorld.Yaml(upstream).Replace("127.0.0.1:0", $"{address}", StringComparison.Ordinal));
        await AnswersAsync("raw");
        await gateway.ApplyAsync(http);
        await AnswersAsync("own");

        // For a moment the old listener may still accept, and end what it has accepted as it stops.
        async Task AnswersAsync(string expected)
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
            while (await TryAskAsync() != expected)
            {
                patience.Token.ThrowIfCancellationRequested();
            }
        }

        async Task<string> TryAskAsync()
        {
            try
            {
                return await AskAsync();
            }
            catch (Exception e) when (e is IOException or SocketException or Xunit.Sdk.XunitException)
            {
                return e.Message;
            }
        }

        async Task<string> AskAsync()
        {
            using var client = await RawPeer.ConnectAsync(address);
            await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            await client.ReadHeadAsync();
            return await client.ReadAsync(3);
        }
    }

    /// <summary>Where nobody else takes a port.</summary>
    private static EndPoint FreeAddress()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(IPEndPoint.Parse("127.77.0.3:0"));
        return socket.LocalEndPoint!;
    }

    private static byte[] Noise(int count, int seed)
    {
        var bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private static async Task SendAndEndAsync(RawPeer peer, byte[] bytes)
    {
        await peer.SendAsync(bytes);
        peer.ShutdownSend();
    }
}
