using System.IO.Pipelines;
using Lakou.Core.Disk;
using Lakou.Gateway.Tests.Harness;
using Lakou.Log.Tests.Harness;

namespace Lakou.Log.Tests;

/// <summary>Segments that end, disks that are full or refuse, and syncs that fail.</summary>
public sealed class JournalRoomTests
{
    private static CancellationToken Guard => new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token;

    [Fact]
    public async Task A_segment_is_followed_by_the_one_that_was_prepared()
    {
        var disk = new SimulatedDisk();
        await using var journal = TestJournal.Open(disk);
        journal.Journal.PrepareOnce();
        Assert.Equal(["spare"], disk.Files(TestJournal.Directory));
        await journal.CommitAsync(TestJournal.Record(1, 4000));
        await journal.CommitAsync(TestJournal.Record(2, 3000));
        Assert.Equal(["0000000000000001.journal"], disk.Files(TestJournal.Directory));
        journal.Journal.PrepareOnce();
        var created = disk.Count(DiskOperation.Create);
        await journal.CommitAsync(TestJournal.Record(3, 4000));

        Assert.Equal(["0000000000000001.journal", "0000000000000003.journal"], disk.Files(TestJournal.Directory));
        Assert.Equal(created, disk.Count(DiskOperation.Create));
    }

    [Fact]
    public async Task A_full_disk_refuses_what_brings_data_and_lets_the_rest_go_on_for_a_quarter_of_a_segment()
    {
        var disk = new SimulatedDisk { Capacity = 12 << 10 };
        var history = new History();
        await using var journal = TestJournal.Open(disk);
        journal.Journal.PrepareOnce();
        await CommitWhileAsync(journal, history, spare: true);
        Assert.Equal(JournalRoom.Full, journal.Journal.Room(200, spare: true));
        Assert.Equal(JournalRoom.Yes, journal.Journal.Room(200, spare: false));

        var before = history.Appended;
        await CommitWhileAsync(journal, history, spare: false);
        Assert.InRange(history.Appended - before, 4, 8); // a sector is 512 bytes, a quarter of a segment 2 KiB
        Assert.Equal(JournalRoom.Full, journal.Journal.Room(200, spare: false));

        disk.Capacity = long.MaxValue;
        journal.Journal.PrepareOnce();
        Assert.Equal(JournalRoom.Yes, journal.Journal.Room(200, spare: true));
        await CommitWhileAsync(journal, history, spare: true, most: 3);
        Assert.False(journal.Journal.Failed.IsCompleted);

        await using var again = TestJournal.Open(disk.Crash(null));
        Assert.Null(history.Check(again.Found));
    }

    [Fact]
    public async Task Room_is_looked_for_every_second()
    {
        var time = new ManualTime();
        var disk = new SimulatedDisk { Capacity = 12 << 10 };
        var history = new History();
        await using var journal = TestJournal.Open(disk, time: time);
        journal.Journal.PrepareOnce();
        await CommitWhileAsync(journal, history, spare: true);
        journal.Journal.Start();
        var room = journal.Journal.Room(200, spare: true);
        disk.Capacity = long.MaxValue;
        while (room != JournalRoom.Yes)
        {
            Assert.Equal(JournalRoom.Full, room);
            await time.PassUntilAsync(journal.Journal.RoomAsync(), TimeSpan.FromSeconds(1));
            room = journal.Journal.Room(200, spare: true);
        }
    }

    [Fact]
    public async Task Who_is_woken_before_it_begins_to_wait_does_not_wait()
    {
        var disk = new SimulatedDisk();
        await using var journal = TestJournal.Open(disk);
        Assert.Equal(JournalRoom.Wait, journal.Journal.Room(200, spare: true));
        journal.Journal.PrepareOnce();
        Assert.True(journal.Journal.RoomAsync().IsCompletedSuccessfully);
        Assert.Equal(JournalRoom.Yes, journal.Journal.Room(200, spare: true));

        journal.Journal.Append(TestJournal.Record(1, 4000));
        Assert.Equal(JournalRoom.Wait, journal.Journal.Room(200, spare: true));
        var room = journal.Journal.RoomAsync();
        Assert.False(room.IsCompleted);
        journal.Journal.CommitOnce();
        await room.WaitAsync(Guard);
    }

