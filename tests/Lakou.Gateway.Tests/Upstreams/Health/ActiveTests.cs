using Lakou.Gateway.Tests.Harness;
using Lakou.Gateway.Upstreams.Health;

namespace Lakou.Gateway.Tests.Upstreams.Health;

/// <summary>Probes by the clock, against endpoints that change their minds.</summary>
public sealed class ActiveTests
{
    // The timeout is long in the time of the tests, which passes faster than endpoints can answer.
    private const string Active = "active: { path: /healthz, interval: 1s, timeout: 1m, jitter: 0%, healthy-after: 2, unhealthy-after: 3 }";
    private const string Good = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    private const string Bad = "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n";

    [Fact]
    public async Task An_endpoint_is_unhealthy_after_three_failures_and_healthy_after_two_passes()
    {
        using var first = new Moody();
        using var second = new Moody();
        await using var world = await HealthWorld.OpenAsync(Active, first.Url, second.Url);
        await ProbesAsync(world, first, 2);
        first.Answer = Bad;
        var before = first.Probes;
        await world.PassUntilAsync(0, HealthState.Unhealthy, 0.1);
        Assert.True(first.Probes - before >= 3);
        Assert.Equal("11", world.Picks(2));
        Assert.Equal("status 500, not 200-399", world.Endpoint(0).Health.Status.Reason);

        first.Answer = Good;
        before = first.Probes;
        await world.PassUntilAsync(0, HealthState.Healthy, 0.1);
        Assert.True(first.Probes - before >= 2);
        Assert.Contains('0', world.Picks(2));
        Assert.StartsWith("Warning: Upstream app: " + first.Url + " is unhealthy, probes fail: status 500, not 200-399. 1 of 2 endpoints are healthy", world.Lines[0], StringComparison.Ordinal);
        Assert.Contains($$"""lakou_upstream_probes_total{upstream="app",endpoint="{{first.Url}}",outcome="status"} """, world.Gateway.Metrics(), StringComparison.Ordinal);
        Assert.Equal(HealthState.Healthy, world.State(1));
        Assert.Empty(world.Bugs);
    }

