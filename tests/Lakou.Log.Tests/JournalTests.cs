using System.IO.Pipelines;
using Lakou.Log.Tests.Harness;

namespace Lakou.Log.Tests;

public sealed class JournalTests
{
    private static CancellationToken Guard => new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token;

    [Theory]
    [InlineData(SyncMode.Group)]
    [InlineData(SyncMode.Each)]
    [InlineData(SyncMode.Os)]
    public async Task What_was_committed_is_read_back_in_order(SyncMode mode)
    {
        var disk = new SimulatedDisk();
        var options = TestJournal.Small with { Sync = mode };
        var journal = TestJournal.Open(disk, options);
        Assert.Empty(journal.Found);
        for (var i = 1; i <= 100; i += 4)
        {
            journal.Journal.PrepareOnce();
            for (var one = i; one < i + 4; one++)
            {
                var record = TestJournal.Record(one, one * 3);
                Assert.Equal((ulong)one, journal.Journal.Append(record.AsSpan(0, one), record.AsSpan(one)));
            }

            Assert.True(journal.Journal.CommitOnce());
        }

        Assert.False(journal.Journal.CommitOnce());
        Assert.Equal(100ul, journal.Journal.CommittedLsn);
        await journal.DisposeAsync();

        await using var again = TestJournal.Open(disk, options);
        Assert.Equal(Enumerable.Range(1, 100).Select(i => (ulong)i), again.Found.Select(one => one.Lsn));
        Assert.All(again.Found, one => Assert.Equal(TestJournal.Record((int)one.Lsn, (int)one.Lsn * 3), one.Payload));
        Assert.Equal((0, 0L, 100ul), (again.Damages.Count, again.TornBytes, again.Journal.CommittedLsn));
        Assert.Equal(101ul, again.Journal.Append(default));
    }

    [Fact]
    public async Task Reading_begins_at_the_record_that_is_asked_for()
    {
        var disk = new SimulatedDisk();
        await using (var journal = TestJournal.Open(disk))
        {
            journal.Journal.PrepareOnce();
            for (var i = 1; i <= 6; i++)
            {
                journal.Journal.Append(TestJournal.Record(i));
            }

            journal.Journal.CommitOnce();
            await journal.FillAsync(7, 40);
        }

        for (var from = 1ul; from <= 46; from++)
        {
            await using var again = TestJournal.Open(disk, from: from);
            Assert.Equal((from, 46ul, 47 - (int)from), (again.Found[0].Lsn, again.Found[^1].Lsn, again.Found.Count));
            Assert.Empty(again.Damages);
        }

        await using var none = TestJournal.Open(disk, from: 47);
        Assert.Empty(none.Found);
        Assert.Empty(none.Damages);
        Assert.Equal(47ul, none.Journal.Append(default));
    }

    [Fact]
    public async Task Callers_that_come_during_a_sync_share_the_next_one()
    {
        var disk = new SimulatedDisk();
        await using var journal = TestJournal.Open(disk, TestJournal.Small with { SegmentBytes = 64 << 10 });
        journal.Journal.PrepareOnce();
        journal.Journal.Start();
        using var entered = new SemaphoreSlim(0);
        using var release = new SemaphoreSlim(0);
        var syncs = 0;
        disk.Happening = (operation, path) =>
        {
            if (operation == DiskOperation.Sync && path.EndsWith(".journal", StringComparison.Ordinal) && Interlocked.Increment(ref syncs) == 1)
            {
                entered.Release();
                release.Wait();
            }
        };

        var first = journal.Journal.CommittedAsync(journal.Journal.Append(TestJournal.Record(0))).AsTask();
        await entered.WaitAsync(Guard);
        var waiting = Enumerable.Range(1, 64).Select(i => journal.Journal.CommittedAsync(journal.Journal.Append(TestJournal.Record(i))).AsTask()).ToArray();
        Assert.False(first.IsCompleted);
        release.Release();
        await Task.WhenAll([first, .. waiting]).WaitAsync(Guard);

        Assert.Equal((2, 2L, 65L), (syncs, journal.Journal.Statistics.Commits, journal.Journal.Statistics.Records));
    }

