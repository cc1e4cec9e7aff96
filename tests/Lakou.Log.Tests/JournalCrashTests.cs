using System.IO.Pipelines;
using Lakou.Core.Disk;
using Lakou.Log.Segments;
using Lakou.Log.Tests.Harness;

namespace Lakou.Log.Tests;

/// <summary>The power goes off at every operation of a small workload, before it and inside it, and again at every operation of the recovery.</summary>
public sealed class JournalCrashTests
{
    private const int Seeds = 6;
    private const int Batches = 18;

    [Theory]
    [InlineData(SyncMode.Group)]
    [InlineData(SyncMode.Each)]
    public async Task No_committed_record_is_lost_wherever_the_power_goes_off(SyncMode mode)
    {
        var options = TestJournal.Small with { Sync = mode };
        var operations = await OperationsAsync(options);
        for (var operation = 1; operation <= operations + 1; operation++)
        {
            for (var seed = 0; seed < Seeds; seed++)
            {
                foreach (var inside in (bool[])[false, true])
                {
                    var what = $"{mode}, seed {seed}, operation {operation}{(inside ? ", inside" : "")}";
                    var (disk, history) = await WorkAsync(options, operation, inside, seed);
                    await LiveOnAsync(disk.Crash(new Random(seed)), options, history, what);
                }
            }
        }
    }

    [Theory]
    [InlineData(SyncMode.Group)]
    [InlineData(SyncMode.Each)]
    public async Task Nor_when_it_goes_off_again_while_the_journal_is_opened(SyncMode mode)
    {
        var options = TestJournal.Small with { Sync = mode };
        var operations = await OperationsAsync(options);
        for (var operation = 1; operation <= operations + 1; operation++)
        {
            for (var again = 1; ; again++)
            {
                var seed = (operation * 31) + again;
                var (disk, history) = await WorkAsync(options, operation, again % 2 == 0, seed);
                var second = disk.Crash(new Random(seed));
                second.CrashAt(again, again % 3 == 0, new Random(seed));
                try
                {
                    // What it finds may be shown as soon as it is open; not before.
                    await using var opened = TestJournal.Open(second, options);
                    break;
                }
                catch (PowerLoss)
                {
                    await LiveOnAsync(second.Crash(new Random(seed)), options, history, $"{mode}, operation {operation}, then {again}");
                }
            }
        }
    }

    [Fact]
    public async Task What_an_opened_journal_showed_is_there_after_a_loss_of_power()
    {
        var operations = await OperationsAsync(TestJournal.Small);
        for (var operation = 1; operation <= operations; operation++)
        {
            // 1. The process alone ends, so that what was not synced is seen by the next one.
            var (disk, history) = await WorkAsync(TestJournal.Small, operation, inside: true, seed: operation);
            var second = disk.Kill();
            var opened = TestJournal.Open(second);
            Assert.Null(history.Check(opened.Found));
            history.Accept(opened.Found.Count);

            // 2. Then the power, and the system had written nothing on its own.
            await LiveOnAsync(second.Crash(null), TestJournal.Small, history, $"operation {operation}");
        }
    }

    [Fact]
    public async Task So_is_what_a_start_was_given_that_did_not_come_to_its_end()
    {
        var operations = await OperationsAsync(TestJournal.Small);
        for (var operation = 1; operation <= operations; operation++)
        {
            // Whoever reads records may do for good what they say, such as delete files.
            var (disk, history) = await WorkAsync(TestJournal.Small, operation, inside: true, seed: operation);
            var second = disk.Kill();
            var given = 0ul;
            Journal.Open(second, TestJournal.Small, TimeProvider.System, 1, (_, records) => given += (ulong)Count(records), _ => { }, out _);
            second = (await WorkAsync(TestJournal.Small, operation, inside: true, seed: operation)).Disk.Kill();
            var left = given;
            try
            {
                Journal.Open(second, TestJournal.Small, TimeProvider.System, 1, (_, records) => left = (left -= (ulong)Count(records)) == 0 ? throw new PowerLoss("here") : left, _ => { }, out _);
            }
            catch (PowerLoss)
            {
                history.Promise(given);
            }

            await LiveOnAsync(second.Crash(null), TestJournal.Small, history, $"operation {operation}");
        }

        static int Count(BatchRecords records)
        {
            var count = 0;
            foreach (var _ in records)
            {
                count++;
            }

            return count;
        }
    }