    [Fact]
    public async Task The_first_probe_of_an_endpoint_decides_at_once()
    {
        using var first = new Moody { Answer = "garbage\r\n" };
        using var second = new Moody();
        await using var world = await HealthWorld.OpenAsync(Active, first.Url, second.Url);
        Assert.Equal(HealthState.Healthy, world.State(0)); // until somebody has looked
        await world.PassUntilAsync(0, HealthState.Unhealthy, 0.1);
        Assert.Contains($$"""lakou_upstream_probes_total{upstream="app",endpoint="{{first.Url}}",outcome="answer"} """, world.Gateway.Metrics(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_first_probes_of_many_endpoints_are_spread_over_the_interval()
    {
        await using var world = await HealthWorld.OpenAsync("active: { path: /, interval: 10s }", HealthWorld.Names(64));
        var due = world.Upstream.Endpoints.Select(endpoint => (endpoint.Health.Probes.Due - world.Time.GetTimestamp()) / (double)TimeSpan.TicksPerSecond).ToArray();
        Assert.All(due, seconds => Assert.InRange(seconds, 0, 10));
        Assert.True(due.Max() - due.Min() > 5, string.Join(' ', due));
    }

    [Fact]
    public async Task A_hanging_probe_is_one_failure_and_no_second_runs_beside_it()
    {
        using var first = new RawUpstream();
        using var second = new Moody();
        await using var world = await HealthWorld.OpenAsync("active: { path: /, interval: 100ms, timeout: 60s }", first.Url, second.Url);
        var hanging = first.AcceptAsync();
        await world.Time.PassUntilAsync(hanging, TimeSpan.FromMilliseconds(50));
        using var peer = await hanging;
        await peer.ReadHeadAsync();
        await ProbesAsync(world, second, 5);
        Assert.Equal(1, first.Accepted);
        await world.PassUntilAsync(0, HealthState.Unhealthy);
        Assert.True(await peer.ClosesAsync());
        Assert.Equal("no whole answer within 1m", world.Endpoint(0).Health.Status.Reason);
    }

    [Fact]
    public async Task The_result_of_a_probe_of_a_former_plan_is_nobodys()
    {
        using var first = new RawUpstream();
        using var second = new Moody();
        await using var world = await HealthWorld.OpenAsync(Active, first.Url, second.Url);
        var old = first.AcceptAsync();
        await world.Time.PassUntilAsync(old, TimeSpan.FromMilliseconds(100));
        using var peer = await old;
        await peer.ReadHeadAsync();
        await world.Gateway.ApplyAsync(HealthWorld.Yaml("active: { path: /other, interval: 1h }", first.Url, second.Url));
        await peer.SendAsync(Bad);
        await Waiting.UntilAsync(() => !world.Endpoint(0).Health.Probes.IsRunning);
        Assert.Equal(HealthState.Healthy, world.State(0));
        Assert.DoesNotContain("lakou_upstream_probes_total{upstream=\"app\",endpoint=\"" + first.Url, world.Gateway.Metrics(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("routes: { hello: { match: { path: / }, respond: { body: hi } } }")]
    [InlineData("upstreams: { app: { endpoints: [ \"http://127.0.0.1:1\" ] } }")]
    public async Task Probes_of_what_has_left_end(string next)
    {
        using var first = new RawUpstream();
        await using var world = await HealthWorld.OpenAsync(Active, first.Url);
        var accepted = first.AcceptAsync();
        await world.Time.PassUntilAsync(accepted, TimeSpan.FromMilliseconds(100));
        using var peer = await accepted;
        await peer.ReadHeadAsync();
        var health = world.Endpoint(0).Health;
        await world.Gateway.ApplyAsync(next);
        Assert.True(await peer.ClosesAsync());
        await Waiting.UntilAsync(() => !health.Probes.IsRunning);
        world.Time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(1, first.Accepted);
        Assert.DoesNotContain(first.Url, world.Gateway.Metrics(), StringComparison.Ordinal);
        Assert.Empty(world.Bugs);
    }

    [Fact]
    public async Task Without_probes_in_the_next_plan_what_they_said_is_forgotten()
    {
        using var first = new Moody { Answer = Bad };
        using var second = new Moody();
        await using var world = await HealthWorld.OpenAsync(Active, first.Url, second.Url);
        await world.PassUntilAsync(0, HealthState.Unhealthy, 0.1);
        await world.Gateway.ApplyAsync(HealthWorld.Yaml("", first.Url, second.Url));
        Assert.Equal(HealthState.Healthy, world.State(0));
    }

    [Fact]
    public async Task A_reload_that_leaves_the_upstream_alone_keeps_what_probes_said()
    {
        using var first = new Moody { Answer = Bad };
        using var second = new Moody();
        await using var world = await HealthWorld.OpenAsync(Active, first.Url, second.Url);
        await world.PassUntilAsync(0, HealthState.Unhealthy, 0.1);
        var since = world.Endpoint(0).Health.Status.Since;
        await world.Gateway.ApplyAsync(HealthWorld.Yaml(Active, first.Url, second.Url).Replace("\"/**\"", "/other", StringComparison.Ordinal));
        Assert.Equal((HealthState.Unhealthy, since), (world.State(0), world.Endpoint(0).Health.Status.Since));

        // One that changes the probes keeps it too, until the first of the new ones has an answer.
        first.Answer = Good;
        await world.Gateway.ApplyAsync(HealthWorld.Yaml("active: { path: /new, interval: 1s }", first.Url, second.Url));
        Assert.Equal(HealthState.Unhealthy, world.State(0));
        await world.PassUntilAsync(0, HealthState.Healthy, 0.1);
    }

    [Fact]
    public async Task A_disabled_endpoint_is_not_probed_and_a_draining_one_is()
    {
        using var first = new Moody();
        using var second = new Moody();
        await using var world = await HealthWorld.OpenAsync(Active, first.Url, second.Url);
        world.Upstream.Health.SetByHand(world.Endpoint(0), HealthState.Disabled);
        world.Upstream.Health.SetByHand(world.Endpoint(1), HealthState.Draining);
        await ProbesAsync(world, second, 4);
        Assert.Equal(0, first.Probes);
        world.Upstream.Health.SetByHand(world.Endpoint(0), HealthState.Healthy);
        await ProbesAsync(world, first, 1);
    }

    [Fact]
    public async Task A_probe_verifies_the_certificate_and_what_was_set_by_hand_outlives_other_tls()
    {
        using var certificates = new Certificates();
        using var secure = new TlsUpstream(certificates.Write("app.test"), TlsUpstream.Answering(Good));
        var other = secure.Url.Replace("127.0.0.1", "127.0.0.2", StringComparison.Ordinal);
        await using var world = await HealthWorld.OpenAsync("active: { path: /, interval: 200ms, timeout: 1m }", secure.Url, other);
        await world.PassUntilAsync(0, HealthState.Unhealthy, 0.1);
        Assert.Contains("certificate", world.Endpoint(0).Health.Status.Reason, StringComparison.Ordinal);
        world.Upstream.Health.SetByHand(world.Endpoint(1), HealthState.Draining);

        var before = world.Endpoint(0);
        await world.Gateway.ApplyAsync(HealthWorld.Yaml("active: { path: /, interval: 200ms, timeout: 1m } }, tls: { verify: false", secure.Url, other));
        Assert.NotSame(before, world.Endpoint(0));
        Assert.Equal([HealthState.Healthy, HealthState.Draining], [world.State(0), world.State(1)]);
        await world.Time.PassUntilAsync(Waiting.UntilAsync(() => secure.Handshakes.Count > 2), TimeSpan.FromMilliseconds(100));
        await Waiting.UntilAsync(() => world.Gateway.Metrics().Contains($$"""lakou_upstream_probes_total{upstream="app",endpoint="{{secure.Url}}",outcome="pass"}""", StringComparison.Ordinal));
        Assert.Equal(HealthState.Healthy, world.State(0));
    }

    [Fact]
    public async Task A_process_that_dies_and_returns_is_followed_while_requests_succeed()
    {
        using var steady = new Moody();
        var flapping = new Moody();
        var url = flapping.Url;
        await using var world = await HealthWorld.OpenAsync("active: { interval: 200ms, timeout: 1m, unhealthy-after: 1, healthy-after: 1 }", url, steady.Url);
        for (var i = 0; i < 3; i++)
        {
            flapping.Dispose();
            await world.PassUntilAsync(0, HealthState.Unhealthy, 0.1);
            Assert.Equal(["200", "200", "200"], [await world.AskAsync(), await world.AskAsync(), await world.AskAsync()]);
            flapping = new Moody(url);
            await world.PassUntilAsync(0, HealthState.Healthy, 0.1);
            Assert.Equal(["200", "200", "200"], [await world.AskAsync(), await world.AskAsync(), await world.AskAsync()]);
        }

        flapping.Dispose();
    }

    /// <summary>Lets time pass until so many more probes have come.</summary>
    private static async Task ProbesAsync(HealthWorld world, Moody endpoint, int count)
    {
        var until = endpoint.Probes + count;
        await world.Time.PassUntilAsync(Waiting.UntilAsync(() => endpoint.Probes >= until), TimeSpan.FromMilliseconds(100));

        // Its answer is in when no probe runs.
        await world.Time.PassUntilAsync(Waiting.UntilAsync(() => !world.Upstream.Endpoints.Single(one => one.Address.Text == endpoint.Url).Health.Probes.IsRunning), TimeSpan.FromMilliseconds(1));
    }
}
