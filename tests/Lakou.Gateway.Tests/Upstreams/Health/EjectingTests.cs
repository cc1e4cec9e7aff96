using Lakou.Gateway.Upstreams.Health;

namespace Lakou.Gateway.Tests.Upstreams.Health;

/// <summary>The rules of ejection, in manual time, on counts that the test makes.</summary>
public sealed class EjectingTests
{
    private const string Passive = "passive: { failures: 5 }";

    [Fact]
    public async Task Failures_in_a_row_eject_and_time_brings_back()
    {
        await using var world = await HealthWorld.OpenAsync(Passive, HealthWorld.Names(3));
        await world.FailAsync(1, 4);
        world.Endpoint(1).Health.Succeeded();
        await world.FailAsync(1, 4);
        Assert.Equal("012012", world.Picks(6));
        await world.FailAsync(1, 1, threshold: 1);
        await world.BecomesAsync(1, HealthState.Ejected);
        Assert.DoesNotContain('1', world.Picks(6));
        Assert.True(world.HasMetric("""lakou_upstream_endpoint_state{upstream="app",endpoint="http://127.0.0.1:2",state="ejected"} 1"""));
        Assert.True(world.HasMetric("""lakou_upstream_ejections_total{upstream="app",endpoint="http://127.0.0.1:2",reason="failures"} 1"""));

        Assert.InRange(await world.PassUntilAsync(1, HealthState.Healthy), TimeSpan.FromSeconds(29.5), TimeSpan.FromSeconds(40));
        Assert.Contains('1', world.Picks(6));
        Assert.Equal(
            [
                "Warning: Upstream app: http://127.0.0.1:2 is ejected: 5 failures in a row, the last upstream/closed; for 30s. 2 of 3 endpoints are healthy",
                "Information: Upstream app: http://127.0.0.1:2 is healthy again, after 30s ejected. 3 of 3 endpoints are healthy",
            ],
            world.Lines.Select(line => line.Replace("31s", "30s", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_second_ejection_in_a_row_lasts_twice_as_long()
    {
        await using var world = await HealthWorld.OpenAsync(Passive, HealthWorld.Names(2));
        await world.FailAsync(0);
        await world.BecomesAsync(0, HealthState.Ejected);
        await world.PassUntilAsync(0, HealthState.Healthy);
        await world.FailAsync(0);
        await world.BecomesAsync(0, HealthState.Ejected);
        Assert.InRange(await world.PassUntilAsync(0, HealthState.Healthy), TimeSpan.FromSeconds(59.5), TimeSpan.FromSeconds(75));
    }

    [Fact]
    public async Task Attempts_from_before_the_return_are_not_held_against_an_endpoint()
    {
        await using var world = await HealthWorld.OpenAsync(Passive, HealthWorld.Names(2));
        var before = world.Time.GetTimestamp();
        await world.FailAsync(0);
        await world.BecomesAsync(0, HealthState.Ejected);
        await world.PassUntilAsync(0, HealthState.Healthy);
        for (var i = 0; i < 10; i++)
        {
            world.Endpoint(0).Health.Failed("upstream/response-timeout", before);
        }

        Assert.Equal(0, world.Endpoint(0).Health.FailuresInRow);
    }

    [Fact]
    public async Task A_single_endpoint_is_never_ejected()
    {
        await using var world = await HealthWorld.OpenAsync(Passive, HealthWorld.Names(1));
        await world.FailAsync(0, 12);
        Assert.Equal("0", world.Picks(1));
        Assert.DoesNotContain("lakou_upstream_ejections_withheld_total{", world.Gateway.Metrics(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_of_which_one_is_disabled_by_hand_count_as_one()
    {
        await using var world = await HealthWorld.OpenAsync(Passive, HealthWorld.Names(2));
        world.Upstream.Health.SetByHand(world.Endpoint(1), HealthState.Disabled);
        await world.FailAsync(0);
        Assert.Equal(HealthState.Healthy, world.State(0));
    }

    [Fact]
    public async Task No_more_are_ejected_than_max_ejected_allows()
    {
        await using var world = await HealthWorld.OpenAsync(Passive, HealthWorld.Names(4));
        await world.FailAsync(0);
        await world.FailAsync(1);
        await world.FailAsync(2);
        Assert.Equal([HealthState.Ejected, HealthState.Ejected, HealthState.Healthy, HealthState.Healthy], Enumerable.Range(0, 4).Select(world.State));
        Assert.True(world.HasMetric("""lakou_upstream_ejections_withheld_total{upstream="app",endpoint="http://127.0.0.1:3"} 1"""));

        // It goes on failing, and there is room again.
        await world.PassUntilAsync(0, HealthState.Healthy);
        await world.FailAsync(2);
        await world.BecomesAsync(2, HealthState.Ejected);
    }

    [Fact]
    public async Task Failures_that_come_at_once_from_many_threads_eject_once()
    {
        await using var world = await HealthWorld.OpenAsync(Passive, HealthWorld.Names(3));
        var now = world.Time.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 100; i++)
            {
                world.Endpoint(0).Health.Failed("upstream/closed", now);
            }
        })));
        await world.BecomesAsync(0, HealthState.Ejected);
        Assert.Equal(1, world.Endpoint(0).Health.Ejection.InRow);
        Assert.True(world.HasMetric("""lakou_upstream_ejections_total{upstream="app",endpoint="http://127.0.0.1:1",reason="failures"} 1"""));
    }

    [Fact]
    public async Task The_share_of_failures_in_a_window_ejects_with_enough_requests_only()
    {
        await using var world = await HealthWorld.OpenAsync("passive: { failures: 0, failure-share: 50%, min-requests: 10 }", HealthWorld.Names(4));
        await CountAsync(world, 0, good: 4, bad: 5); // nine requests
        await CountAsync(world, 1, good: 5, bad: 5);
        await CountAsync(world, 2, good: 6, bad: 5);
        await world.PassUntilAsync(1, HealthState.Ejected);
        Assert.Equal([HealthState.Healthy, HealthState.Ejected, HealthState.Healthy, HealthState.Healthy], Enumerable.Range(0, 4).Select(world.State));
        Assert.Contains("5 of 10 requests failed within 10s; for 30s", world.Endpoint(1).Health.Status.Reason, StringComparison.Ordinal);
        Assert.True(world.HasMetric("""lakou_upstream_ejections_total{upstream="app",endpoint="http://127.0.0.1:2",reason="failure-share"} 1"""));
        await world.PassUntilAsync(1, HealthState.Healthy); // what was counted does not count again in later windows
    }

    [Fact]
    public async Task The_worst_are_ejected_first_where_not_all_may_be()
    {
        await using var world = await HealthWorld.OpenAsync("passive: { failures: 0, failure-share: 10%, min-requests: 10 }", HealthWorld.Names(2));
        await CountAsync(world, 0, good: 8, bad: 2);
        await CountAsync(world, 1, good: 1, bad: 9);
        await world.PassUntilAsync(1, HealthState.Ejected);
        Assert.Equal(HealthState.Healthy, world.State(0));
    }

    [Fact]
    public async Task An_outlier_of_five_is_ejected()
    {
        await using var world = await HealthWorld.OpenAsync("passive: { failures: 0, deviations: 1.9, min-requests: 10 }", HealthWorld.Names(5));
        for (var i = 0; i < 5; i++)
        {
            await CountAsync(world, i, good: i == 3 ? 80 : 98, bad: i == 3 ? 20 : 2);
        }

        await world.PassUntilAsync(3, HealthState.Ejected);
        Assert.Equal(4, Enumerable.Range(0, 5).Count(i => world.State(i) == HealthState.Healthy));
    }

    [Theory]
    [InlineData(5, 2)] // all alike
    [InlineData(4, 90)] // too few for a distribution
    public async Task Without_an_outlier_among_enough_nobody_is_ejected(int endpoints, int bad)
    {
        await using var world = await HealthWorld.OpenAsync("passive: { failures: 0, deviations: 1.9, min-requests: 10 }", HealthWorld.Names(endpoints));
        for (var i = 0; i < endpoints; i++)
        {
            await CountAsync(world, i, good: 100, bad: i == 0 ? bad : 2);
        }

        // The window has closed when its counts are gone: a new failure is then the only one.
        await world.Time.PassUntilAsync(Harness.Waiting.UntilAsync(() => world.Time.Now > new DateTimeOffset(2025, 11, 21, 1, 52, 25, TimeSpan.Zero)), TimeSpan.FromSeconds(1));
        Assert.All(Enumerable.Range(0, endpoints), i => Assert.Equal(HealthState.Healthy, world.State(i)));
        Assert.Empty(world.Lines);
    }

    [Fact]
    public async Task A_reload_that_changes_the_upstream_keeps_what_is_known_of_endpoints_that_stay()
    {
        var names = HealthWorld.Names(4);
        await using var world = await HealthWorld.OpenAsync(Passive, names[0], names[1], names[2]);
        await world.FailAsync(0);
        await world.BecomesAsync(0, HealthState.Ejected);
        world.Upstream.Health.SetByHand(world.Endpoint(1), HealthState.Draining);
        world.Upstream.Health.SetWeightByHand(world.Endpoint(2), 7);
        var (kept, since) = (world.Endpoint(0), world.Endpoint(0).Health.Status.Since);
        world.Time.Advance(TimeSpan.FromSeconds(1));
        await world.Gateway.ApplyAsync(HealthWorld.Yaml("passive: { failures: 9 }", names));
        Assert.Equal([HealthState.Ejected, HealthState.Draining, HealthState.Healthy, HealthState.Healthy], Enumerable.Range(0, 4).Select(world.State));
        Assert.Same(kept, world.Endpoint(0));
        Assert.Equal(since, world.Endpoint(0).Health.Status.Since);
        Assert.Equal(7, world.Picks(8).Count(c => c == '2'));

        // Who leaves and comes again is new, and what is said of the former object moves nobody.
        await world.Gateway.ApplyAsync(HealthWorld.Yaml(Passive, names[3]));
        await world.Gateway.ApplyAsync(HealthWorld.Yaml(Passive, names));
        Assert.All(Enumerable.Range(0, 4), i => Assert.Equal(HealthState.Healthy, world.State(i)));
        for (var i = 0; i < 20; i++)
        {
            kept.Health.Failed("upstream/closed", world.Time.GetTimestamp());
        }

        Assert.Equal(0, kept.Health.FailuresInRow);
        Assert.Equal("0123", world.Picks(4));
    }

    [Fact]
    public async Task A_threshold_that_is_lowered_below_a_row_of_failures_still_ejects()
    {
        var names = HealthWorld.Names(2);
        await using var world = await HealthWorld.OpenAsync("passive: { failures: 9 }", names);
        await world.FailAsync(0, 6, threshold: 9);
        await world.Gateway.ApplyAsync(HealthWorld.Yaml("passive: { failures: 3 }", names));
        await world.FailAsync(0, 3, threshold: 3);
        await world.BecomesAsync(0, HealthState.Ejected);
    }

    private static Task CountAsync(HealthWorld world, int endpoint, int good, int bad)
    {
        var health = world.Endpoint(endpoint).Health;
        for (var i = 0; i < good; i++)
        {
            health.Answered(200, world.Time.GetTimestamp());
        }

        return world.FailAsync(endpoint, bad, threshold: int.MaxValue);
    }
}