    [Fact]
    public async Task With_each_every_record_has_a_sync_of_its_own()
    {
        var disk = new SimulatedDisk();
        await using var journal = TestJournal.Open(disk, TestJournal.Small with { Sync = SyncMode.Each });
        await journal.FillAsync(1, 1);
        var before = disk.Count(DiskOperation.Sync);
        for (var i = 0; i < 5; i++)
        {
            journal.Journal.Append(TestJournal.Record(i));
        }

        journal.Journal.CommitOnce();

        Assert.Equal(5, disk.Count(DiskOperation.Sync) - before);
    }

    [Fact]
    public async Task With_os_nothing_is_synced_but_the_end_of_a_segment()
    {
        var disk = new SimulatedDisk();
        await using var journal = TestJournal.Open(disk, TestJournal.Small with { Sync = SyncMode.Os });
        await journal.FillAsync(1, 2);
        var before = disk.Count(DiskOperation.Sync);
        await journal.FillAsync(3, 5);
        Assert.Equal(0, disk.Count(DiskOperation.Sync) - before);
    }

    [Fact]
    public async Task Nobody_is_told_before_the_sync()
    {
        var disk = new SimulatedDisk();
        await using var journal = TestJournal.Open(disk);
        await journal.FillAsync(1, 1);
        var isTold = false;
        Task? committed = null;
        disk.Happening = (operation, _) => isTold |= operation is DiskOperation.Write or DiskOperation.Sync && (committed!.IsCompleted || journal.Journal.CommittedLsn == 2);
        committed = journal.Journal.CommittedAsync(journal.Journal.Append(TestJournal.Record(2)), PipeScheduler.Inline).AsTask();
        journal.Journal.CommitOnce();

        Assert.False(isTold);
        Assert.True(committed.IsCompletedSuccessfully);
    }

    [Fact]
    public async Task The_follower_gets_batches_in_order_before_those_who_wait_and_with_the_time_that_recovery_reads()
    {
        var disk = new SimulatedDisk();
        var time = new DiskTime(disk);
        List<(long Time, ulong Lsn)> followed = [];
        await using (var journal = TestJournal.Open(disk, time: time))
        {
            Task? committed = null;
            journal.Journal.Follower = (at, records) =>
            {
                Assert.False(committed!.IsCompleted);
                foreach (var record in records)
                {
                    followed.Add((at, record.Lsn));
                }
            };
            for (var i = 1; i < 10; i++)
            {
                journal.Journal.PrepareOnce();
                committed = journal.Journal.CommittedAsync(journal.Journal.Append(TestJournal.Record(i)), PipeScheduler.Inline).AsTask();
                journal.Journal.CommitOnce();
                await committed;
            }
        }

        List<(long Time, ulong Lsn)> read = [];
        await using var again = Journal.Open(disk, TestJournal.Small, time, 1, (at, records) =>
        {
            foreach (var record in records)
            {
                read.Add((at, record.Lsn));
            }
        }, damage => Assert.Fail(damage.ToString()), out _);
        Assert.Equal(followed, read);
        Assert.Equal(9, read.Select(one => one.Time).Distinct().Count());
    }

