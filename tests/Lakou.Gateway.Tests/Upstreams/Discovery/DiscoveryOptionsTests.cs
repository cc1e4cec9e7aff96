using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Upstreams.Discovery;

public sealed class DiscoveryOptionsTests
{
    [Theory]
    [InlineData("dns: orders.internal:8080", "dns orders.internal:8080", "http")]
    [InlineData("dns: _http._tcp.orders.internal", "dns _http._tcp.orders.internal", "http")]
    [InlineData("dns: { srv: orders.service.consul, scheme: https }", "dns orders.service.consul", "https")]
    [InlineData("kubernetes: orders", "kubernetes orders", "http")]
    [InlineData("kubernetes: { service: orders, namespace: shop, port: http }", "kubernetes shop/orders:http", "http")]
    [InlineData("consul: orders", "consul orders", "http")]
    [InlineData("consul: { service: orders, tag: v2, datacenter: west, token: x }", "consul v2.orders.west", "http")]
    public void A_source_is_read(string source, string shown, string scheme)
    {
        var (plan, problems) = TestGateway.Plan(Yaml(source));
        Assert.Empty(problems);
        Assert.Equal((shown, scheme), (plan.Upstreams["app"].Discovery!.ToString(), plan.Upstreams["app"].Scheme));
    }

    [Theory]
    [InlineData("balance: random", "upstreams.app: it has no endpoints; write 'endpoints', or say with 'endpoints-from', 'dns', 'kubernetes' or 'consul' where they come from")]
    [InlineData("dns: a:1, consul: a", "upstreams.app.consul: endpoints come from 'dns' already; keep one of the two")]
    [InlineData("endpoints: [ http://a:1 ], endpoints-from: x.yaml", "upstreams.app.endpoints-from: endpoints come from 'endpoints' already; keep one of the two")]
    [InlineData("dns: orders.internal", "upstreams.app.dns: orders.internal is not allowed; write name:port, or a name of SRV records such as _http._tcp.orders.internal")]
    [InlineData("dns: 'a b:80'", "upstreams.app.dns: a b:80 is not allowed; write name:port, or a name of SRV records such as _http._tcp.orders.internal")]
    [InlineData("dns: { name: a.test }", "upstreams.app.dns: write 'name' and 'port', or 'srv' alone")]
    [InlineData("dns: { srv: a.test, port: 1 }", "upstreams.app.dns: write 'name' and 'port', or 'srv' alone")]
    [InlineData("dns: { name: a..test, port: 1 }", "upstreams.app.dns.name: a..test is not allowed; a name has labels of letters, digits, '-' and '_', 63 at most, with dots between")]
    [InlineData("dns: { name: a.test, port: 1, floor: 1m, ceiling: 1s }", "upstreams.app.dns: ceiling 1s is shorter than floor 1m; make it as long or longer")]
    [InlineData("dns: { name: a.test, port: 1, servers: [ ns.test ] }", "upstreams.app.dns.servers[0]: ns.test is not allowed; a name server is an address such as 10.0.0.2, 10.0.0.2:5353 or [fd00::2]:53")]
    [InlineData("dns: 10.0.0.1:80", "upstreams.app.dns: 10.0.0.1 is an address, which nobody has to be asked for; write it under 'endpoints'")]
    [InlineData("dns: a.test:80, tls: { verify: false }", "upstreams.app.tls: the endpoints do not speak TLS; add scheme: https to 'dns'")]
    [InlineData("kubernetes: { service: Orders }", "upstreams.app.kubernetes.service: expected a name of lower-case letters, digits and '-', not 'Orders'")]
    [InlineData("kubernetes: { service: orders, token-file: x }", "upstreams.app.kubernetes: 'token-file' and 'ca' belong to an 'api'; without one the pod's own are used")]
    [InlineData("consul: { service: a, address: 'http://a:1/x' }", "upstreams.app.consul.address: http://a:1/x is not allowed; an address is http://host:port or https://host:port")]
    [InlineData("consul: { service: a, ca: x }", "upstreams.app.consul.ca: nothing is encrypted to this address; use https://host:port")]
    public void What_cannot_be_has_a_problem_with_its_place(string source, string problem)
        => Assert.EndsWith(" " + problem, Assert.Single(TestGateway.Plan(Yaml(source)).Problems).ToString(), StringComparison.Ordinal);

    [Fact]
    public void A_token_of_Consul_is_never_shown()
    {
        var (_, problems) = TestGateway.Plan(Yaml("consul: { service: a, token: 'secr et' }"));
        Assert.DoesNotContain("secr", Assert.Single(problems).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Layer_4_asks_what_the_source_says_of_its_endpoints()
    {
        Assert.Empty(TestGateway.Plan("listeners: { db: { address: ':0', tcp: { to: app } } }\nupstreams: { app: { dns: { name: a.test, port: 1, scheme: tcp } } }").Problems);
        Assert.Contains("has http endpoints", Assert.Single(TestGateway.Plan("listeners: { db: { address: ':0', tcp: { to: app } } }\nupstreams: { app: { dns: a.test:1 } }").Problems).Message, StringComparison.Ordinal);
        Assert.Contains("to which no request can be sent", Assert.Single(TestGateway.Plan(Yaml("dns: { name: a.test, port: 1, scheme: tcp }")).Problems).Message, StringComparison.Ordinal);
    }

    private static string Yaml(string source) => $$"""
        listeners: { web: { address: ":0" } }
        upstreams: { app: { {{source}} } }
        routes: { all: { match: { path: "/**" }, to: app } }
        """;
}
