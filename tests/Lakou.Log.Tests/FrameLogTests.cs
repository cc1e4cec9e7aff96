using Lakou.Core.Disk;
using Lakou.Log.Frames;
using Lakou.Log.Tests.Harness;

namespace Lakou.Log.Tests;

public sealed class FrameLogTests
{
    private const string Directory = "/data/topic";

    // 72 bytes a frame, 56 a segment.
    private const long SegmentBytes = 4 << 10;

    [Fact]
    public void Frames_are_read_by_offset_from_memory_and_from_files()
    {
        var disk = new SimulatedDisk();
        using var log = Open(disk);
        Assert.Equal(0, log.Read(0, 100).Count);
        log.Append(0, 1000);
        Assert.Equal((0ul, 1000ul, 72_000L), (log.Start, log.End, log.Bytes));
        log.AssertHas(TestFrames.Range(0, 1000));
        log.Flush();
        log.AssertHas(TestFrames.Range(0, 1000));
        Assert.Equal(18, disk.Files(Directory).Count);
        Assert.Equal(18, log.Segments().Count);

        for (var from = 0ul; from < 1000; from += 7)
        {
            using var block = log.Read(from, 10 * 72, 5);
            Assert.Equal(Math.Min(5, Math.Min(1000, ((from / 56) + 1) * 56) - from), (ulong)block.Count);
            Assert.Equal(TestFrames.Of(from), block.Frames[..72]);
        }
    }

    [Theory]
    [InlineData(1, int.MaxValue, 1)] // one more than fits
    [InlineData(72, int.MaxValue, 1)]
    [InlineData(143, int.MaxValue, 1)]
    [InlineData(144, int.MaxValue, 2)]
    [InlineData(int.MaxValue, 3, 3)]
    [InlineData(int.MaxValue, int.MaxValue, 10)]
    public void A_read_ends_at_its_limits(int mostBytes, int mostFrames, int count)
    {
        using var log = Open(new SimulatedDisk());
        log.Append(0, 20);
        AssertCount(); // in memory
        log.Flush();
        AssertCount();

        void AssertCount()
        {
            using var block = log.Read(10, mostBytes, mostFrames);
            Assert.Equal(count, block.Count);
        }
    }

    [Fact]
    public void A_frame_that_is_longer_than_all_limits_is_read()
    {
        var disk = new SimulatedDisk();
        using var log = Open(disk);
        for (var offset = 0ul; offset < 6; offset++)
        {
            log.Append(TestFrames.Of(offset, offset % 2 == 0 ? 200_000 : 40));
        }

        Assert.Equal(6, log.ReadAll().Count);
        log.Flush();
        Assert.Equal(6, log.ReadAll().Count);
        log.Sync();
        using var again = Open(disk.Crash(null), end: 6);
        var all = again.ReadAll();
        Assert.Equal(6, all.Count);
        Assert.Equal(TestFrames.Of(2, 200_000), all[2]);
    }

    [Fact]
    public void An_offset_is_found_by_time()
    {
        var disk = new SimulatedDisk();
        using var log = Open(disk);
        log.Append(0, 500);
        log.CutBefore(100);
        Check(log, 100);
        log.Sync();
        using var again = Open(disk.Crash(null), start: 100, end: 500);
        Check(again, 100);
        Assert.Equal(TestFrames.TimeOf(300), again.TimeOf(300));
        Assert.Null(again.TimeOf(500));

        static void Check(FrameLog log, ulong start)
        {
            Assert.Equal(start, log.OffsetAt(0));
            Assert.Equal(log.End, log.OffsetAt(long.MaxValue));
            for (var offset = start; offset < log.End; offset++)
            {
                Assert.Equal(offset, log.OffsetAt(TestFrames.TimeOf(offset)));
                Assert.Equal(offset + 1, log.OffsetAt(TestFrames.TimeOf(offset) + 1));
            }
        }
    }

    [Fact]
    public void An_offset_is_found_by_time_beside_what_is_lost()
    {
        using var log = Open(new SimulatedDisk());
        log.Append(0, 100);
        log.Append(200, 300);
        Assert.Equal(50ul, log.OffsetAt(TestFrames.TimeOf(50)));
        Assert.InRange(log.OffsetAt(TestFrames.TimeOf(150)), 100ul, 200ul);
        Assert.Equal(250ul, log.OffsetAt(TestFrames.TimeOf(250)));
    }

