using System.Globalization;
using Lakou.Gateway.Tests.Harness;
using Lakou.Log;
using Lakou.Log.Tests.Harness;
using Lakou.Messaging.Store;

namespace Lakou.Messaging.Tests.Crashes;

/// <summary>The power goes off, or the process ends, at every operation that a backbone makes on its disk: before it, inside it, and once more while it starts again.</summary>
public sealed class PowerTests
{
    // More of them: LAKOU_SEEDS=50.
    private static readonly int s_seeds = int.Parse(Environment.GetEnvironmentVariable("LAKOU_SEEDS") ?? "2", CultureInfo.InvariantCulture);

    [Fact]
    public async Task What_was_answered_holds_wherever_the_power_goes_off()
    {
        foreach (var fate in await FatesAsync())
        {
            for (var seed = 0; seed < s_seeds; seed++)
            {
                var memory = fate.Memory.Fork();
                await LiveOnAsync(fate.Disk.Copy().Crash(seed == 0 ? null : new Random((fate.Operation * s_seeds) + seed)), memory, $"before operation {fate.Operation}, seed {seed}");
            }
        }
    }

    [Fact]
    public async Task And_when_the_process_alone_ends_there_even_if_the_power_goes_off_after_the_next_start()
    {
        foreach (var fate in await FatesAsync())
        {
            await LiveOnAsync(fate.Disk.Copy().Kill(), fate.Memory.Fork(), $"killed before operation {fate.Operation}");
        }
    }

    [Fact]
    public async Task Also_inside_an_operation()
    {
        var operations = (await FatesAsync()).Count;
        for (var operation = 1; operation <= operations; operation++)
        {
            for (var seed = 0; seed < s_seeds; seed++)
            {
                var disk = new SimulatedDisk();
                var random = new Random((operation * s_seeds) + seed);
                disk.CrashAt(operation, inside: true, random);
                var memory = await Life.NewMemoryAsync();
                await EndAsync(async () => await (await Life.StartAsync(disk, new ManualTime(), memory)).WorkAsync());
                await LiveOnAsync(seed == 0 ? disk.Kill() : disk.Crash(random), memory, $"inside operation {operation}, seed {seed}");
            }
        }
    }

    [Fact]
    public async Task And_again_while_it_starts()
    {
        foreach (var fate in await FatesAsync())
        {
            // Each start is cut at some of its operations; which ones goes round with the fates, so that all are cut.
            const int Stride = 13;
            for (var again = 1 + (fate.Operation % Stride); ; again += Stride)
            {
                var what = $"before operation {fate.Operation}, then at {again}";
                var random = new Random((fate.Operation * 31) + again);
                var disk = fate.Disk.Copy().Crash(random);
                disk.CrashAt(again, again % 2 == 0, random);
                var memory = fate.Memory.Fork();
                if (!await EndAsync(async () => await Life.StartAsync(disk, new ManualTime(), memory)))
                {
                    break;
                }

                await Life.CheckAsync(disk.Crash(random), memory, what);
            }
        }
    }

    [Fact]
    public async Task A_disk_that_only_says_that_it_synced_is_found_out()
    {
        var disk = new SimulatedDisk { IsLying = true };
        var memory = await Life.NewMemoryAsync();
        await (await Life.StartAsync(disk, new ManualTime(), memory)).WorkAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => Life.CheckAsync(disk.Crash(null), memory, "lying"));
    }

    /// <summary>A life, and the disk and what was known before each of its operations.</summary>
    private static async Task<IReadOnlyList<Fate>> FatesAsync()
    {
        List<Fate> fates = [];
        var disk = new SimulatedDisk();
        var memory = await Life.NewMemoryAsync();
        disk.Happening = (_, _) => fates.Add(new(disk.Operations + 1, disk.Copy(), memory.Fork()));
        var life = await Life.StartAsync(disk, new ManualTime(), memory);
        await life.WorkAsync();
        Assert.Empty(life.Faults);
        return fates;
    }

    private static async Task LiveOnAsync(SimulatedDisk disk, Memory memory, string what)
    {
        await Life.CheckAsync(disk, memory, what);
        var life = await Life.StartAsync(disk, new ManualTime(), memory);
        await life.GoOnAsync();
        await Life.CheckAsync(disk.Crash(null), memory, $"{what}, and on");
    }

    /// <returns>False when nothing ended it.</returns>
    private static async Task<bool> EndAsync(Func<Task> live)
    {
        try
        {
            await live();
            return false;
        }
        catch (Exception e) when (e is PowerLoss or JournalException or StoreException)
        {
            return true;
        }
    }

    private sealed record Fate(int Operation, SimulatedDisk Disk, Memory Memory);
}