    [Fact]
    public async Task Many_appenders_get_dense_numbers_and_each_its_own_record()
    {
        var disk = new SimulatedDisk();
        var options = TestJournal.Small with { SegmentBytes = 64 << 10, PendingBytes = 32 << 10 };
        var gate = new Lock();
        var byLsn = new SortedDictionary<ulong, byte[]>();
        await using (var journal = TestJournal.Open(disk, options))
        {
            journal.Journal.Start();
            await Task.WhenAll(Enumerable.Range(0, 8).Select(caller => Task.Run(async () =>
            {
                for (var i = 0; i < 50; i++)
                {
                    var record = TestJournal.Record((caller * 1000) + i, 100);
                    ulong? lsn = null;
                    while (lsn is null)
                    {
                        lock (gate)
                        {
                            if (journal.Journal.Room(record.Length, spare: true) == JournalRoom.Yes)
                            {
                                byLsn[(lsn = journal.Journal.Append(record)).Value] = record;
                            }
                        }

                        if (lsn is null)
                        {
                            await journal.Journal.RoomAsync().WaitAsync(Guard);
                        }
                    }

                    await journal.Journal.CommittedAsync(lsn.Value).AsTask().WaitAsync(Guard);
                    Assert.True(journal.Journal.CommittedLsn >= lsn);
                }
            })));
        }

        await using var again = TestJournal.Open(disk, options);
        Assert.Equal(byLsn.Keys, again.Found.Select(one => one.Lsn));
        Assert.Equal(byLsn.Values, again.Found.Select(one => one.Payload));
        Assert.Equal(400, again.Found.Count);
    }

    [Fact]
    public async Task Stopping_writes_what_waits_and_takes_nothing_more()
    {
        var disk = new SimulatedDisk();
        var journal = TestJournal.Open(disk);
        journal.Journal.Start();
        var committed = Enumerable.Range(0, 10).Select(i => journal.Journal.CommittedAsync(journal.Journal.Append(TestJournal.Record(i))).AsTask()).ToArray();
        await journal.DisposeAsync();
        await Task.WhenAll(committed).WaitAsync(Guard);

        Assert.Throws<JournalException>(() => journal.Journal.Append(default));
        Assert.False(journal.Journal.Failed.IsCompleted);
        await using var again = TestJournal.Open(disk);
        Assert.Equal(10, again.Found.Count);
    }

    [Fact]
    public async Task Records_are_read_beside_the_writer()
    {
        var disk = new SimulatedDisk();
        var options = TestJournal.Small with { SegmentBytes = 16 << 10, PendingBytes = 8 << 10 };
        await using var journal = TestJournal.Open(disk, options);
        var writing = Task.Run(() => journal.FillAsync(1, 300), Guard);
        while (!writing.IsCompleted)
        {
            var to = journal.Journal.CommittedLsn;
            var from = to > 40 ? to - 40 : 1;
            if (to > 0)
            {
                var found = TestJournal.Read(journal.Journal, from, to);
                Assert.Equal((from, true), (found[0].Lsn, found[^1].Lsn >= to));
                Assert.All(found, one => Assert.Equal(TestJournal.Record((int)one.Lsn), one.Payload));
            }
        }

        await writing;
    }

