using Lakou.Log;
using Lakou.Messaging.Store;

namespace Lakou.Messaging.Tests.Simulations;

/// <summary>Replay one: <c>LAKOU_SEED=17</c>.</summary>
public sealed class SimulationTests
{
    private const int Steps = 400;

    public static TheoryData<int> Seeds => [.. Environment.GetEnvironmentVariable("LAKOU_SEED") is { Length: > 0 } seed ? [int.Parse(seed)] : Enumerable.Range(1, int.Parse(Environment.GetEnvironmentVariable("LAKOU_SEEDS") ?? "60"))];

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Nothing_that_was_promised_is_broken_by_crashes(int seed) => await RunAsync(seed, new(Crashes: true));

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Nothing_that_was_promised_is_broken_without_crashes(int seed) => await RunAsync(seed, new(Crashes: false));

    [Fact]
    public async Task A_store_that_answers_before_its_disk_has_it_is_found_out()
        => await FindAsync(new(Crashes: true) { IsLying = true });

    [Fact]
    public async Task A_queue_that_releases_a_key_too_early_is_found_out()
        => await FindAsync(new(Crashes: false) { ReleasesEarly = true });

    private static async Task FindAsync(SimulationOptions broken)
    {
        for (var seed = 1; seed <= 50; seed++)
        {
            try
            {
                await new Run(seed, broken).RunAsync(Steps);
            }
            catch (Exception e) when (e is BrokenPromise or JournalException or StoreException)
            {
                return;
            }
        }

        Assert.Fail("50 runs of a broken build, and none was found");
    }

    private static async Task RunAsync(int seed, SimulationOptions options)
    {
        var simulation = new Run(seed, options);
        try
        {
            await simulation.RunAsync(Steps);
        }
        catch (Exception e)
        {
            Assert.Fail($"seed {seed}: {e}\n{simulation.Describe("strict")}\n{simulation.Describe("loose")}\n{string.Join('\n', simulation.Log.TakeLast(Environment.GetEnvironmentVariable("LAKOU_SEED") is null ? 80 : 100_000))}");
        }

        Assert.True(!options.Crashes || simulation.Crashes > 0 || Steps < 100);
    }
}