    [Fact]
    public async Task A_segment_that_was_deleted_unused_does_not_come_back_into_the_way()
    {
        for (var seed = 0; seed < 60; seed++)
        {
            // 1. Three records, and a segment that was begun for the fourth.
            var disk = new SimulatedDisk();
            await TestJournal.Open(disk).FillAsync(1, 3);
            var head = disk.Contents(Path.Combine(TestJournal.Directory, SegmentFormat.NameOf(1)));
            SegmentFormat.TryRead(head, out var first);
            using (var begun = disk.Open(Path.Combine(TestJournal.Directory, SegmentFormat.NameOf(4)), create: true))
            {
                begun.Write(new byte[TestJournal.Small.SegmentBytes], 0);
                SegmentFormat.Write(head, first with { FirstLsn = 4 });
                begun.Write(head.AsSpan(0, SegmentFormat.HeadBytes), 0);
                begun.Sync();
            }

            disk.SyncDirectory(TestJournal.Directory);

            // 2. A start deletes it, and its process ends somewhere.
            disk = disk.Kill();
            disk.CrashAt(1 + (seed % 6), inside: seed % 2 == 0, new Random(seed));
            try
            {
                TestJournal.Open(disk);
            }
            catch (PowerLoss)
            {
                // the end of that life
            }

            // 3. The next one commits, and then the power goes off.
            disk = disk.Kill();
            var third = TestJournal.Open(disk);
            for (var i = 4; i <= 6; i++)
            {
                await third.CommitAsync(TestJournal.Record(i));
            }

            await using var last = TestJournal.Open(disk.Crash(new Random(seed)), from: 6);
            Assert.Equal([6ul], last.Found.Select(one => one.Lsn));
            Assert.Empty(last.Damages);
        }
    }

    [Fact]
    public async Task What_a_failed_sync_left_half_written_is_whole_or_gone_once_it_was_read()
    {
        var operations = await OperationsAsync(TestJournal.Small);
        for (var operation = 1; operation <= operations; operation++)
        {
            for (var seed = 0; seed < Seeds; seed++)
            {
                var disk = new SimulatedDisk();
                disk.CrashAt(0, inside: false, new Random(seed));
                disk.FailAt(operation, DiskFailure.Broken);
                var history = new History();
                await WorkAsync(disk, TestJournal.Small, history);

                // The kernel shows what it never wrote, and calls it clean.
                var second = disk.Kill();
                var opened = TestJournal.Open(second);
                Assert.Null(history.Check(opened.Found));
                history.Accept(opened.Found.Count);
                await LiveOnAsync(second.Crash(null), TestJournal.Small, history, $"operation {operation}, seed {seed}");
            }
        }
    }

    [Fact]
    public async Task A_store_that_tells_before_it_syncs_is_caught()
    {
        var operations = await OperationsAsync(TestJournal.Small);
        var caught = 0;
        for (var operation = 1; operation <= operations; operation++)
        {
            var disk = new SimulatedDisk { IsLying = true };
            var history = new History();
            disk.CrashAt(operation, inside: false, new Random(operation));
            await WorkAsync(disk, TestJournal.Small, history);
            await using var opened = TestJournal.Open(disk.Crash(new Random(operation)));
            caught += history.Check(opened.Found) is null ? 0 : 1;
        }

        Assert.True(caught > operations / 2, $"{caught} of {operations}");
    }