    [Fact]
    public void What_was_synced_is_there_after_a_loss_of_power_and_what_was_not_is_made_again()
    {
        for (var seed = 0; seed < 60; seed++)
        {
            var disk = new SimulatedDisk();
            var log = Open(disk);
            log.Append(0, 150);
            log.Sync();
            log.Append(150, 400);
            log.Flush();

            // The journal knows the frames behind the synced ones, and gives them again; some of them may be others than those of the life before.
            using var again = Open(disk.Crash(new Random(seed)), end: 150);
            again.AssertHas(TestFrames.Range(0, 150));
            again.Append(100, 300);
            again.Settle();
            again.Append(300, 500, life: 1);
            Assert.Equal(500ul, again.End);
            var all = again.ReadAll();
            Assert.Equal(TestFrames.Range(0, 500), all.Keys);
            Assert.All(all, one => Assert.True(one.Value.AsSpan().SequenceEqual(TestFrames.Of(one.Key, life: one.Key < 300 ? 0 : 1)), $"seed {seed}, offset {one.Key}"));
        }
    }

    [Theory]
    [InlineData(SegmentBytes)]
    [InlineData(16 * SegmentBytes)] // all in the file that is there: no name is made, but some are deleted
    public void Nothing_of_a_life_that_was_not_committed_comes_back_after_a_sync(long segmentBytes)
    {
        for (var seed = 0; seed < 60; seed++)
        {
            var disk = new SimulatedDisk();
            var first = Open(disk);
            first.Append(0, 100);
            first.Sync();
            first.Append(100, 400);
            first.Sync();
            var second = disk.Crash(new Random(seed));
            var log = Open(second, end: 100, segmentBytes: segmentBytes);
            log.Settle();
            log.Append(100, 250, life: 1);
            log.Sync();

            using var third = Open(second.Crash(new Random(seed + 1)), end: 250);
            var all = third.ReadAll();
            Assert.Equal(TestFrames.Range(0, 250), all.Keys);
            Assert.All(all, one => Assert.True(one.Value.AsSpan().SequenceEqual(TestFrames.Of(one.Key, life: one.Key < 100 ? 0 : 1)), $"seed {seed}, offset {one.Key}"));
        }
    }

    [Fact]
    public void The_power_may_go_off_at_any_operation()
    {
        var whole = new SimulatedDisk();
        Assert.Equal(300ul, Work(whole));
        for (var operation = 1; operation <= whole.Operations; operation++)
        {
            for (var seed = 0; seed < 8; seed++)
            {
                var disk = new SimulatedDisk();
                disk.CrashAt(operation, seed % 2 == 0, new Random(seed));
                var synced = Work(disk);
                using var again = Open(disk.Crash(new Random(seed)), end: synced);
                again.AssertHas(TestFrames.Range(0, synced));
            }
        }

        static ulong Work(SimulatedDisk disk)
        {
            var synced = 0ul;
            try
            {
                var log = Open(disk);
                for (var from = 0ul; from < 300; from += 50)
                {
                    log.Append(from, from + 50);
                    log.Sync();
                    synced = from + 50;
                }
            }
            catch (PowerLoss)
            {
                // the end of this life
            }

            return synced;
        }
    }

    [Fact]
    public void Frames_behind_the_end_are_adopted_as_far_as_they_are_right()
    {
        var disk = new SimulatedDisk();
        using (var log = Open(disk))
        {
            log.Append(0, 300);
            log.Sync();
        }

        var damaged = disk.Copy();
        damaged.Flip(disk.Files(Directory).Select(name => Path.Combine(Directory, name)).ElementAt(4), 20 * 72 + 50, 1); // 56 · 4 + 20 = 244

        using var whole = Open(disk, end: 100);
        whole.AssertHas(TestFrames.Range(0, 100));
        Assert.Equal(250ul, whole.Adopt(250));
        whole.AssertHas(TestFrames.Range(0, 250));
        whole.Append(250, 260, life: 1);
        Assert.Equal(TestFrames.Of(255, life: 1), whole.ReadAll(255)[255]);

        using var part = Open(damaged, end: 100);
        Assert.Equal(244ul, part.Adopt(250));
        part.Append(250, 260);
        part.AssertHas([.. TestFrames.Range(0, 244), .. TestFrames.Range(250, 260)]);
        part.Sync();
        using var again = Open(damaged.Crash(null), end: 260);
        again.AssertHas(TestFrames.Range(0, 260).Where(offset => offset != 244)); // those behind the damaged one are right, too
    }