    [Fact]
    public async Task Segments_that_are_not_needed_go_and_some_are_used_again_and_reading_goes_on()
    {
        var disk = new SimulatedDisk();
        await using (var journal = TestJournal.Open(disk, TestJournal.Small with { FreeSegments = 2 }))
        {
            await journal.FillAsync(1, 100);
            var before = disk.Files(TestJournal.Directory).Count;
            journal.Journal.CutBefore(80);
            Assert.True(disk.Files(TestJournal.Directory).Count < before);
            Assert.Equal(2, Free().Count());
            Assert.Equal(80ul, TestJournal.Read(journal.Journal, 80, 100)[0].Lsn);

            await journal.FillAsync(101, 40);
            Assert.Empty(Free());
            journal.Journal.CutBefore(120);
            Assert.Equal(2, Free().Count());
            journal.Journal.GiveRoom();
            Assert.Empty(Free());
        }

        await using var again = TestJournal.Open(disk.Kill(), from: 120);
        Assert.Equal(Enumerable.Range(120, 21).Select(lsn => ((ulong)lsn, TestJournal.Record(lsn))), again.Found);
        Assert.Equal((0, 0L), (again.Damages.Count, again.TornBytes));

        IEnumerable<string> Free() => disk.Files(TestJournal.Directory).Where(name => name.EndsWith(".free", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_segment_of_another_size_is_not_used_again()
    {
        var disk = new SimulatedDisk();
        await using (var journal = TestJournal.Open(disk))
        {
            await journal.FillAsync(1, 100);
            journal.Journal.CutBefore(100);
        }

        await using var larger = TestJournal.Open(disk, TestJournal.Small with { SegmentBytes = 16 << 10 }, from: 100);
        await larger.FillAsync(101, 100);
        Assert.Equal(200ul, larger.Journal.CommittedLsn);
        Assert.DoesNotContain(disk.Files(TestJournal.Directory), name => name.EndsWith(".free", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_is_longer_than_a_segment_is_refused_before_it_is_anywhere()
    {
        var disk = new SimulatedDisk();
        await using var journal = TestJournal.Open(disk);
        journal.Journal.PrepareOnce();
        Assert.Throws<InvalidOperationException>(() => journal.Journal.Append(new byte[8 << 10]));
        await journal.CommitAsync(TestJournal.Record(1, (8 << 10) - 512 - 64));
        await using var again = TestJournal.Open(disk.Kill());
        Assert.Equal((8 << 10) - 512 - 64, Assert.Single(again.Found).Payload.Length);
    }

    [Fact]
    public async Task Smaller_segments_than_before_hide_nothing()
    {
        var disk = new SimulatedDisk();
        await using (var journal = TestJournal.Open(disk, TestJournal.Small with { SegmentBytes = 64 << 10 }))
        {
            await journal.FillAsync(1, 3, 20_000);
        }

        await using var again = TestJournal.Open(disk);
        Assert.Equal(3, again.Found.Count);
        await again.FillAsync(4, 10, 1000);
        await using var third = TestJournal.Open(disk);
        Assert.Equal(13, third.Found.Count);
    }

    [Fact]
    public void A_number_that_was_not_given_cannot_be_waited_for()
    {
        var journal = TestJournal.Open(new SimulatedDisk());
        Assert.Throws<ArgumentOutOfRangeException>(() => journal.Journal.CommittedAsync(1));
    }

    [Fact]
    public async Task Waiting_allocates_nothing_once_it_has_begun()
    {
        const int Callers = 16, Rounds = 500;
        await using var journal = TestJournal.Open(new ForgetfulDisk(), new(TestJournal.Directory));
        var record = TestJournal.Record(1);
        var waits = 0;
        for (var i = 0; i < Callers; i++)
        {
            _ = CallAsync();
        }

        var allocated = long.MaxValue;
        for (var attempts = 0; attempts < 5 && allocated >= 1024; attempts++) // what begins late may allocate once more
        {
            var (before, waitsBefore) = (GC.GetAllocatedBytesForCurrentThread(), waits);
            Commit(Rounds);
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.Equal(Callers * Rounds, waits - waitsBefore);
        }

        Assert.True(allocated < 1024, $"{allocated} bytes for {Callers * Rounds} waits");

        async Task CallAsync()
        {
            while (true)
            {
                await journal.Journal.CommittedAsync(journal.Journal.Append(record), PipeScheduler.Inline);
                waits++;
            }
        }

        void Commit(int rounds)
        {
            for (; rounds > 0; rounds--)
            {
                journal.Journal.CommitOnce();
            }
        }
    }

    [Fact]
    public void A_directory_is_held_by_one()
    {
        var disk = new SimulatedDisk();
        var held = disk.TryLock("/data/lock");
        Assert.NotNull(held);
        Assert.Null(disk.TryLock("/data/lock"));
        held.Dispose();
        Assert.NotNull(disk.TryLock("/data/lock"));
    }

    /// <summary>A clock that moves with each operation of a disk.</summary>
    private sealed class DiskTime : TimeProvider
    {
        private long _ticks = new DateTimeOffset(2025, 1, 1, 0, 0, 0, TimeSpan.Zero).Ticks;

        public DiskTime(SimulatedDisk disk) => disk.Happening += (_, _) => Interlocked.Add(ref _ticks, TimeSpan.TicksPerMillisecond);

        public override DateTimeOffset GetUtcNow() => new(Interlocked.Read(ref _ticks), TimeSpan.Zero);
    }
}
