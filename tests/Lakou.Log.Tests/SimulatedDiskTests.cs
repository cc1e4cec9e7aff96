using Lakou.Core.Disk;
using Lakou.Log.Tests.Harness;

namespace Lakou.Log.Tests;

/// <summary>What the tests of durable state stand on.</summary>
public sealed class SimulatedDiskTests
{
    [Fact]
    public void What_was_synced_survives_and_what_was_not_may_not()
    {
        var disk = new SimulatedDisk();
        disk.CreateDirectory("/a");
        using (var file = disk.Open("/a/file", create: true))
        {
            file.Write("one"u8, 0);
            file.Sync();
            disk.SyncDirectory("/a");
            file.Write("two"u8, 0);
            file.Write("more"u8, 3);
        }

        Assert.Equal("twomore"u8, disk.Contents("/a/file"));
        Assert.Equal("one"u8, disk.Crash(null).Contents("/a/file"));
    }

    [Fact]
    public void Each_sector_of_a_write_survives_for_itself_and_whole()
    {
        var outcomes = new HashSet<string>();
        for (var seed = 0; seed < 200; seed++)
        {
            var disk = new SimulatedDisk();
            disk.CreateDirectory("/a");
            using var file = disk.Open("/a/file", create: true);
            file.Write(new byte[1536], 0);
            file.Sync();
            disk.SyncDirectory("/a");
            file.Write(Enumerable.Repeat((byte)1, 1536).ToArray(), 0);
            outcomes.Add(string.Concat(disk.Crash(new Random(seed)).Contents("/a/file").Chunk(512).Select(sector => string.Concat(sector.Distinct()))));
        }

        Assert.Equal(["000", "001", "010", "011", "100", "101", "110", "111"], outcomes.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Names_are_durable_after_their_directory_is_synced()
    {
        var outcomes = new HashSet<string>();
        for (var seed = 0; seed < 100; seed++)
        {
            var disk = new SimulatedDisk();
            disk.CreateDirectory("/a");
            using (var file = disk.Open("/a/old", create: true))
            {
                file.Write("x"u8, 0);
                file.Sync();
            }

            disk.SyncDirectory("/a");
            disk.Rename("/a/old", "/a/new");
            outcomes.Add(string.Join(',', disk.Crash(new Random(seed)).Files("/a")));
        }

        Assert.Equal(["new", "old"], outcomes.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_killed_process_loses_nothing_that_was_written_and_its_files_are_dead()
    {
        var disk = new SimulatedDisk();
        disk.CreateDirectory("/a");
        using var file = disk.Open("/a/file", create: true);
        file.Write("one"u8, 0);
        var next = disk.Kill();
        Assert.Equal("one"u8, next.Contents("/a/file"));
        Assert.Throws<PowerLoss>(() => file.Write("two"u8, 0));
        Assert.Throws<PowerLoss>(() => disk.Open("/a/file"));
        Assert.Empty(next.Crash(null).Files("/a"));
    }

    [Fact]
    public void A_failed_sync_leaves_pages_that_no_later_sync_writes()
    {
        var isLost = false;
        for (var seed = 0; seed < 20; seed++)
        {
            var disk = new SimulatedDisk();
            disk.CrashAt(0, inside: false, new Random(seed));
            disk.CreateDirectory("/a");
            using var file = disk.Open("/a/file", create: true);
            disk.SyncDirectory("/a");
            file.Write("one"u8, 0);
            disk.FailAt(disk.Operations + 1, DiskFailure.Broken);
            Assert.Throws<DiskException>(file.Sync);
            file.Sync();
            isLost |= disk.Crash(null).Contents("/a/file").Length == 0;
        }

        Assert.True(isLost);
    }

    [Fact]
    public void Room_ends_within_a_write()
    {
        var disk = new SimulatedDisk { Capacity = 1024 };
        disk.CreateDirectory("/a");
        using var file = disk.Open("/a/file", create: true);
        Assert.Equal(DiskFailure.Full, Assert.Throws<DiskException>(() => file.Write(new byte[2000], 0)).Failure);
        Assert.Equal((1024L, 0L), (file.Length, disk.FreeBytes("/a")));
        file.SetLength(0);
        Assert.Equal(1024, disk.FreeBytes("/a"));
    }
}
