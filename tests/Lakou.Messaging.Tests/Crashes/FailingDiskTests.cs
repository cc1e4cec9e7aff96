using Lakou.Core.Disk;
using Lakou.Gateway.Tests.Harness;
using Lakou.Log.Tests.Harness;
using Lakou.Messaging.Store;

namespace Lakou.Messaging.Tests.Crashes;

/// <summary>Each operation that a backbone makes on its disk fails once, or is the first of those for which there is no room.</summary>
public sealed class FailingDiskTests
{
    [Fact]
    public async Task A_disk_that_breaks_ends_the_store_and_the_next_start_has_all_that_was_answered()
    {
        var operations = await OperationsAsync();
        var failed = 0;
        for (var operation = 1; operation <= operations; operation++)
        {
            var disk = new SimulatedDisk();
            disk.CrashAt(0, inside: false, new Random(operation));
            disk.FailAt(operation, DiskFailure.Broken);
            var what = "";
            disk.Happening = (kind, path) => what = disk.Operations + 1 == operation ? $"operation {operation} failed, {kind} of {path}" : what;
            var memory = await Life.NewMemoryAsync();
            try
            {
                var life = await Life.StartAsync(disk, new ManualTime(), memory);
                await life.WorkAsync();
                failed += life.Store.Failed.IsCompleted ? 1 : 0;
            }
            catch (IOException)
            {
                failed++; // it did not start
            }

            // The kernel shows what it never wrote, and calls it clean; later the power goes off.
            var next = operation % 2 == 0 ? disk.Kill() : disk.Crash(new Random(operation));
            await LiveOnAsync(next, memory, what);
        }

        Assert.True(failed > operations / 2, $"{failed} of {operations}");
    }

    [Fact]
    public async Task A_full_disk_refuses_events_and_all_goes_on_when_there_is_room()
    {
        var operations = await OperationsAsync();
        var refused = 0;
        for (var operation = 1; operation <= operations; operation++)
        {
            var disk = new SimulatedDisk();
            disk.Happening = (_, _) => disk.Capacity = disk.Operations + 1 == operation ? disk.Capacity - disk.FreeBytes("/") : disk.Capacity;
            var memory = await Life.NewMemoryAsync();
            Life? life = null;
            try
            {
                life = await Life.StartAsync(disk, new ManualTime(), memory);
                await life.WorkAsync();
            }
            catch (StoreException)
            {
                // It did not start.
            }

            disk.Capacity = long.MaxValue;
            if (life is null)
            {
                disk = disk.Kill();
                life = await Life.StartAsync(disk, new ManualTime(), memory);
            }

            Assert.False(life.Store.Failed.IsCompleted, $"full at operation {operation}: {(life.Store.Failed.IsCompleted ? await life.Store.Failed : null)}");
            Assert.All(life.Faults, fault => Assert.Equal(StoreFaults.Full, fault.Code));
            refused += life.Faults.Count > 0 ? 1 : 0;
            life.Housekeep();
            await life.GoOnAsync();
            await Life.CheckAsync(disk.Crash(null), memory, $"full at operation {operation}");
        }

        Assert.True(refused > 0);
    }

    [Fact]
    public async Task On_a_full_disk_what_is_there_is_read_and_acknowledged_and_a_restart_works()
    {
        var disk = new SimulatedDisk();
        var memory = await Life.NewMemoryAsync();
        var time = new ManualTime();
        var life = await Life.StartAsync(disk, time, memory);
        disk.Capacity -= disk.FreeBytes("/");
        var published = 0;
        while (await life.PublishAsync("orders", $"{(char)('a' + (published % 26))}{published}"))
        {
            published++;
            Assert.True(published < 1000);
        }

        Assert.Equal(StoreFaults.Full, Assert.Single(life.Faults).Code);
        disk = disk.Kill();
        life = await Life.StartAsync(disk, time, memory);
        Assert.False(await life.PublishAsync("orders", "no"));
        var worked = await life.ReceiveAsync("strict", 3);
        Assert.Equal(3, worked.Count);
        Assert.Equal(3, (await life.AcknowledgeAsync("strict", worked))!.Done);

        disk.Capacity = long.MaxValue;
        life.Housekeep();
        Assert.True(await life.PublishAsync("orders", "yes"));
        await Life.CheckAsync(disk.Crash(null), memory, "after all");
    }

    [Fact]
    public async Task A_start_with_no_room_for_anything_serves_what_is_there_until_there_is()
    {
        var disk = new SimulatedDisk();
        var memory = await Life.NewMemoryAsync();
        var time = new ManualTime();
        var life = await Life.StartAsync(disk, time, memory);
        Assert.True(await life.PublishAsync("orders", "a1", "b1", "c1"));
        var worked = await life.ReceiveAsync("strict", 3);
        disk.Capacity -= disk.FreeBytes("/");
        for (var records = 0; life.Faults.Count == 0; records++)
        {
            Assert.True(records < 1000);
            await life.ExtendAsync("strict", worked);
        }

        disk = disk.Kill();
        life = await Life.StartAsync(disk, time, memory);
        life.Read();
        Assert.False(await life.PublishAsync("orders", "no"));
        Assert.Equal(0, (await life.AcknowledgeAsync("strict", worked))!.Done);
        Assert.All(life.Faults, fault => Assert.Equal(StoreFaults.Full, fault.Code));

        disk.Capacity = long.MaxValue;
        life.Housekeep();
        Assert.Equal(3, (await life.AcknowledgeAsync("strict", worked))!.Done);
        Assert.True(await life.PublishAsync("orders", "yes"));
        await Life.CheckAsync(disk.Crash(null), memory, "after all");
    }

    [Fact]
    public async Task A_disk_that_becomes_read_only_loses_nothing_and_all_goes_on_when_it_can_be_written()
    {
        var operations = await OperationsAsync();
        var wentOn = 0;
        for (var operation = 1; operation <= operations; operation++)
        {
            var disk = new SimulatedDisk();
            var isOver = false;
            disk.Happening = (_, _) => disk.IsReadOnly = !isOver && (disk.IsReadOnly || disk.Operations + 1 == operation);
            var memory = await Life.NewMemoryAsync();
            Life? life = null;
            try
            {
                life = await Life.StartAsync(disk, new ManualTime(), memory);
                await life.WorkAsync();
            }
            catch (StoreException)
            {
                // It did not start.
            }

            if (operation % 2 == 0 && life is { Store.Failed.IsCompleted: false })
            {
                wentOn++;
                isOver = true;
                life.Housekeep();
                life.Housekeep(); // what the commit of the first found unwritten
                await life.GoOnAsync();
            }

            await LiveOnAsync(disk.Kill(), memory, $"read-only at operation {operation}");
        }

        Assert.True(wentOn > operations / 4, $"{wentOn} of {operations}");
    }

    private static async Task<int> OperationsAsync()
    {
        var disk = new SimulatedDisk();
        await (await Life.StartAsync(disk, new ManualTime(), await Life.NewMemoryAsync())).WorkAsync();
        return disk.Operations;
    }

    private static async Task LiveOnAsync(SimulatedDisk disk, Memory memory, string what)
    {
        await Life.CheckAsync(disk, memory, what);
        await (await Life.StartAsync(disk, new ManualTime(), memory)).GoOnAsync();
        await Life.CheckAsync(disk.Crash(null), memory, $"{what}, and on");
    }
}
