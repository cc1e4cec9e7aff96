using System.Net;
using System.Net.Sockets;
using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Layer4;

public sealed class UdpTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(512)]
    [InlineData(65_507)]
    [InlineData(0)]
    public async Task A_datagram_and_its_answer_pass_whole(int size)
    {
        using var endpoint = new UdpPeer();
        await using var gateway = await StartAsync(endpoint);
        using var client = new UdpPeer();
        var datagram = new string('x', size);
        await client.SendAsync(gateway.AddressOf("dns"), datagram);
        var (received, session) = await endpoint.ReceiveAsync();
        Assert.Equal(datagram, received);
        await endpoint.SendAsync(session, datagram);
        var (answer, from) = await client.ReceiveAsync();
        Assert.Equal(datagram, answer);
        Assert.Equal(gateway.AddressOf("dns"), from);
    }

    [Fact]
    public async Task Each_client_has_a_session_of_its_own_and_keeps_it()
    {
        using var endpoint = new UdpPeer();
        await using var gateway = await StartAsync(endpoint);
        using var a = new UdpPeer();
        using var b = new UdpPeer();
        var sessions = new Dictionary<string, IPEndPoint>();
        for (var i = 0; i < 3; i++)
        {
            foreach (var (name, client) in new[] { ("a", a), ("b", b) })
            {
                await client.SendAsync(gateway.AddressOf("dns"), name + i);
                var (datagram, session) = await endpoint.ReceiveAsync();
                Assert.Equal(name + i, datagram);
                Assert.Equal(session, sessions.TryAdd(name, session) ? session : sessions[name]);
                await endpoint.SendAsync(session, "to " + name);
                await endpoint.SendAsync(session, "and again");
                Assert.Equal("to " + name, (await client.ReceiveAsync()).Datagram);
                Assert.Equal("and again", (await client.ReceiveAsync()).Datagram);
            }
        }

        Assert.NotEqual(sessions["a"], sessions["b"]);
        Assert.Equal(2, gateway.State.Listeners["dns"].Connections);
        Assert.Equal(2, gateway.State.Upstreams["resolver"].Endpoints[0].InFlight);
        Assert.Contains("lakou_connections{listener=\"dns\"} 2\n", gateway.Metrics(), StringComparison.Ordinal);
        await Waiting.UntilAsync(() => gateway.Metrics().Contains("lakou_relayed_bytes_total{listener=\"dns\",direction=\"in\"} 12\n", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_listener_on_every_address_serves_both_families()
    {
        Assert.SkipUnless(Socket.OSSupportsIPv6, "no IPv6 here");
        using var endpoint = new UdpPeer();
        await using var gateway = await StartAsync(endpoint, address: ":0");
        using var client = new UdpPeer();
        var to = new IPEndPoint(IPAddress.Loopback, gateway.AddressOf("dns").Port);
        await client.SendAsync(to, "four");
        var (_, session) = await endpoint.ReceiveAsync();
        await endpoint.SendAsync(session, "answer");
        Assert.Equal(("answer", to), await client.ReceiveAsync());
    }

    [Fact]
    public async Task A_session_is_forgotten_when_nothing_passed_for_the_idle_time()
    {
        using var endpoint = new UdpPeer();
        var time = new ManualTime();
        await using var gateway = await StartAsync(endpoint, ", idle: 5s", time: time);
        using var client = new UdpPeer();
        await client.SendAsync(gateway.AddressOf("dns"), "one");
        var (_, session) = await endpoint.ReceiveAsync();

        // Datagrams in either direction keep it.
        time.Advance(TimeSpan.FromSeconds(4));
        await endpoint.SendAsync(session, "answer");
        await client.ReceiveAsync();
        time.Advance(TimeSpan.FromSeconds(4));
        await client.SendAsync(gateway.AddressOf("dns"), "two");
        Assert.Equal(("two", session), await endpoint.ReceiveAsync());
        Assert.Equal(1, gateway.State.Listeners["dns"].Connections);

        // A datagram is counted a moment after it was sent.
        await Waiting.UntilAsync(() => gateway.Metrics() is var metrics && new[] { "in", "out" }.All(direction =>
            metrics.Contains($"lakou_relayed_bytes_total{{listener=\"dns\",direction=\"{direction}\"}} 6\n", StringComparison.Ordinal)));
        time.Advance(TimeSpan.FromSeconds(6));
        Assert.Equal(0, gateway.State.Listeners["dns"].Connections);
        Assert.Equal(0, gateway.State.Upstreams["resolver"].Endpoints[0].InFlight);
        var line = (await gateway.LogAsync(1))[0];
        Assert.Contains("\"client\":\"127.0.0.1\",\"protocol\":\"udp\",\"bytes_in\":6,\"bytes_out\":6,\"listener\":\"dns\",\"upstream\":\"resolver\"", line, StringComparison.Ordinal);
        Assert.DoesNotContain("fault", line, StringComparison.Ordinal);
        await client.SendAsync(gateway.AddressOf("dns"), "three");
        Assert.Equal("three", (await endpoint.ReceiveAsync()).Datagram);
    }

    [Fact]
    public async Task Datagrams_of_one_client_above_the_limit_are_dropped_and_counted()
    {
        using var endpoint = new UdpPeer();
        await using var gateway = await StartAsync(endpoint, ", sessions: 1");
        using var first = new UdpPeer();
        using var second = new UdpPeer();
        await first.SendAsync(gateway.AddressOf("dns"), "first");
        await endpoint.ReceiveAsync();
        await second.SendAsync(gateway.AddressOf("dns"), "second");
        await second.SendAsync(gateway.AddressOf("dns"), "second");
        await first.SendAsync(gateway.AddressOf("dns"), "first again");
        Assert.Equal("first again", (await endpoint.ReceiveAsync()).Datagram);
        Assert.Contains("lakou_datagrams_dropped_total{listener=\"dns\",reason=\"sessions\"} 2\n", gateway.Metrics(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_endpoint_on_which_nobody_listens_ends_the_session_and_is_counted()
    {
        var endpoint = new UdpPeer(IPEndPoint.Parse("127.77.0.1:0")); // where nobody else takes a port
        var address = endpoint.Address;
        await using var gateway = await StartAsync(endpoint);
        endpoint.Dispose();
        using var client = new UdpPeer();
        await client.SendAsync(gateway.AddressOf("dns"), "lost");
        Assert.Contains("\"fault\":\"upstream/connect-failed\",\"detail\":\"udp://127.77.0.1:", (await gateway.LogAsync(1))[0], StringComparison.Ordinal);
        await gateway.HasConnectionsAsync(0, "dns");
        Assert.Contains($"lakou_upstream_connect_failures_total{{upstream=\"resolver\",endpoint=\"udp://{address}\"}} 1\n", gateway.Metrics(), StringComparison.Ordinal);

        using var back = new UdpPeer(address);
        Assert.Equal("found", (await client.SendUntilAsync(gateway.AddressOf("dns"), "found", back)).Datagram);
    }

    [Fact]
    public async Task Names_of_endpoints_are_resolved()
    {
        using var endpoint = new UdpPeer();
        await using var gateway = await TestGateway.StartAsync(Yaml($"udp://localhost:{endpoint.Address.Port}"));
        using var client = new UdpPeer();
        await client.SendAsync(gateway.AddressOf("dns"), "kept until then");
        Assert.Equal("kept until then", (await endpoint.ReceiveAsync()).Datagram);
    }

    [Fact]
    public async Task A_name_that_does_not_resolve_ends_the_session()
    {
        await using var gateway = await TestGateway.StartAsync(Yaml("udp://nobody.invalid:53"));
        using var client = new UdpPeer();
        await client.SendAsync(gateway.AddressOf("dns"), "lost");
        Assert.Contains("upstream/connect-", (await gateway.LogAsync(1))[0], StringComparison.Ordinal);
        await gateway.HasConnectionsAsync(0, "dns");
    }

    [Fact]
    public async Task Sessions_are_spread_over_the_endpoints()
    {
        using var a = new UdpPeer();
        using var b = new UdpPeer();
        await using var gateway = await TestGateway.StartAsync(Yaml($"{a.Url}\", \"{b.Url}"));
        var clients = Enumerable.Range(0, 10).Select(_ => new UdpPeer()).ToArray();
        foreach (var client in clients)
        {
            await client.SendAsync(gateway.AddressOf("dns"), "x");
        }

        for (var i = 0; i < 5; i++)
        {
            await a.ReceiveAsync();
            await b.ReceiveAsync();
        }

        Array.ForEach(clients, client => client.Dispose());
    }

    [Fact]
    public async Task A_changed_listener_goes_on_with_the_sessions_until_the_time_to_drain_has_passed()
    {
        using var old = new UdpPeer();
        using var other = new UdpPeer();
        var time = new ManualTime();
        await using var gateway = await StartAsync(old, ", idle: 1h", time: time);
        var address = gateway.AddressOf("dns");
        using var client = new UdpPeer();
        await client.SendAsync(address, "one");
        var (_, session) = await old.ReceiveAsync();

        await gateway.ApplyAsync(Yaml(other.Url, ", idle: 2h"));
        Assert.Equal(address, gateway.AddressOf("dns"));
        await client.SendAsync(address, "two");
        Assert.Equal(("two", session), await old.ReceiveAsync());
        await old.SendAsync(session, "answer");
        Assert.Equal(("answer", address), await client.ReceiveAsync());
        using var newcomer = new UdpPeer();
        await newcomer.SendAsync(address, "new");
        Assert.Equal("new", (await other.ReceiveAsync()).Datagram);

        await time.PassUntilAsync(gateway.LogAsync(1), TimeSpan.FromSeconds(1)); // the old session's line
        await client.SendAsync(address, "three");
        Assert.Equal("three", (await other.ReceiveAsync()).Datagram);
    }

    [Fact]
    public async Task No_datagram_is_lost_while_the_listener_is_replaced()
    {
        using var endpoint = new UdpPeer();
        await using var gateway = await StartAsync(endpoint);
        var address = gateway.AddressOf("dns");
        using var client = new UdpPeer();
        for (var i = 0; i < 50; i++)
        {
            var sent = client.SendAsync(address, $"{i}");
            await gateway.ApplyAsync(Yaml(endpoint.Url, $", idle: {i + 1}s"));
            await sent;
            Assert.Equal($"{i}", (await endpoint.ReceiveAsync()).Datagram);
        }
    }

    [Fact]
    public async Task A_stop_ends_sessions_at_once()
    {
        using var endpoint = new UdpPeer();
        await using var gateway = await StartAsync(endpoint);
        using var client = new UdpPeer();
        await client.SendAsync(gateway.AddressOf("dns"), "one");
        await endpoint.ReceiveAsync();
        await gateway.State.StopAsync(CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Assert.Single(await gateway.LogAsync());
        Assert.Equal(0, gateway.State.Upstreams["resolver"].Endpoints[0].InFlight);
    }

    [Fact]
    public async Task The_port_may_be_one_that_tcp_has_too()
    {
        using var endpoint = new UdpPeer();
        using var upstream = new RawUpstream();
        var upstreams = $$"""
            upstreams:
              resolver: { endpoints: [ "{{endpoint.Url}}" ] }
              slow: { endpoints: [ "{{TcpWorld.Tcp(upstream)}}" ] }
            """;
        const string Tcp = "dns-tcp: { address: \"127.77.0.2:0\", tcp: { to: slow } }"; // where nobody else takes a port
        await using var gateway = await TestGateway.StartAsync($"listeners: {{ {Tcp} }}\n{upstreams}");
        await gateway.ApplyAsync($"listeners: {{ {Tcp}, dns: {{ address: \"{gateway.AddressOf("dns-tcp")}\", udp: {{ to: resolver }} }} }}\n{upstreams}");
        Assert.Equal(gateway.AddressOf("dns-tcp"), gateway.AddressOf("dns"));
        using var client = new UdpPeer();
        await client.SendAsync(gateway.AddressOf("dns"), "x");
        await endpoint.ReceiveAsync();
        using var stream = await RawPeer.ConnectAsync(gateway.AddressOf("dns-tcp"));
        using var peer = await upstream.AcceptAsync();
        await stream.SendAsync("y");
        Assert.Equal("y", await peer.ReadAsync(1));
    }

    private static Task<TestGateway> StartAsync(UdpPeer endpoint, string udp = "", string address = "127.0.0.1:0", TimeProvider? time = null)
        => TestGateway.StartAsync(Yaml(endpoint.Url, udp, address), time);

    private static string Yaml(string endpoint, string udp = "", string address = "127.0.0.1:0") => $$"""
        listeners: { dns: { address: "{{address}}", udp: { to: resolver{{udp}} } } }
        upstreams: { resolver: { balance: round-robin, endpoints: [ "{{endpoint}}" ] } }
        """;
}
