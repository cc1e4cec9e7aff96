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
