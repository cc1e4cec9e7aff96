using Lakou.Gateway.Tests.Harness;
using Lakou.Gateway.Upstreams.Health;

namespace Lakou.Gateway.Tests.Upstreams;

/// <summary>
/// What health saves when the network to an endpoint goes bad. Everything is counted in requests, and the gateway's time passes only
/// when a request waits for it, so that no number depends on the machine.
/// </summary>
public sealed class ChaosTests
{
    private const int Requests = 200;

    /// <summary>Of four endpoints in turn one fails: with nothing done about it, every fourth request.</summary>
    private const int Lost = Requests / 4;

    // Five failures eject. The ejection is carried out on the thread pool: some more may come meanwhile.
    private const int MostLost = Lost / 2;

    [Theory]
    [InlineData("refuses connections", "502")]
    [InlineData("closes connections", "502")]
    [InlineData("resets before the first byte", "502")]
    [InlineData("answers what is no HTTP", "502")]
    [InlineData("never answers", "504")]
    [InlineData("resets within the answer", "cut or 502")] // it may overtake what was sent before it
    [InlineData("stalls within the answer", "cut")]
    public async Task A_bad_endpoint_costs_five_requests_instead_of_a_quarter(string fault, string outcome)
    {
        var (without, none) = await SufferAsync(fault, "passive: { failures: 0 }");
        var (with, reason) = await SufferAsync(fault, "");
        TestContext.Current.TestOutputHelper!.WriteLine($"| {fault} | {outcome} | {without.Failed} | {with.Failed} | {100 * (without.Failed - with.Failed) / without.Failed}% |");

        Assert.Equal((Lost, Lost, HealthState.Healthy), (without.Failed, without.Of(outcome), none.State));
        Assert.Equal(with.Failed, with.Of(outcome));
        Assert.InRange(with.Failed, 5, MostLost);
        Assert.StartsWith("5 failures in a row, the last ", reason.Reason, StringComparison.Ordinal);

        async Task<(ChaosWorld.Tally Tally, HealthStatus Status)> SufferAsync(string what, string health)
        {
            await using var world = await ChaosWorld.OpenAsync(health, more: "pool: { size: 0 }\n    timeouts: { response: 1s, idle: 1s }");
            Spoil(world.Networks[0], what);
            var tally = await world.AskAsync(Requests);
            await world.Health.BecomesAsync(0, health.Length > 0 ? HealthState.Healthy : HealthState.Ejected);
            return (tally, world.Health.Endpoint(0).Health.Status);
        }
    }

    [Fact]
    public async Task A_storm_of_requests_loses_little_more()
    {
        await using var world = await ChaosWorld.OpenAsync();
        Assert.Equal(0, (await world.StormAsync(200, workers: 8)).Failed);
        world.Networks[2].Do(Chaos.ResetAfter(0));
        var tally = await world.StormAsync(1000, workers: 8);
        TestContext.Current.TestOutputHelper!.WriteLine($"1000 requests, 8 at a time: {tally}");
        Assert.InRange(tally.Failed, 5, 1000 / 4 / 2);
        await world.Health.BecomesAsync(2, HealthState.Ejected);
    }

    [Fact]
    public async Task Probes_take_an_endpoint_out_before_a_request_meets_it_and_bring_it_back()
    {
        await using var world = await ChaosWorld.OpenAsync("active: { path: /, interval: 1s, timeout: 500ms, jitter: 0%, unhealthy-after: 2, healthy-after: 2 }, passive: { failures: 0 }");
        Assert.Equal(0, (await world.AskAsync(40)).Failed);
        world.Networks[0].Do(Chaos.Silent);
        await world.Health.PassUntilAsync(0, HealthState.Unhealthy, 0.1);
        Assert.Equal(0, (await world.AskAsync(Requests)).Failed);

        world.Networks[0].Do(Chaos.Pass);
        await world.Health.PassUntilAsync(0, HealthState.Healthy, 0.1);
        var shares = await world.SharesAsync(async () => Assert.Equal(0, (await world.AskAsync(Requests)).Failed));
        Assert.InRange(shares[0], Lost, Requests); // and some probes
    }

    [Fact]
    public async Task Each_ejection_in_a_row_lasts_longer_until_the_endpoint_is_well()
    {
        await using var world = await ChaosWorld.OpenAsync();
        world.Networks[1].Refuse();
        foreach (var seconds in new[] { 30, 60, 90 })
        {
            var tally = await world.AskAsync(Lost);
            Assert.InRange(tally.Failed, 5, MostLost);
            await world.Health.BecomesAsync(1, HealthState.Ejected);
            var passed = await world.Health.PassUntilAsync(1, HealthState.Healthy);
            Assert.True(passed >= TimeSpan.FromSeconds(seconds - 1), $"It was back after {passed}, not {seconds} s");
        }

        world.Networks[1].Do(Chaos.Pass);
        var shares = await world.SharesAsync(async () => Assert.Equal(0, (await world.AskAsync(Requests)).Failed));
        Assert.Equal(Lost, shares[1]);
    }

    [Theory]
    [InlineData("", 2)] // 50%
    [InlineData("passive: { max-ejected: 100% }", 3)]
    public async Task No_more_are_ejected_than_may_be(string health, int ejected)
    {
        await using var world = await ChaosWorld.OpenAsync(health);
        for (var i = 1; i < 4; i++)
        {
            world.Networks[i].Refuse();
        }

        await world.AskAsync(Requests);
        await Waiting.UntilAsync(() => world.Health.Lines.Count(line => line.Contains(" is ejected: ", StringComparison.Ordinal)) == ejected);
        var tally = await world.AskAsync(Requests);
        Assert.Equal(ejected == 2 ? Requests / 2 : 0, tally.Failed); // in turn with the one that may not be ejected
    }