    [Theory]
    [InlineData(SyncMode.Group)]
    [InlineData(SyncMode.Each)]
    [InlineData(SyncMode.Os)]
    public async Task Whatever_asks_for_room_first_never_makes_the_journal_fail(SyncMode mode)
    {
        var refused = 0;
        for (var seed = 0; seed < 100; seed++)
        {
            var random = new Random(seed);
            var disk = new SimulatedDisk { Capacity = random.Next(9, 40) << 10 };
            var options = TestJournal.Small with { Sync = mode };
            var history = new History();
            await using var journal = TestJournal.Open(disk, options);
            for (var step = 0; step < 300; step++)
            {
                var record = TestJournal.Record(history.Appended, random.Next(4, random.Next(10) == 0 ? 3000 : 300));
                switch (random.Next(4))
                {
                    case 0:
                        journal.Journal.PrepareOnce();
                        break;
                    case 1:
                        journal.Journal.CommitOnce();
                        break;
                    default:
                        if (journal.Journal.Room(record.Length, spare: random.Next(2) == 0) == JournalRoom.Yes)
                        {
                            history.Append(record);
                            journal.Journal.Append(record);
                        }
                        else
                        {
                            refused++;
                        }

                        break;
                }

                history.Promise(journal.Journal.CommittedLsn);
                Assert.False(journal.Journal.Failed.IsCompleted, $"{mode}, seed {seed}, step {step}");
            }

            await using var again = TestJournal.Open(disk.Kill(), options);
            Assert.Null(history.Check(again.Found));
        }

        Assert.True(refused > 1000);
    }

    [Fact]
    public async Task A_read_only_disk_that_is_seen_in_time_is_as_a_full_one()
    {
        var disk = new SimulatedDisk();
        await using var journal = TestJournal.Open(disk);
        await journal.FillAsync(1, 3);
        await journal.CommitAsync(TestJournal.Record(4, 3000));
        await journal.CommitAsync(TestJournal.Record(5, 4000)); // takes the prepared one
        disk.IsReadOnly = true;
        journal.Journal.PrepareOnce();
        Assert.Equal(JournalRoom.Full, journal.Journal.Room(20, spare: false));
        Assert.Equal(5, TestJournal.Read(journal.Journal, 1, 5).Count);

        disk.IsReadOnly = false;
        journal.Journal.PrepareOnce();
        Assert.Equal(JournalRoom.Yes, journal.Journal.Room(20, spare: true));
        await journal.CommitAsync(TestJournal.Record(6));
    }

