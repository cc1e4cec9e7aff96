using Lakou.Core.Disk;
using Lakou.Log.Snapshots;
using Lakou.Log.Tests.Harness;

namespace Lakou.Log.Tests;

public sealed class SnapshotStoreTests
{
    private const string Directory = "/data/snapshots";

    [Fact]
    public void The_newest_is_loaded_with_its_chunks_in_order()
    {
        var disk = new SimulatedDisk();
        Assert.Equal(0ul, Load(disk).Lsn);
        Save(disk, 10);
        Save(disk, 20);
        var (lsn, chunks, damaged) = Load(disk.Crash(null));
        Assert.Equal(20ul, lsn);
        Assert.Equal(ChunksOf(20), chunks);
        Assert.Empty(damaged);
    }

    [Fact]
    public void Chunks_may_be_longer_than_any_buffer()
    {
        var disk = new SimulatedDisk();
        var large = TestJournal.Record(1, 1_200_000);
        new SnapshotStore(disk, Directory).Save(7, write =>
        {
            write(large);
            write(default);
            write(large);
        });
        Assert.Equal([1_200_000, 0, 1_200_000], Load(disk).Chunks.Select(chunk => chunk.Length));
        Assert.All(Load(disk).Chunks, chunk => Assert.True(chunk.Length == 0 || chunk.AsSpan().SequenceEqual(large)));
    }

    [Fact]
    public void The_last_two_are_kept_and_the_older_tells_where_the_journal_is_needed()
    {
        var disk = new SimulatedDisk();
        Assert.Equal(10ul, Save(disk, 10));
        Assert.Equal(10ul, Save(disk, 20));
        Assert.Equal(20ul, Save(disk, 30));
        Assert.Equal(["0000000000000014.snapshot", "000000000000001e.snapshot"], disk.Files(Directory));
    }

    [Fact]
    public void A_bit_that_flips_anywhere_leads_to_the_one_before()
    {
        var disk = Two();
        var path = Path.Combine(Directory, disk.Files(Directory)[1]);
        var length = disk.Contents(path).Length;
        for (var at = 0; at < length; at++)
        {
            for (var bit = 0; bit < 8; bit++)
            {
                var copy = disk.Copy();
                copy.Flip(path, at, (byte)(1 << bit));
                AssertOlder(copy);
            }
        }
    }

    [Fact]
    public void A_file_that_is_cut_or_longer_leads_to_the_one_before()
    {
        var disk = Two();
        var path = Path.Combine(Directory, disk.Files(Directory)[1]);
        var whole = disk.Contents(path).Length;
        for (var length = 0; length < whole + 20; length++)
        {
            if (length != whole)
            {
                var copy = disk.Copy();
                copy.Truncate(path, length);
                AssertOlder(copy);
            }
        }
    }

    [Fact]
    public void A_damaged_one_is_not_kept_for_a_good_one()
    {
        var disk = Two();
        disk.Flip(Path.Combine(Directory, disk.Files(Directory)[1]), 30, 1);
        var store = new SnapshotStore(disk, Directory);
        Assert.Equal(10ul, store.Load(_ => { }, _ => { }));
        Assert.Equal(10ul, store.Save(30, write => ChunksOf(30).ForEach(chunk => write(chunk))));
        Assert.Equal(["000000000000000a.snapshot", "000000000000001e.snapshot"], disk.Files(Directory));
    }

    [Fact]
    public void A_later_format_is_not_taken_for_damage()
    {
        var disk = Two();
        var path = Path.Combine(Directory, disk.Files(Directory)[1]);
        var bytes = disk.Contents(path);
        bytes[4] = 2;
        BitConverter.TryWriteBytes(bytes.AsSpan(bytes.Length - 4), Lakou.Core.Hashing.Crc32C.Of(bytes.AsSpan(0, bytes.Length - 4)));
        disk.Place(path, bytes, 0);
        Assert.Throws<JournalException>(() => Load(disk));
    }

    [Fact]
    public void The_power_may_go_off_at_any_operation_while_one_is_saved()
    {
        var start = Two();
        var operations = Operations(start.Copy());
        for (var operation = 1; operation <= operations; operation++)
        {
            for (var seed = 0; seed < 20; seed++)
            {
                var disk = start.Copy();
                disk.CrashAt(operation, seed % 2 == 0, new Random(seed));
                Assert.Throws<PowerLoss>(() => Save(disk, 30));
                var after = disk.Crash(new Random(seed));
                var (lsn, chunks, damaged) = Load(after);
                Assert.True(lsn is 20 or 30);
                Assert.Equal(ChunksOf(lsn), chunks);
                Assert.Empty(damaged);
                Save(after, 40);
                Assert.Equal(40ul, Load(after.Crash(null)).Lsn);
            }
        }

        static int Operations(SimulatedDisk disk)
        {
            Save(disk, 30);
            return disk.Operations;
        }
    }

    [Fact]
    public void A_full_disk_leaves_what_was_there_and_its_room()
    {
        var disk = Two();
        disk.Capacity = 8 << 10;
        var free = disk.FreeBytes(Directory);
        var store = new SnapshotStore(disk, Directory);
        Assert.Equal(DiskFailure.Full, Assert.Throws<DiskException>(() => store.Save(30, write => write(new byte[100_000]))).Failure);
        Assert.Equal(free, disk.FreeBytes(Directory));
        Assert.Equal(20ul, Load(disk).Lsn);
        disk.Capacity = long.MaxValue;
        Save(disk, 30);
        Assert.Equal(30ul, Load(disk).Lsn);
    }

    private static SimulatedDisk Two()
    {
        var disk = new SimulatedDisk();
        Save(disk, 10);
        Save(disk, 20);
        return disk.Crash(null);
    }

    private static void AssertOlder(SimulatedDisk disk)
    {
        var (lsn, chunks, damaged) = Load(disk);
        Assert.Equal(10ul, lsn);
        Assert.Equal(ChunksOf(10), chunks);
        Assert.Equal(["0000000000000014.snapshot"], damaged);
    }

    private static List<byte[]> ChunksOf(ulong lsn) => [.. Enumerable.Range(0, 5).Select(i => TestJournal.Record(((int)lsn * 10) + i, 8 + (i * 9)))];

    private static ulong Save(SimulatedDisk disk, ulong lsn) => new SnapshotStore(disk, Directory).Save(lsn, write => ChunksOf(lsn).ForEach(chunk => write(chunk)));

    private static (ulong Lsn, List<byte[]> Chunks, List<string> Damaged) Load(SimulatedDisk disk)
    {
        List<byte[]> chunks = [];
        List<string> damaged = [];
        var lsn = new SnapshotStore(disk, Directory).Load(chunk => chunks.Add(chunk.ToArray()), damaged.Add);
        return (lsn, chunks, damaged);
    }
}