    [Fact]
    public void What_a_life_before_wrote_is_not_written_again()
    {
        var disk = new SimulatedDisk();
        using (var log = Open(disk))
        {
            log.Append(0, 300);
            log.Sync();
        }

        using var again = Open(disk, end: 50);
        var before = disk.Count(DiskOperation.Write);
        again.Append(50, 250);
        again.AssertHas(TestFrames.Range(0, 250));
        again.Flush();
        Assert.Equal(before, disk.Count(DiskOperation.Write));
        again.Append(250, 280, life: 1);
        again.Settle();
        var all = again.ReadAll();
        Assert.Equal(TestFrames.Range(0, 280), all.Keys);
        Assert.All(all, one => Assert.Equal(TestFrames.Of(one.Key, life: one.Key < 250 ? 0 : 1), one.Value));
    }

    [Fact]
    public void Adopting_goes_on_behind_what_was_given_again()
    {
        var disk = new SimulatedDisk();
        using (var log = Open(disk))
        {
            log.Append(0, 120);
            log.Sync();
        }

        using var again = Open(disk, end: 50);
        again.Append(50, 60);
        Assert.Equal(110ul, again.Adopt(110));
        again.Append(110, 130);
        again.AssertHas(TestFrames.Range(0, 130));
    }

    [Fact]
    public void A_gap_is_told_and_passed()
    {
        var disk = new SimulatedDisk();
        using var log = Open(disk);
        log.Append(0, 10);
        log.Append(25, 40);
        Check(log);
        log.Flush();
        Check(log);
        log.Sync();
        using var again = Open(disk.Crash(null), end: 40);
        Check(again);

        static void Check(FrameLog log)
        {
            log.AssertHas([.. TestFrames.Range(0, 10), .. TestFrames.Range(25, 40)]);
            Assert.Equal(25ul, log.Read(12, 100).LostUntil);
        }
    }

    [Fact]
    public void What_is_not_wanted_is_deleted_by_whole_segments()
    {
        var disk = new SimulatedDisk();
        using var log = Open(disk);
        log.Append(0, 300);
        log.Flush();
        log.CutBefore(120);
        Assert.Equal((120ul, 112ul), (log.Start, log.Segments()[0].First));
        Assert.Equal(120ul, log.Read(5, 100).LostUntil);
        log.AssertHas(TestFrames.Range(120, 300));
        log.CutBefore(1000);
        Assert.Single(disk.Files(Directory));
    }

    [Fact]
    public void A_full_disk_keeps_frames_in_memory_until_there_is_room()
    {
        var disk = new SimulatedDisk { Capacity = 20 << 10 };
        using var log = Open(disk);
        log.Append(0, 3000, 100);
        Assert.True(log.IsStuck);
        log.AssertHas(TestFrames.Range(0, 3000), 100);
        Assert.Equal(DiskFailure.Full, Assert.Throws<DiskException>(log.Sync).Failure);
        log.Flush();
        Assert.True(log.IsStuck);

        disk.Capacity = long.MaxValue;
        log.Flush();
        Assert.False(log.IsStuck);
        log.Append(3000, 3100, 100);
        log.AssertHas(TestFrames.Range(0, 3100), 100);
        log.Sync();
        using var again = Open(disk.Crash(null), end: 3100);
        again.AssertHas(TestFrames.Range(0, 3100), 100);
    }

    [Fact]
    public void A_disk_that_is_full_from_the_beginning_is_no_failure()
    {
        var disk = new SimulatedDisk { Capacity = 0 };
        using var log = Open(disk);
        log.Append(0, 100);
        log.Flush();
        Assert.True(log.IsStuck);
        log.AssertHas(TestFrames.Range(0, 100));
        disk.Capacity = long.MaxValue;
        log.Sync();
        using var again = Open(disk.Crash(null), end: 100);
        again.AssertHas(TestFrames.Range(0, 100));
    }

    [Fact]
    public void A_sync_that_failed_is_never_said_to_have_been_made_up_for()
    {
        var disk = new SimulatedDisk();
        using var log = Open(disk);
        log.Append(0, 10);
        log.Flush();
        disk.FailAt(disk.Operations + 1, DiskFailure.Broken);
        Assert.Throws<DiskException>(log.Sync);
        Assert.Throws<DiskException>(log.Sync);
    }