    [Theory]
    [InlineData(SyncMode.Group)]
    [InlineData(SyncMode.Each)]
    [InlineData(SyncMode.Os)]
    public async Task What_a_read_only_disk_refuses_is_answered_to_nobody_and_written_when_it_can_be(SyncMode mode)
    {
        var disk = new SimulatedDisk();
        var options = TestJournal.Small with { Sync = mode };
        var history = new History();
        await using (var journal = TestJournal.Open(disk, options))
        {
            journal.Journal.PrepareOnce();
            await CommitWhileAsync(journal, history, spare: true, most: 3);

            // Two in the batch, and one more that joins the next while it is written; in mode each the first of them is written.
            Task[] refused = [AppendAsync(journal, history), AppendAsync(journal, history)];
            var left = mode == SyncMode.Each ? 1 : 0;
            disk.Happening = (operation, _) =>
            {
                if (operation == DiskOperation.Write && left-- == 0)
                {
                    disk.IsReadOnly = true;
                    refused = [.. refused, AppendAsync(journal, history)];
                }
            };
            Assert.False(journal.Journal.CommitOnce());
            Assert.Equal(3, refused.Length);
            foreach (var one in refused)
            {
                await Assert.ThrowsAsync<JournalException>(() => one.WaitAsync(Guard));
            }

            Assert.Equal(JournalRoom.Full, journal.Journal.Room(20, spare: false));
            Assert.Throws<JournalException>(() => { _ = journal.Journal.CommittedAsync(5); });
            Assert.True(journal.Journal.CommittedAsync(3).IsCompletedSuccessfully);
            Assert.False(journal.Journal.CommitOnce());
            Assert.Equal((true, 3ul, false), (journal.Journal.IsReadOnly, journal.Journal.CommittedLsn, journal.Journal.Failed.IsCompleted));

            disk.Happening = null;
            disk.IsReadOnly = false;
            Assert.True(journal.Journal.CommitOnce());
            Assert.Equal((false, 5ul), (journal.Journal.IsReadOnly, journal.Journal.CommittedLsn));
            Assert.True(journal.Journal.CommitOnce());
            await CommitWhileAsync(journal, history, spare: true, most: 3);
        }

        await using var again = TestJournal.Open(disk.Kill(), options);
        Assert.Null(history.Check(again.Found));
        Assert.Equal(9, again.Found.Count);
        Assert.Empty(again.Damages);
    }

    [Theory]
    [InlineData(SyncMode.Group)]
    [InlineData(SyncMode.Each)]
    public async Task A_segment_that_cannot_begin_on_a_read_only_disk_begins_when_it_can(SyncMode mode)
    {
        var disk = new SimulatedDisk();
        var options = TestJournal.Small with { Sync = mode };
        await using (var journal = TestJournal.Open(disk, options))
        {
            await journal.CommitAsync(TestJournal.Record(1, 3000));
            await journal.CommitAsync(TestJournal.Record(2, 3000));
            journal.Journal.PrepareOnce();

            disk.IsReadOnly = true;
            await Assert.ThrowsAsync<JournalException>(() => journal.CommitAsync(TestJournal.Record(3, 3000)).WaitAsync(Guard));
            Assert.False(journal.Journal.CommitOnce());
            Assert.Equal((true, 2ul, false), (journal.Journal.IsReadOnly, journal.Journal.CommittedLsn, journal.Journal.Failed.IsCompleted));

            disk.IsReadOnly = false;
            Assert.True(journal.Journal.CommitOnce());
            await journal.CommitAsync(TestJournal.Record(4, 3000));
        }

        await using var again = TestJournal.Open(disk.Kill(), options);
        Assert.Equal(Enumerable.Range(1, 4).Select(i => ((ulong)i, TestJournal.Record(i, 3000))), again.Found);
        Assert.Empty(again.Damages);
    }

    [Fact]
    public async Task A_started_journal_tries_a_read_only_disk_again_until_it_stops()
    {
        var disk = new SimulatedDisk();
        var journal = TestJournal.Open(disk);
        await journal.FillAsync(1, 1);
        journal.Journal.PrepareOnce();
        journal.Journal.Start();
        disk.IsReadOnly = true;
        await Assert.ThrowsAsync<JournalException>(() => journal.Journal.CommittedAsync(journal.Journal.Append(TestJournal.Record(2))).AsTask().WaitAsync(Guard));
        disk.IsReadOnly = false;
        while (journal.Journal.Room(20, spare: true) != JournalRoom.Yes)
        {
            await journal.Journal.RoomAsync().WaitAsync(Guard);
        }

        await journal.Journal.CommittedAsync(journal.Journal.Append(TestJournal.Record(3))).AsTask().WaitAsync(Guard);
        Assert.Equal(3ul, journal.Journal.CommittedLsn);

        disk.IsReadOnly = true;
        await Assert.ThrowsAsync<JournalException>(() => journal.Journal.CommittedAsync(journal.Journal.Append(TestJournal.Record(4))).AsTask().WaitAsync(Guard));
        await journal.DisposeAsync().AsTask().WaitAsync(Guard);
    }

