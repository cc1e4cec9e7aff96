using Lakou.Gateway.Tests.Harness;
using Lakou.Gateway.Upstreams.Balancing;

namespace Lakou.Gateway.Tests.Upstreams.Balancing;

public sealed class BalancePlanTests
{
    [Theory]
    [InlineData("power-of-two", "power-of-two")]
    [InlineData("round-robin", "round-robin")]
    [InlineData("least-requests", "least-requests")]
    [InlineData("least-latency", "least-latency")]
    [InlineData("random", "random")]
    [InlineData("first", "first")]
    [InlineData("{ hash: client-ip }", "hash of client-ip")]
    [InlineData("{ hash: { header: X-User }, bounded-load: 2 }", "hash of header X-User")]
    [InlineData("{ hash: { cookie: session }, bounded-load: off }", "hash of cookie session")]
    [InlineData("{ hash: { query: user id } }", "hash of query user id")]
    [InlineData("{ hash: { capture: id } }", "hash of capture id")]
    public void Every_balancer_has_its_name(string written, string shown)
        => Assert.Equal(shown, BalancerConformanceTests.Plan($"balance: {written}").Balance.ToString());

    [Fact]
    public void Everything_that_may_be_written_is_read()
    {
        var (plan, problems) = TestGateway.Plan("""
            upstreams:
              app:
                endpoints:
                  - http://127.0.0.1:1
                  - { url: http://127.0.0.1:2, backup: true }
                  - { url: http://127.0.0.1:3, tier: 9, weight: 1000 }
                balance: { hash: { cookie: a }, bounded-load: 1.5 }
                sticky: { cookie: __Host-a, key: 0123456789abcdef, when-gone: reject, max-age: 30d, forward: true }
                slow-start: 30s
            """);
        Assert.Empty(problems);
        var upstream = plan.Upstreams["app"];
        Assert.Equal([0, 1, 9], upstream.Endpoints.Select(endpoint => endpoint.Tier));
        Assert.Equal((1.5, TimeSpan.FromSeconds(30), WhenGone.Reject), (upstream.Balance.BoundedLoad, upstream.Balance.SlowStart, upstream.Balance.Sticky!.Options.WhenGone));
        Assert.Equal("hash of cookie a, sticky by cookie __Host-a", upstream.Balance.ToString());
    }

    [Fact]
    public void The_defaults_are_power_of_two_and_nothing_else()
    {
        var balance = BalancerConformanceTests.Plan("host: keep").Balance;
        Assert.Equal((Balance.PowerOfTwo, 1.25, TimeSpan.Zero, null), (balance.Kind, balance.BoundedLoad, balance.SlowStart, balance.Sticky));
    }

    [Theory]
    [InlineData("balance: least-request", "balance: expected power-of-two, round-robin, least-requests, least-latency, random or first, not 'least-request'; did you mean 'least-requests'?")]
    [InlineData("balance: {}", "balance: required key 'hash' is missing")]
    [InlineData("balance: { hash: client }", "balance.hash: expected client-ip, not 'client'")]
    [InlineData("balance: { hash: {} }", "balance.hash: one key decides; name one of header, cookie, query and capture")]
    [InlineData("balance: { hash: { header: a, cookie: b } }", "balance.hash: one key decides; name one of header, cookie, query and capture")]
    [InlineData("balance: { hash: { header: a b } }", "balance.hash.header: a b is not allowed; letters, digits and '-' make a name")]
    [InlineData("balance: { hash: { capture: id } }", "balance.hash.capture: no route to 'app' captures 'id'; did you mean 'ids'?")]
    [InlineData("balance: { hash: client-ip, bounded-load: 1 }", "balance.bounded-load: expected a number such as 0.5 or off, not '1'")]
    [InlineData("sticky: {}", "sticky: required key 'cookie' is missing")]
    [InlineData("sticky: { cookie: a;b }", "sticky.cookie: a;b is not allowed; letters, digits, '-' and '_' make a cookie's name")]
    [InlineData("sticky: { cookie: a, key: short }", "sticky.key: shorter than 16 characters")]
    [InlineData("slow-start: 0s", "slow-start: 0s is not allowed; 1s to 1h")]
    public void Mistakes_are_told_with_their_place(string upstream, string problem)
    {
        var problems = TestGateway.Plan($$"""
            upstreams: { app: { endpoints: [ http://127.0.0.1:1 ], {{upstream}} } }
            routes: { all: { match: { path: "/{ids}" }, to: app } }
            """).Problems;
        Assert.Equal([$"upstreams.app.{problem}"], problems.Select(one => $"{one.Path}: {one.Message}"));
    }

    [Fact]
    public void A_backup_is_of_one_tier()
        => Assert.Equal(
            ["upstreams.app.endpoints[0]: 'backup' is tier 1; write 'tier' alone"],
            TestGateway.Plan("upstreams: { app: { endpoints: [ { url: http://127.0.0.1:1, tier: 2, backup: true } ] } }").Problems.Select(one => $"{one.Path}: {one.Message}"));

    [Theory]
    [InlineData("tcp://127.0.0.1:1", "balance: { hash: { header: a } }", "balance.hash: layer 4 has no header; hash client-ip")]
    [InlineData("udp://127.0.0.1:1", "balance: { hash: { cookie: a } }", "balance.hash: layer 4 has no cookie; hash client-ip")]
    [InlineData("\"unix:/run/a\"", "balance: { hash: { query: a } }", "balance.hash: layer 4 has no query; hash client-ip")]
    [InlineData("tcp://127.0.0.1:1", "sticky: { cookie: a }", "sticky: layer 4 has no cookies; use balance: { hash: client-ip }")]
    [InlineData("udp://127.0.0.1:1", "balance: least-latency", "balance: datagrams have no answer that could be timed; use least-requests")]
    public void Layer_4_knows_clients_by_their_address_alone(string endpoint, string upstream, string problem)
    {
        var listener = endpoint.StartsWith("udp", StringComparison.Ordinal) ? "udp" : "tcp";
        var problems = TestGateway.Plan($$"""
            listeners: { db: { address: ":1", {{listener}}: { to: app } } }
            upstreams: { app: { endpoints: [ {{endpoint}} ], {{upstream}} } }
            """).Problems;
        var one = Assert.Single(problems);
        Assert.Equal($"upstreams.app.{problem}", $"{one.Path}: {one.Message}");
        Assert.Equal(2, one.Line);
    }

    [Fact]
    public void A_hash_has_places_for_so_many_endpoints()
    {
        var urls = string.Join(", ", Enumerable.Range(1, MaglevTable.MaxEndpoints + 1).Select(port => $"http://a:{port}"));
        Assert.Equal(
            ["upstreams.app.endpoints: 6554 endpoints share 65537 places of a hash; at most 6553"],
            TestGateway.Plan($$"""upstreams: { app: { endpoints: [ {{urls}} ], balance: { hash: client-ip } } }""").Problems.Select(one => $"{one.Path}: {one.Message}"));
    }
}