    [Fact]
    public void A_log_that_is_closed_has_nothing_to_read()
    {
        var log = Open(new SimulatedDisk());
        log.Append(0, 200);
        log.Dispose();
        using var block = log.Read(0, 100);
        Assert.Equal((0, null), (block.Count, block.LostUntil));
    }

    [Fact]
    public void No_damaged_byte_is_served_and_all_other_frames_are()
    {
        // Frames of three segments, lengths unlike each other; every byte, once known from writing and once after a restart.
        var disk = new SimulatedDisk();
        using (var log = Open(disk, segmentBytes: 600))
        {
            for (var offset = 0ul; offset < 24; offset++)
            {
                log.Append(TestFrames.Of(offset, (int)offset % 5 * 20));
            }

            log.Sync();
        }

        foreach (var path in disk.Files(Directory).Select(name => Path.Combine(Directory, name)))
        {
            var first = Convert.ToUInt64(Path.GetFileNameWithoutExtension(path), 16);
            var contents = disk.Contents(path);
            List<ulong> owners = [];
            for (var (at, offset) = (0, first); FrameHead.IsRight(contents.AsSpan(at)); offset++)
            {
                var length = FrameHead.Length(contents.AsSpan(at));
                owners.AddRange(Enumerable.Repeat(offset, length));
                at += length;
            }

            owners.AddRange(Enumerable.Repeat(ulong.MaxValue, contents.Length - owners.Count)); // zeros to the end of the sector

            for (var at = 0; at < contents.Length; at++)
            {
                foreach (var isKnown in (bool[])[false, true])
                {
                    var copy = disk.Copy();
                    using var log = Open(copy, end: 24, segmentBytes: 600);
                    if (isKnown)
                    {
                        Assert.Equal(24, log.ReadAll().Count);
                    }

                    copy.Flip(path, at, (byte)(1 << (at % 8)));
                    using var restarted = Open(copy, end: 24, segmentBytes: 600);
                    var all = (isKnown ? log : restarted).ReadAll();
                    Assert.Equal(TestFrames.Range(0, 24).Where(offset => offset != owners[at]), all.Keys);
                    Assert.All(all, one => Assert.Equal(TestFrames.Of(one.Key, (int)one.Key % 5 * 20), one.Value));
                }
            }
        }
    }

    [Fact]
    public void A_file_that_is_cut_serves_what_is_left()
    {
        var disk = new SimulatedDisk();
        using (var log = Open(disk))
        {
            log.Append(0, 100);
            log.Sync();
        }

        var path = Path.Combine(Directory, disk.Files(Directory)[0]);
        for (var length = 0; length < 56 * 72; length += 11)
        {
            foreach (var isKnown in (bool[])[false, true])
            {
                var copy = disk.Copy();
                using var log = Open(copy, end: 100);
                if (isKnown)
                {
                    Assert.Equal(100, log.ReadAll().Count);
                }

                copy.Truncate(path, length);
                using var restarted = Open(copy, end: 100);
                (isKnown ? log : restarted).AssertHas([.. TestFrames.Range(0, (ulong)length / 72), .. TestFrames.Range(56, 100)]);
            }
        }
    }

    [Fact]
    public void Bytes_of_an_event_that_look_like_frames_are_none_when_the_head_before_them_is_damaged()
    {
        var disk = new SimulatedDisk();
        var hostile = new byte[FrameHead.Bytes + 400];
        TestFrames.Of(5, 68).CopyTo(hostile, FrameHead.Bytes + 33);
        System.Buffers.Binary.BinaryPrimitives.WriteInt32LittleEndian(hostile, 400);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32LittleEndian(hostile.AsSpan(4), Lakou.Core.Hashing.Crc32C.Of(hostile.AsSpan(FrameHead.Bytes)));
        FrameHead.Seal(hostile, 2, TestFrames.TimeOf(2));
        using (var log = Open(disk))
        {
            log.Append(0, 2);
            log.Append(hostile);
            log.Append(3, 10);
            log.Sync();
        }

        disk.Flip(Path.Combine(Directory, disk.Files(Directory)[0]), (2 * 72) + 9, 1);
        using var again = Open(disk, end: 10);
        again.AssertHas([0, 1, .. TestFrames.Range(3, 10)]);
    }

    private static FrameLog Open(SimulatedDisk disk, ulong start = 0, ulong end = 0, long segmentBytes = SegmentBytes)
        => FrameLog.Open(disk, Directory, segmentBytes, start, end);
}