    [Fact]
    public async Task Where_all_are_bad_all_are_used_and_an_end_of_the_fault_is_seen_at_once()
    {
        await using var world = await ChaosWorld.OpenAsync("passive: { max-ejected: 100% }");
        Array.ForEach(world.Networks, network => network.Do(Chaos.Close));
        Assert.Equal(100, (await world.AskAsync(100)).Failed);
        await Waiting.UntilAsync(() => world.Health.Lines.Any(line => line.EndsWith("(panic)", StringComparison.Ordinal)));

        Array.ForEach(world.Networks, network => network.Do(Chaos.Pass));
        var shares = await world.SharesAsync(async () => Assert.Equal(0, (await world.AskAsync(Requests)).Failed));
        Assert.All(shares, share => Assert.Equal(Lost, share));
        Assert.True(world.Health.Upstream.Health.IsPanic); // until an ejection has passed
    }

    [Fact]
    public async Task An_endpoint_that_fails_every_other_request_is_seen_by_its_share_only()
    {
        await using var world = await ChaosWorld.OpenAsync("passive: { failure-share: 40%, window: 10s, min-requests: 50 }");
        world.Networks[0].Play(number => number % 2 == 0 ? Chaos.Close : Chaos.Pass);
        Assert.Equal(Lost / 2, (await world.AskAsync(Requests)).Failed);
        Assert.Equal(HealthState.Healthy, world.Health.State(0)); // never five in a row

        await world.Health.PassUntilAsync(0, HealthState.Ejected);
        Assert.Contains("25 of 50 requests failed within 10s", world.Health.Endpoint(0).Health.Status.Reason, StringComparison.Ordinal);
        Assert.Equal(0, (await world.AskAsync(Requests)).Failed);
    }

    [Fact]
    public async Task An_endpoint_that_comes_and_goes_is_gone_for_longer_each_time()
    {
        await using var world = await ChaosWorld.OpenAsync();
        var failed = 0;
        for (var i = 1; i <= 3; i++)
        {
            world.Networks[3].Refuse();
            failed += (await world.AskAsync(Lost)).Failed;
            await world.Health.BecomesAsync(3, HealthState.Ejected);
            Assert.Equal(i, world.Health.Endpoint(3).Health.Ejection.InRow);
            world.Networks[3].Do(Chaos.Pass);
            await world.Health.PassUntilAsync(3, HealthState.Healthy);
            Assert.Equal(0, (await world.AskAsync(Lost)).Failed);
        }

        Assert.InRange(failed, 15, 3 * MostLost);
    }

    [Fact]
    public async Task Idle_connections_that_the_network_resets_cost_no_request()
    {
        await using var world = await ChaosWorld.OpenAsync(more: "");
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal(0, (await world.StormAsync(100, workers: 8)).Failed);
            Array.ForEach(world.Networks, network => network.ResetAll());
        }

        Assert.All(Enumerable.Range(0, 4), i => Assert.Equal(HealthState.Healthy, world.Health.State(i)));
    }

    [Fact]
    public async Task A_trickle_is_slow_and_no_failure()
    {
        await using var world = await ChaosWorld.OpenAsync();
        world.Networks[0].Do(Chaos.Throttle(100, TimeSpan.FromSeconds(1)));
        var before = world.Health.Time.Now;
        Assert.Equal(0, (await world.StormAsync(8, workers: 1)).Failed);
        Assert.True(world.Health.Time.Now - before >= TimeSpan.FromSeconds(20), "Twice ten pauses");
        Assert.Equal(0, world.Health.Endpoint(0).Health.FailuresInRow);
    }

    [Theory]
    [InlineData("round-robin", Lost, Lost)]
    [InlineData("power-of-two", 0, MostLost)]
    [InlineData("least-latency", 0, MostLost)]
    public async Task A_slow_endpoint_gets_less_where_its_slowness_is_looked_at(string balance, int least, int most)
    {
        await using var world = await ChaosWorld.OpenAsync(balance: balance);
        world.Networks[0].Do(Chaos.Delay(TimeSpan.FromMilliseconds(200)));
        var before = world.Health.Time.Now;
        var shares = await world.SharesAsync(async () => Assert.Equal(0, (await world.StormAsync(Requests, workers: 8)).Failed));
        TestContext.Current.TestOutputHelper!.WriteLine($"| {balance} | {shares[0]} | {(world.Health.Time.Now - before).TotalSeconds:0.0} s |");
        Assert.InRange(shares[0], least, most);
    }

    private static void Spoil(ChaosProxy network, string fault)
    {
        if (fault == "refuses connections")
        {
            network.Refuse();
            return;
        }

        network.Do(fault switch
        {
            "closes connections" => Chaos.Close,
            "resets before the first byte" => Chaos.ResetAfter(0),
            "answers what is no HTTP" => Chaos.Corrupt,
            "never answers" => Chaos.Silent,
            "resets within the answer" => Chaos.ResetAfter(500),
            "stalls within the answer" => Chaos.StallAfter(500),
            _ => throw new ArgumentOutOfRangeException(nameof(fault)),
        });
    }
}
