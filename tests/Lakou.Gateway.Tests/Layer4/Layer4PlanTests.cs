using Lakou.Gateway.Layer4;
using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Layer4;

public sealed class Layer4PlanTests
{
    private const string Upstreams = """

        upstreams:
          pg: { endpoints: [ tcp://127.0.0.1:5432, "unix:/run/pg.sock" ] }
          sock: { endpoints: [ "unix:/run/a.sock" ] }
          dns: { endpoints: [ udp://127.0.0.1:53 ] }
          app: { endpoints: [ http://127.0.0.1:80 ] }
        """;

    [Fact]
    public void Everything_that_may_be_written_is_read()
    {
        var (plan, problems) = TestGateway.Plan("""
            listeners:
              db: { address: ":1", tcp: { to: pg, idle: 1h, proxy-protocol: v2 }, limits: { connections: 7 }, accept-proxy: [ 10.0.0.0/8, "::1" ] }
              edge: { address: ":2", tcp: { sni: { a.example.org: pg, "*.example.net": sock } } }
              dns: { address: ":1", udp: { to: dns, idle: 5s, sessions: 10 } }
            """ + Upstreams);
        Assert.Empty(problems);
        Assert.Equal(("pg", TimeSpan.FromHours(1), ProxyProtocol.V2), (plan.Listeners["db"].Tcp!.To, plan.Listeners["db"].Tcp!.Idle, plan.Listeners["db"].Tcp!.ProxyProtocol));
        Assert.Equal(["tcp", "tcp", "udp"], plan.Listeners.Values.Select(listener => listener.Scheme));
        Assert.Equal((TimeSpan.FromMinutes(10), ProxyProtocol.Off), (plan.Listeners["edge"].Tcp!.Idle, plan.Listeners["edge"].Tcp!.ProxyProtocol));
        Assert.Equal(10, plan.Listeners["dns"].Options.Udp!.Sessions);
    }

    [Theory]
    [InlineData("tcp: {}", "tcp: leads nowhere; add 'to' with an upstream, or 'sni' with upstreams by name")]
    [InlineData("tcp: { to: gp }", "tcp.to: unknown upstream 'gp'; did you mean 'pg'?")]
    [InlineData("tcp: { to: app }", "tcp.to: upstream 'app' has http endpoints; a listener with 'tcp' needs tcp://host:port or unix:/path")]
    [InlineData("tcp: { to: dns }", "tcp.to: upstream 'dns' has udp endpoints; a listener with 'tcp' needs tcp://host:port or unix:/path")]
    [InlineData("tcp: { sni: { a.example.org: app } }", "tcp.sni.a.example.org: upstream 'app' has http endpoints; a listener with 'tcp' needs tcp://host:port or unix:/path")]
    [InlineData("tcp: { sni: { a.example.org: nobody } }", "tcp.sni.a.example.org: unknown upstream 'nobody'; known: pg, sock, dns, app")]
    [InlineData("tcp: { sni: { \"a.*\": pg } }", "tcp.sni.a.*: '*' stands only in front, as a whole label: '*.example.org', not 'a.*'")]
    [InlineData("tcp: { sni: { 127.0.0.1: pg } }", "tcp.sni.127.0.0.1: '127.0.0.1' is an address, which no client sends (RFC 6066); use a host name, or 'to' for clients without one")]
    [InlineData("tcp: { sni: { a.org: pg, A.org: pg } }", "tcp.sni.A.org: 'a.org' is here twice; once is enough")]
    [InlineData("tcp: { to: pg, idle: 10ms }", "tcp.idle: 10ms is not allowed; 1s to 7d")]
    [InlineData("tcp: { to: pg }, tls: { certificates: [] }", "tls.certificates: 0 entries are not allowed; 1 entry or more")]
    [InlineData("tcp: { to: pg }, protocols: [ http1 ]", "protocols: 'protocols' has no meaning beside 'tcp', which takes address, accept-proxy, limits")]
    [InlineData("tcp: { to: pg }, limits: { body: 1KiB }", "limits.body: 'body' has no meaning beside 'tcp'; of the limits it has connections")]
    [InlineData("tcp: { to: pg }, udp: { to: dns }", "udp: 'udp' has no meaning beside 'tcp', which takes address, accept-proxy, limits")]
    [InlineData("udp: {}", "udp: required key 'to' is missing")]
    [InlineData("udp: { to: pg }", "udp.to: upstream 'pg' has tcp endpoints; a listener with 'udp' needs udp://host:port")]
    [InlineData("udp: { to: sock }", "udp.to: upstream 'sock' has unix endpoints; a listener with 'udp' needs udp://host:port")]
    [InlineData("udp: { to: dns }, limits: { connections: 1 }", "limits: 'limits' has no meaning beside 'udp', which takes address")]
    [InlineData("udp: { to: dns }, accept-proxy: [ 127.0.0.1 ]", "accept-proxy: 'accept-proxy' has no meaning beside 'udp', which takes address")]
    public void What_cannot_be_meant_is_a_problem(string listener, string problem)
        => Assert.Contains("listeners.web." + problem, ProblemsOf($"listeners: {{ web: {{ address: \":1\", {listener} }} }}"));

    [Fact]
    public void A_unix_socket_takes_no_datagrams()
        => Assert.Contains("listeners.web.address: a Unix socket takes no datagrams here; use an address with a port, such as :53", ProblemsOf("listeners: { web: { address: \"unix:/tmp/a\", udp: { to: dns } } }"));

    [Fact]
    public void A_route_leads_to_no_endpoint_of_layer_4()
        => Assert.Equal(
            ["routes.a.to: upstream 'pg' has tcp endpoints, to which no request can be sent; use http://host:port, or a listener with 'tcp'"],
            ProblemsOf("routes: { a: { match: { path: / }, to: pg } }"));

    [Theory]
    [InlineData("tcp://127.0.0.1:1, http://127.0.0.1:2", "http://127.0.0.1:2 stands beside tcp endpoints")]
    [InlineData("\"unix:/a\", udp://127.0.0.1:2", "unix:/a stands beside udp endpoints")]
    public void An_upstream_speaks_one_protocol(string endpoints, string problem)
        => Assert.Equal([$"upstreams.x.endpoints: {problem}; an upstream's endpoints speak one protocol"], ProblemsOf("", $"upstreams: {{ x: {{ endpoints: [ {endpoints} ] }} }}"));

    private static string[] ProblemsOf(string yaml, string upstreams = Upstreams)
        => [.. TestGateway.Plan(yaml + upstreams).Problems.Select(problem => $"{problem.Path}: {problem.Message}")];
}