    [Theory]
    [InlineData(false, DiskFailure.Broken)]
    [InlineData(false, DiskFailure.Full)]
    [InlineData(true, DiskFailure.ReadOnly)]
    [InlineData(true, DiskFailure.Broken)]
    [InlineData(true, DiskFailure.Full)]
    public async Task A_commit_that_fails_ends_the_journal(bool isSync, DiskFailure failure)
    {
        var disk = new SimulatedDisk();
        await using var journal = TestJournal.Open(disk);
        await journal.FillAsync(1, 2);
        disk.FailAt(disk.Operations + (isSync ? 2 : 1), failure);
        Task? next = null;
        disk.Happening = (_, _) => next ??= journal.Journal.CommittedAsync(journal.Journal.Append(TestJournal.Record(4)), PipeScheduler.Inline).AsTask();
        var failed = journal.CommitAsync(TestJournal.Record(3));

        var reason = Assert.IsType<DiskException>(await journal.Journal.Failed.WaitAsync(Guard));
        Assert.Equal(failure, reason.Failure);
        Assert.Same(reason, (await Assert.ThrowsAsync<JournalException>(() => failed)).InnerException);
        Assert.Same(reason, (await Assert.ThrowsAsync<JournalException>(() => next!)).InnerException);
        var operations = disk.Operations;
        Assert.Throws<JournalException>(() => journal.Journal.Append(TestJournal.Record(5)));
        Assert.Throws<JournalException>(() => { _ = journal.Journal.CommittedAsync(3); });
        Assert.True(journal.Journal.CommittedAsync(2).IsCompletedSuccessfully);
        Assert.False(journal.Journal.CommitOnce());
        Assert.NotEqual(JournalRoom.Yes, journal.Journal.Room(1, spare: false));
        await Assert.ThrowsAsync<JournalException>(() => journal.Journal.RoomAsync());
        Assert.Equal((operations, 2ul), (disk.Operations, journal.Journal.CommittedLsn));
    }

    [Fact]
    public async Task So_does_a_broken_disk_when_the_segment_to_follow_is_made()
    {
        var disk = new SimulatedDisk();
        await using var journal = TestJournal.Open(disk);
        await journal.FillAsync(1, 1);
        var committed = journal.Journal.CommittedAsync(journal.Journal.Append(TestJournal.Record(2))).AsTask();
        disk.FailAt(disk.Operations + 1, DiskFailure.Broken);
        journal.Journal.PrepareOnce();

        Assert.IsType<DiskException>(await journal.Journal.Failed.WaitAsync(Guard));
        await Assert.ThrowsAsync<JournalException>(() => committed.WaitAsync(Guard));
    }

    [Fact]
    public async Task A_started_journal_that_fails_ends_its_thread_and_can_be_disposed()
    {
        var disk = new SimulatedDisk();
        var journal = TestJournal.Open(disk);
        await journal.FillAsync(1, 1);
        journal.Journal.PrepareOnce();
        journal.Journal.Start();
        disk.FailAt(disk.Operations + 2, DiskFailure.Broken);
        await Assert.ThrowsAsync<JournalException>(() => journal.Journal.CommittedAsync(journal.Journal.Append(TestJournal.Record(2))).AsTask().WaitAsync(Guard));
        await journal.DisposeAsync().AsTask().WaitAsync(Guard);
    }

    private static Task AppendAsync(TestJournal journal, History history)
    {
        var record = TestJournal.Record(history.Appended);
        history.Append(record);
        return journal.Journal.CommittedAsync(journal.Journal.Append(record)).AsTask();
    }

    private static async Task CommitWhileAsync(TestJournal journal, History history, bool spare, int most = int.MaxValue)
    {
        for (var count = 0; count < most && journal.Journal.Room(200, spare) == JournalRoom.Yes; count++)
        {
            var record = TestJournal.Record(history.Appended, 200);
            history.Append(record);
            await journal.CommitAsync(record);
            history.Promise(journal.Journal.CommittedLsn);
            journal.Journal.PrepareOnce();
        }
    }
}
