using System.Net;
using System.Net.Sockets;
using Lakou.Gateway.Tests.Harness;
using Lakou.Gateway.Upstreams;
using Lakou.Gateway.Upstreams.Discovery;
using Lakou.Gateway.Upstreams.Discovery.Dns;

namespace Lakou.Gateway.Tests.Upstreams.Discovery;

public sealed class DnsSourceTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Addresses_of_a_name_become_endpoints_that_go_by_the_name()
    {
        using var server = NameServer.Start().With("orders.test", 30, "10.0.0.2", "10.0.0.1");
        var endpoints = await Source(server, new() { Name = "orders.test", Port = 8443, Scheme = "https" }).NextAsync(Stop);
        Assert.Equal(["https://10.0.0.1:8443", "https://10.0.0.2:8443"], Texts(endpoints));
        Assert.All(endpoints, endpoint => Assert.Equal(("orders.test", "orders.test:8443", 1, 0), (endpoint.Address.Host, endpoint.Address.Authority, endpoint.Weight, endpoint.Tier)));
    }

    [Theory]
    [InlineData(30u, 30)]
    [InlineData(0u, 1)] // the floor
    [InlineData(86_400u, 300)] // the ceiling
    public async Task The_name_is_asked_for_again_when_its_time_to_live_has_passed(uint ttl, int seconds)
    {
        var time = new ManualTime();
        using var server = NameServer.Start().With("orders.test", ttl, "10.0.0.1");
        var source = Source(server, new() { Name = "orders.test", Port = 80 }, time);
        await source.NextAsync(Stop);

        server.With("orders.test", ttl, "10.0.0.9");
        var next = source.NextAsync(Stop);
        time.Advance(TimeSpan.FromSeconds(seconds) - TimeSpan.FromMilliseconds(1));

        // The server takes questions in turn: one that was asked too early would be before this one.
        await Source(server.With("fence.test", 30, "10.0.0.1"), new() { Name = "fence.test", Port = 80 }).NextAsync(Stop);
        Assert.Equal(["udp orders.test A", "udp fence.test A"], server.Asked);
        time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(["http://10.0.0.9"], Texts(await next));
    }

    [Fact]
    public async Task The_shortest_time_to_live_of_a_chain_of_aliases_counts()
    {
        var time = new ManualTime();
        using var server = NameServer.Start();
        server.Zone[("orders.test", DnsType.A)] = new()
        {
            Answers =
            [
                NameServer.Record("b.test", DnsType.A, 60, [10, 0, 0, 1]),
                NameServer.Record("orders.test", DnsType.Cname, 40, NameServer.Name("a.test")),
                NameServer.Record("a.test", DnsType.Cname, 20, NameServer.Name("b.test")),
            ],
        };
        var source = Source(server, new() { Name = "orders.test", Port = 80 }, time);
        Assert.Equal(["http://10.0.0.1"], Texts(await source.NextAsync(Stop)));
        var next = source.NextAsync(Stop);
        time.Advance(TimeSpan.FromSeconds(20));
        await next;
    }

    [Fact]
    public async Task Aliases_in_a_circle_and_records_of_other_names_are_no_addresses()
    {
        using var server = NameServer.Start();
        server.Zone[("orders.test", DnsType.A)] = new()
        {
            Answers =
            [
                NameServer.Record("orders.test", DnsType.Cname, 40, NameServer.Name("a.test")),
                NameServer.Record("a.test", DnsType.Cname, 40, NameServer.Name("orders.test")),
                NameServer.Record("bank.test", DnsType.A, 40, [6, 6, 6, 6]),
            ],
        };
        var failure = await FailsAsync(Source(server, new() { Name = "orders.test", Port = 80, Family = AddressFamilies.Ipv4 }));
        Assert.Equal(DiscoveryFailure.NotFound, failure.Reason);
    }

    [Fact]
    public async Task IPv6_is_asked_for_where_there_is_no_IPv4()
    {
        using var server = NameServer.Start().With("six.test", 30, "fd00::1").With("four.test", 30, "10.0.0.1").With("four.test", 30, "fd00::4");
        Assert.Equal(["http://[fd00::1]"], Texts(await Source(server, new() { Name = "six.test", Port = 80 }).NextAsync(Stop)));
        Assert.Equal(["http://10.0.0.1"], Texts(await Source(server, new() { Name = "four.test", Port = 80 }).NextAsync(Stop)));
        Assert.Equal(["http://10.0.0.1", "http://[fd00::4]"], Texts(await Source(server, new() { Name = "four.test", Port = 80, Family = AddressFamilies.Both }).NextAsync(Stop)));
        Assert.Equal(["http://[fd00::4]"], Texts(await Source(server, new() { Name = "four.test", Port = 80, Family = AddressFamilies.Ipv6 }).NextAsync(Stop)));
    }

    [Fact]
    public async Task Priorities_of_services_become_tiers_and_weights_weights()
    {
        using var server = NameServer.Start().With("b.test", 30, "10.0.0.2");
        server.Zone[("_http._tcp.orders.test", DnsType.Srv)] = new()
        {
            Answers =
            [
                NameServer.Record("_http._tcp.orders.test", DnsType.Srv, 30, NameServer.Service(20, 0, 8080, "b.test")),
                NameServer.Record("_http._tcp.orders.test", DnsType.Srv, 30, NameServer.Service(10, 5, 8081, "a.test")),
                NameServer.Record("_http._tcp.orders.test", DnsType.Srv, 30, NameServer.Service(10, 10, 8082, "a.test")),
            ],
            Additionals = [NameServer.Record("a.test", DnsType.A, 30, [10, 0, 0, 1])],
        };
        var endpoints = await Source(server, new() { Srv = "_http._tcp.orders.test" }).NextAsync(Stop);
        Assert.Equal(
            [("http://10.0.0.1:8081", 500, 0), ("http://10.0.0.1:8082", 1000, 0), ("http://10.0.0.2:8080", 1, 1)],
            endpoints.Select(endpoint => (endpoint.Address.Text, endpoint.Weight, endpoint.Tier)));
        Assert.Equal("a.test:8081", endpoints[0].Address.Authority);

        // What stood beside the answer was not asked for.
        Assert.Equal(["udp _http._tcp.orders.test Srv", "udp b.test A"], server.Asked);
    }

    [Theory]
    [InlineData("")] // the root: decidedly no such service
    [InlineData("a\r\nHost: evil.test")]
    [InlineData("-a.test")]
    public async Task A_target_that_is_no_host_is_no_endpoint(string target)
    {
        using var server = NameServer.Start();
        server.Zone[("_http._tcp.orders.test", DnsType.Srv)] = new() { Answers = [NameServer.Record("_http._tcp.orders.test", DnsType.Srv, 30, NameServer.Service(1, 1, 80, target))] };
        Assert.Equal(DiscoveryFailure.NotFound, (await FailsAsync(Source(server, new() { Srv = "_http._tcp.orders.test" }))).Reason);
        Assert.Single(server.Asked);
    }

    [Fact]
    public async Task A_name_that_does_not_exist_and_one_without_addresses_are_not_found()
    {
        using var server = NameServer.Start();
        server.Zone[("empty.test", DnsType.Srv)] = new();
        foreach (var name in new[] { "no.test", "empty.test" })
        {
            var failure = await FailsAsync(Source(server, new() { Name = name, Port = 80 }));
            Assert.Equal((DiscoveryFailure.NotFound, $"{name} does not resolve; correct the name, or its records"), (failure.Reason, failure.Message));
        }
    }

    [Fact]
    public async Task An_answer_that_does_not_fit_a_datagram_comes_over_TCP()
    {
        string[] all = [.. Enumerable.Range(0, 300).Select(i => $"10.0.{i / 250}.{i % 250}")];
        using var server = NameServer.Start().With("many.test", 30, all);
        Assert.Equal(300, (await Source(server, new() { Name = "many.test", Port = 80 }).NextAsync(Stop)).Count);
        Assert.Equal(["udp many.test A", "tcp many.test A"], server.Asked);
    }

    [Fact]
    public async Task Forged_answers_are_not_believed()
    {
        using var server = NameServer.Start();
        server.Instead = query =>
        {
            var evil = new NameServer.Bytes { Answers = [NameServer.Record("orders.test", DnsType.A, 30, [6, 6, 6, 6])] };
            var wrongId = NameServer.Answer(query, evil);
            wrongId[0] ^= 1;
            var wrongName = NameServer.Answer(query, evil);
            wrongName[13] ^= 1;
            var wrongType = NameServer.Answer(query, evil);
            wrongType[12 + "orders.test".Length + 3] = 28;
            var noQuestion = NameServer.Answer(query, evil)[..12];
            (noQuestion[5], noQuestion[7]) = (0, 0);
            return [wrongId, wrongName, wrongType, noQuestion, [query[0]], NameServer.Answer(query, new() { Answers = [NameServer.Record("orders.test", DnsType.A, 30, [10, 0, 0, 1])] })];
        };
        Assert.Equal(["http://10.0.0.1"], Texts(await Source(server, new() { Name = "orders.test", Port = 80 }).NextAsync(Stop)));
    }

    [Fact]
    public async Task An_answer_from_another_address_is_not_seen()
    {
        var time = new ManualTime();
        using var other = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        other.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        using var server = NameServer.Start().With("orders.test", 30, "6.6.6.6");
        server.AnswersFrom = other;
        var next = Source(server, new() { Name = "orders.test", Port = 80 }, time).NextAsync(Stop);
        await time.PassUntilAsync(next, TimeSpan.FromMilliseconds(500));
        Assert.Equal(DiscoveryFailure.Timeout, (await Assert.ThrowsAsync<DiscoveryException>(() => next)).Reason);
    }

    [Fact]
    public async Task Who_guesses_is_left_for_TCP()
    {
        using var server = NameServer.Start();
        var isFirst = true;
        server.Instead = query =>
        {
            var right = NameServer.Answer(query, new() { Answers = [NameServer.Record("orders.test", DnsType.A, 30, [10, 0, 0, 1])] });
            if (!isFirst)
            {
                return [right];
            }

            isFirst = false;
            var guess = right[..];
            guess[0] ^= 1;
            return [.. Enumerable.Repeat(guess, 16), right];
        };
        Assert.Equal(["http://10.0.0.1"], Texts(await Source(server, new() { Name = "orders.test", Port = 80 }).NextAsync(Stop)));
        Assert.Equal(["udp orders.test A", "tcp orders.test A"], server.Asked);
    }

    [Fact]
    public async Task A_server_that_does_not_know_EDNS_is_asked_without()
    {
        using var server = NameServer.Start();
        server.Instead = query => [query[11] == 1
            ? [query[0], query[1], 0x81, (byte)DnsCode.FormErr, 0, 0, 0, 0, 0, 0, 0, 0]
            : NameServer.Answer(query, new() { Answers = [NameServer.Record("orders.test", DnsType.A, 30, [10, 0, 0, 1])] })];
        Assert.Equal(["http://10.0.0.1"], Texts(await Source(server, new() { Name = "orders.test", Port = 80 }).NextAsync(Stop)));
    }

    [Theory]
    [InlineData("refuses")]
    [InlineData("is broken")]
    [InlineData("is not there")]
    [InlineData("is silent")]
    public async Task The_next_server_is_asked_when_one(string manner)
    {
        var time = new ManualTime();
        using var bad = NameServer.Start();
        using var good = NameServer.Start().With("orders.test", 30, "10.0.0.1");
        bad.Instead = query => manner switch
        {
            "refuses" => [NameServer.Answer(query, new() { Code = DnsCode.Refused })],
            "is broken" => [NameServer.Answer(query, new() { Answers = [[0xC0]] })],
            _ => [],
        };
        var options = new DnsOptions { Name = "orders.test", Port = 80, Servers = [bad.Address.ToString(), good.Address.ToString()] };
        if (manner == "is not there")
        {
            bad.Dispose();
        }

        var next = new DnsSource(options, time).NextAsync(Stop);
        if (manner == "is silent")
        {
            await time.PassUntilAsync(next, TimeSpan.FromMilliseconds(500));
        }

        Assert.Equal(["http://10.0.0.1"], Texts(await next));
    }

    [Fact]
    public async Task A_failure_tells_the_server_and_what_it_did()
    {
        using var server = NameServer.Start();
        server.Instead = query => [NameServer.Answer(query, new() { Code = DnsCode.ServFail })];
        var failure = await FailsAsync(Source(server, new() { Name = "orders.test", Port = 80 }));
        Assert.Equal((DiscoveryFailure.Answer, $"no name server answers for orders.test (A); the last was {server.Address} answered SERVFAIL"), (failure.Reason, failure.Message));
        Assert.Equal(2, server.Asked.Length); // attempts
    }

    [Fact]
    public void What_resolv_conf_says_is_followed()
    {
        var settings = ResolverSettings.Parse(
        [
            "# comment", "nameserver 10.0.0.2", "nameserver fd00::2", "nameserver nonsense", "search a.test b.test. bad..name", "options ndots:2 timeout:9999999999 attempts:3 rotate",
        ]);
        Assert.Equal(["10.0.0.2:53", "[fd00::2]:53"], settings.Servers.Select(server => server.ToString()));
        Assert.Equal((2, TimeSpan.FromSeconds(2), 3), (settings.Dots, settings.Timeout, settings.Attempts));
        Assert.Equal(["orders.a.test", "orders.b.test", "orders"], settings.NamesFor("orders"));
        Assert.Equal(["x.y.z", "x.y.z.a.test", "x.y.z.b.test"], settings.NamesFor("x.y.z"));
        Assert.Equal(["orders"], settings.NamesFor("orders."));
        Assert.Equal("127.0.0.1:53", ResolverSettings.Parse([]).Servers.Single().ToString());
    }

    [Fact]
    public void Names_of_the_hosts_file_are_found()
    {
        string[] lines = ["127.0.0.1 localhost # orders", "10.0.0.7\torders Orders.test", "fd00::7 orders", "nonsense orders"];
        Assert.Equal(["10.0.0.7", "fd00::7"], HostsFile.Find(lines, "ORDERS").Select(address => address.ToString()));
        Assert.Empty(HostsFile.Find(lines, "10.0.0.7"));
    }

    private static DnsSource Source(NameServer server, DnsOptions options, TimeProvider? time = null)
        => new(options with { Servers = [server.Address.ToString()] }, time ?? TimeProvider.System);

    private static string[] Texts(IReadOnlyList<EndpointPlan> endpoints) => [.. endpoints.Select(endpoint => endpoint.Address.Text)];

    private static Task<DiscoveryException> FailsAsync(DnsSource source) => Assert.ThrowsAsync<DiscoveryException>(() => source.NextAsync(Stop));
}
