using Lakou.Gateway.Upstreams.Health;

namespace Lakou.Gateway.Tests.Upstreams.Health;

public sealed class PanicTests
{
    [Fact]
    public async Task Below_the_share_all_are_used_and_it_is_told_once()
    {
        await using var world = await HealthWorld.OpenAsync("panic: 50%, passive: { max-ejected: 100% }", HealthWorld.Names(4));
        await world.FailAsync(0);
        await world.FailAsync(1);
        Assert.DoesNotContain('0', world.Picks(8));
        Assert.False(world.Upstream.Health.IsPanic); // half is not below half
        await world.FailAsync(2);
        Assert.Equal("01230123", world.Picks(8));
        Assert.True(world.HasMetric("""lakou_upstream_panic{upstream="app"} 1"""));
        Assert.True(world.HasMetric("""lakou_upstream_panics_total{upstream="app"} 1"""));
        await world.FailAsync(3);
        Assert.Equal("01230123", world.Picks(8));

        await world.PassUntilAsync(3, HealthState.Healthy);
        Assert.False(world.Upstream.Health.IsPanic);
        Assert.True(world.HasMetric("""lakou_upstream_panic{upstream="app"} 0"""));
        Assert.Equal(
            "Error: Upstream app: only 1 of 4 endpoints in service are healthy: all 4 get traffic, whatever is known of them (panic)",
            Assert.Single(world.Lines, line => line.EndsWith("(panic)", StringComparison.Ordinal)));
        Assert.Single(world.Lines, line => line.EndsWith("(panic is over)", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Failures_in_panic_do_not_lengthen_an_ejection()
    {
        await using var world = await HealthWorld.OpenAsync("passive: { max-ejected: 100% }", HealthWorld.Names(2));
        await world.FailAsync(0);
        await world.FailAsync(1);
        Assert.True(world.Upstream.Health.IsPanic);
        await world.FailAsync(0, 20);
        Assert.InRange(await world.PassUntilAsync(0, HealthState.Healthy), TimeSpan.FromSeconds(29.5), TimeSpan.FromSeconds(40));
        Assert.Equal(1, world.Endpoint(0).Health.Ejection.InRow);
    }

    [Fact]
    public async Task What_was_taken_out_by_hand_stays_out()
    {
        await using var world = await HealthWorld.OpenAsync("panic: 100%, passive: { max-ejected: 100% }", HealthWorld.Names(3));
        world.Upstream.Health.SetByHand(world.Endpoint(2), HealthState.Disabled);
        Assert.False(world.Upstream.Health.IsPanic);
        await world.FailAsync(0);
        Assert.True(world.Upstream.Health.IsPanic);
        Assert.Equal("010101", world.Picks(6));
    }

    [Fact]
    public async Task With_panic_off_nobody_is_left_where_nobody_is_healthy()
    {
        await using var world = await HealthWorld.OpenAsync("panic: 0%, passive: { max-ejected: 100% }", HealthWorld.Names(2));
        await world.FailAsync(0);
        await world.FailAsync(1);
        Assert.Equal("---", world.Picks(3));
        Assert.Equal("503", await world.AskAsync());
    }

    [Fact]
    public async Task With_all_taken_out_by_hand_there_is_no_endpoint()
    {
        await using var world = await HealthWorld.OpenAsync("panic: 100%", HealthWorld.Names(2));
        world.Upstream.Health.SetByHand(world.Endpoint(0), HealthState.Draining);
        world.Upstream.Health.SetByHand(world.Endpoint(1), HealthState.Disabled);
        Assert.Equal("503", await world.AskAsync());
        Assert.Contains("upstream/no-endpoint", (await world.Gateway.LogAsync(1))[0], StringComparison.Ordinal);
        world.Upstream.Health.SetByHand(world.Endpoint(1), HealthState.Healthy);
        Assert.Equal("11", world.Picks(2));
    }
}