    [Fact]
    public async Task With_os_what_is_lost_is_reported_and_the_rest_is_in_order()
    {
        var options = TestJournal.Small with { Sync = SyncMode.Os };
        var isHole = false;
        for (var seed = 0; seed < 50; seed++)
        {
            var (disk, history) = await WorkAsync(options, int.MaxValue, inside: false, seed);
            await using var opened = TestJournal.Open(disk.Crash(new Random(seed)), options);
            var expected = 1ul;
            foreach (var (lsn, payload) in opened.Found)
            {
                Assert.True(lsn == expected || opened.Damages.Any(damage => damage.FirstLsn == expected && damage.NextLsn == lsn && damage.IsUnsynced));
                Assert.Equal(history.At(lsn), payload);
                isHole |= lsn != expected;
                expected = lsn + 1;
            }
        }

        Assert.True(isHole);
    }

    [Fact]
    public async Task With_os_nothing_is_lost_when_the_process_alone_ends()
    {
        var options = TestJournal.Small with { Sync = SyncMode.Os };
        var operations = await OperationsAsync(options);
        for (var operation = 1; operation <= operations; operation++)
        {
            var (disk, history) = await WorkAsync(options, operation, inside: true, operation);
            await using var opened = TestJournal.Open(disk.Kill(), options);
            Assert.Null(history.Check(opened.Found));
        }
    }

    private static async Task<int> OperationsAsync(JournalOptions options)
        => (await WorkAsync(options, int.MaxValue, inside: false, seed: 0)).Disk.Operations;

    private static async Task<(SimulatedDisk Disk, History History)> WorkAsync(JournalOptions options, int crashAt, bool inside, int seed)
    {
        var disk = new SimulatedDisk();
        var history = new History();
        disk.CrashAt(crashAt, inside, new Random(seed));
        await WorkAsync(disk, options, history);
        return (disk, history);
    }

    /// <summary>Batches of one to three records of all lengths, over several segments, until the disk ends it.</summary>
    private static async Task WorkAsync(SimulatedDisk disk, JournalOptions options, History history)
    {
        var random = new Random(7);
        try
        {
            var journal = TestJournal.Open(disk, options);
            for (var batch = 0; batch < Batches; batch++)
            {
                journal.Journal.PrepareOnce();
                List<(ulong Lsn, Task Committed)> waiting = [];
                for (var left = random.Next(1, 4); left > 0; left--)
                {
                    var record = TestJournal.Record(history.Appended, random.Next(4, 700));
                    history.Append(record);
                    var lsn = journal.Journal.Append(record);
                    waiting.Add((lsn, journal.Journal.CommittedAsync(lsn, PipeScheduler.Inline).AsTask()));
                }

                journal.Journal.CommitOnce();
                foreach (var (lsn, committed) in waiting)
                {
                    await committed;
                    history.Promise(lsn);
                }
            }
        }
        catch (IOException)
        {
            // The end of this life: power lost, or the journal failed.
        }
    }

    /// <summary>A start finds all that was promised, appends more, and the start after that finds that too.</summary>
    private static async Task LiveOnAsync(SimulatedDisk disk, JournalOptions options, History history, string what)
    {
        var opened = TestJournal.Open(disk, options);
        Assert.True(history.Check(opened.Found) is null, $"{what}: {history.Check(opened.Found)}");
        Assert.True(opened.Damages.Count == 0, $"{what}: {opened.Damages.FirstOrDefault()}");
        history.Accept(opened.Found.Count);
        for (var i = 0; i < 3; i++)
        {
            var record = TestJournal.Record(1000 + i, 900);
            history.Append(record);
            opened.Journal.PrepareOnce();
            await opened.CommitAsync(record);
            history.Promise(opened.Journal.CommittedLsn);
        }

        await using var third = TestJournal.Open(disk.Crash(null), options);
        Assert.True(history.Check(third.Found) is null, $"{what}, and on: {history.Check(third.Found)}");
        Assert.True(third.Damages.Count == 0, $"{what}, and on: {third.Damages.FirstOrDefault()}");
    }
}
