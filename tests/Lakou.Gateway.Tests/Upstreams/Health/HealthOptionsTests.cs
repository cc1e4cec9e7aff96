using Lakou.Gateway.Tests.Harness;
using Lakou.Gateway.Upstreams.Health;

namespace Lakou.Gateway.Tests.Upstreams.Health;

public sealed class HealthOptionsTests
{
    [Fact]
    public void Everything_that_may_be_written_is_read()
    {
        var health = Read("""
            active: { path: /healthz, host: a.example.org, expect: [ 200-299, 404 ], contains: ok, interval: 1s, timeout: 500ms, jitter: 0%, healthy-after: 1, unhealthy-after: 2 },
            passive: { failures: 3, statuses: 502-504, window: 20s, failure-share: 40%, deviations: 1.9, min-requests: 10, eject-for: 1m, max-eject-for: 10m, max-ejected: 30% },
            panic: 50%
            """);
        Assert.Equal(new ActiveOptions
        {
            Path = "/healthz",
            Host = "a.example.org",
            Expect = new([new(200, 299), new(404, 404)]),
            Contains = "ok",
            Interval = TimeSpan.FromSeconds(1),
            Timeout = TimeSpan.FromMilliseconds(500),
            Jitter = 0,
            HealthyAfter = 1,
            UnhealthyAfter = 2,
        }, health.Active);
        Assert.Equal(new PassiveOptions
        {
            Failures = 3,
            Statuses = new([new(502, 504)]),
            Window = TimeSpan.FromSeconds(20),
            FailureShare = 0.4,
            Deviations = 1.9,
            MinRequests = 10,
            EjectFor = TimeSpan.FromMinutes(1),
            MaxEjectFor = TimeSpan.FromMinutes(10),
            MaxEjected = 0.3,
        }, health.Passive);
        Assert.Equal(0.5, health.Panic);
    }

    [Fact]
    public void Passive_is_on_and_active_is_off_where_nothing_is_written()
    {
        var health = Read("");
        Assert.Null(health.Active);
        Assert.Equal((5, 30, 300, 0.5, 0.01), (health.Passive.Failures, health.Passive.EjectFor.TotalSeconds, health.Passive.MaxEjectFor.TotalSeconds, health.Passive.MaxEjected, health.Panic));
        Assert.False(health.Passive.HasWindow);
        Assert.Equal(new ActiveOptions(), Read("active: {}").Active);
    }

    [Theory]
    [InlineData("active: { path: healthz }", "active.path: expected a path such as /healthz, not 'healthz'")]
    [InlineData("active: { path: \"/a b\" }", "active.path: expected a path such as /healthz, not '/a b'")]
    [InlineData("active: { path: /, host: \"a\\r\\nb\" }", "active.host: expected a host such as app.example.org, not ")]
    [InlineData("active: { path: /, expect: 200-100 }", "active.expect: expected a status such as 200, or a range such as 200-399, not '200-100'")]
    [InlineData("active: { path: /, expect: [ 99 ] }", "active.expect[0]: expected a status such as 200, or a range such as 200-399, not '99'")]
    [InlineData("active: { path: /, interval: 1ms }", "active.interval: 1ms is not allowed; 100ms to 1d")]
    [InlineData("active: { contains: ok }", "active: 'host', 'expect' and 'contains' are about an answer, and without 'path' none is asked for")]
    [InlineData("active: { expect: 200 }", "active: 'host', 'expect' and 'contains' are about an answer, and without 'path' none is asked for")]
    [InlineData("passive: { eject-for: 10m }", "passive: max-eject-for 5m is shorter than eject-for 10m; make it as long or longer")]
    [InlineData("passive: { max-ejected: 120% }", "passive.max-ejected: 120% is not allowed; 0% to 100%")]
    [InlineData("pasive: {}", ": unknown key 'pasive'; did you mean 'passive'?")]
    [InlineData("active: { grcp: {} }", "active.grcp: unknown key 'grcp'; did you mean 'grpc'?")]
    public void What_is_wrong_says_what_would_be_right(string health, string problem)
    {
        var (_, problems) = TestGateway.Plan(HealthWorld.Yaml(health, "http://127.0.0.1:1"));
        Assert.Contains($"upstreams.app.health{(problem[0] == ':' ? "" : ".")}{problem}", Assert.Single(problems).ToString().Replace("health.pasive:", "health:", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public void Udp_endpoints_have_no_probes()
    {
        var (_, problems) = TestGateway.Plan("upstreams: { dns: { endpoints: [ udp://127.0.0.1:53 ], health: { active: {} } } }");
        Assert.Contains("upstreams.dns.health.active: udp endpoints cannot be probed", Assert.Single(problems).ToString(), StringComparison.Ordinal);
    }

    private static HealthOptions Read(string health)
    {
        var (plan, problems) = TestGateway.Plan(HealthWorld.Yaml(health, "http://127.0.0.1:1"));
        Assert.Empty(problems);
        return plan.Upstreams["app"].Health;
    }
}
