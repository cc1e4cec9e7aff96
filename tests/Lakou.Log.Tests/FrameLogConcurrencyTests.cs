using Lakou.Core.Disk;
using Lakou.Log.Frames;
using Lakou.Log.Tests.Harness;

namespace Lakou.Log.Tests;

public sealed class FrameLogConcurrencyTests
{
    [Fact]
    public async Task Readers_see_every_frame_once_while_others_are_appended_synced_and_cut()
    {
        const ulong Last = 4000;
        var disk = new SimulatedDisk();
        using var log = FrameLog.Open(disk, "/data/topic", 2 << 10, 0, 0);
        var writing = Task.Run(() =>
        {
            for (var offset = 0ul; offset < Last; offset++)
            {
                log.Append(TestFrames.Of(offset));
                switch (offset % 100)
                {
                    case 30:
                        log.Flush();
                        break;
                    case 60:
                        log.Sync();
                        break;
                    case 90 when offset > 500:
                        log.CutBefore(offset - 500);
                        break;
                }
            }
        }, TestContext.Current.CancellationToken);
        await Task.WhenAll([writing, .. Enumerable.Range(0, 3).Select(reader => Task.Run(() => Read(log, reader)))]);

        static void Read(FrameLog log, int reader)
        {
            var from = 0ul;
            var random = new Random(reader);
            while (from < Last)
            {
                using var block = log.Read(from, random.Next(1, 3000));
                foreach (var frame in block)
                {
                    Assert.True(frame.SequenceEqual(TestFrames.Of(from)), $"offset {from}");
                    from++;
                }

                if (block.LostUntil is { } lost)
                {
                    Assert.InRange(lost, from + 1, log.Start); // cut, and nothing else
                    from = lost;
                }
            }
        }
    }

    [Fact]
    public async Task A_writer_puts_on_a_real_disk_what_others_append_and_read()
    {
        const ulong Last = 20_000;
        const int Longest = 4000;
        var directory = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            using (var writer = new FrameWriter())
            using (var log = FrameLog.Open(SystemDisk.Instance, directory, 1 << 20, 0, 0, writer))
            {
                writer.Start(_ => { });
                var writing = Task.Run(() => Append(log), TestContext.Current.CancellationToken);
                await Task.WhenAll([writing, .. Enumerable.Range(0, 3).Select(reader => Task.Run(() => Read(log, new Random(reader))))]);
            }

            using var again = FrameLog.Open(SystemDisk.Instance, directory, 1 << 20, 0, Last);
            Read(again, new Random(4));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }

        static byte[] Frame(ulong offset) => TestFrames.Of(offset, (int)(offset * 7919 % Longest));

        static void Append(FrameLog log)
        {
            for (var offset = 0ul; offset < Last; offset++)
            {
                log.Append(Frame(offset));
                if (offset % 3000 == 1000)
                {
                    log.Sync();
                }
            }
        }

        static void Read(FrameLog log, Random random)
        {
            for (var from = 0ul; from < Last;)
            {
                using var block = log.Read(from, random.Next(1, 100_000));
                Assert.Null(block.LostUntil);
                foreach (var frame in block)
                {
                    Assert.True(frame.SequenceEqual(Frame(from)), $"offset {from}");
                    from++;
                }
            }
        }
    }

    [Fact]
    public async Task A_writer_says_that_it_has_failed_and_keeps_what_it_could_not_write()
    {
        var disk = new SimulatedDisk();
        using var writer = new FrameWriter();
        using var log = FrameLog.Open(disk, "/data/topic", 1 << 20, 0, 0, writer);
        var failed = new TaskCompletionSource<Exception>(TaskCreationOptions.RunContinuationsAsynchronously);
        writer.Start(failed.SetResult);
        disk.FailAt(disk.Operations + 2, DiskFailure.Broken); // the first is that the file is made
        log.Append(0, 3000, 100);
        Assert.Equal(DiskFailure.Broken, Assert.IsType<DiskException>(await failed.Task).Failure);
        log.AssertHas(TestFrames.Range(0, 3000), 100);
    }

    [Fact]
    public async Task Segments_are_deleted_while_they_are_scanned()
    {
        for (var round = 0; round < 20; round++)
        {
            var disk = new SimulatedDisk();
            using (var log = FrameLog.Open(disk, "/data/topic", 2 << 10, 0, 0))
            {
                log.Append(0, 1000);
            }

            using var again = FrameLog.Open(disk, "/data/topic", 2 << 10, 0, 1000);
            var cutting = Task.Run(() =>
            {
                for (var start = 0ul; start < 900; start += 10)
                {
                    again.CutBefore(start);
                }
            }, TestContext.Current.CancellationToken);
            for (var from = 0ul; from < 1000;)
            {
                using var block = again.Read(from, 500);
                Assert.All(block.Offsets(), offset => Assert.Equal(from++, offset));
                Assert.True(block.LostUntil is null || block.LostUntil <= again.Start);
                from = block.LostUntil ?? from;
            }

            await cutting;
        }
    }
}
