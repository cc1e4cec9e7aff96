using Lakou.Log.Segments;
using Lakou.Log.Tests.Harness;

namespace Lakou.Log.Tests;

/// <summary>Files that are not as they were written: what is handed out was written, and what is not is told of.</summary>
public sealed class JournalDamageTests
{
    private const int Batches = 9;

    private static readonly JournalOptions Tiny = TestJournal.Small with { SegmentBytes = 4 << 10, PendingBytes = 2 << 10 };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_bit_that_flips_anywhere_is_noticed_and_costs_no_more_than_its_batch(bool areUsedAgain)
    {
        var (disk, records, from) = await WriteAsync(areUsedAgain);
        foreach (var (name, batches) in Layout(disk))
        {
            var contents = disk.Contents(PathOf(name));
            for (var at = 0; at < contents.Length; at++)
            {
                var isHead = at < BatchFormat.HeadBytes || batches.Any(batch => batch.Heads.Any(head => at >= head.Start && at < head.End));
                var hit = batches.FindIndex(batch => at >= batch.Start && at < batch.End);
                for (var bit = 0; bit < 8; bit++)
                {
                    if (!isHead && bit != at % 8)
                    {
                        continue;
                    }

                    var copy = disk.Copy();
                    copy.Flip(PathOf(name), at, (byte)(1 << bit));
                    await using var opened = TestJournal.Open(copy, Tiny, from);
                    var missing = Check(opened, records, $"{name} byte {at} bit {bit}", from);
                    ulong[] expected = hit < 0 ? [] : batches[hit].Lsns;
                    Assert.Equal(expected, missing);
                    Assert.True(missing.Length > 0 || at >= BatchFormat.HeadBytes || opened.Damages.Count == 1, $"{name} byte {at}: nobody was told");
                }
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_file_that_is_cut_anywhere_is_noticed(bool areUsedAgain)
    {
        var (disk, records, from) = await WriteAsync(areUsedAgain);
        foreach (var (name, batches) in Layout(disk))
        {
            for (var length = 0L; length < Tiny.SegmentBytes; length++)
            {
                var copy = disk.Copy();
                copy.Truncate(PathOf(name), length);
                await using var opened = TestJournal.Open(copy, Tiny, from);
                var missing = Check(opened, records, $"{name} cut at {length}", from, isEndTold: true);
                Assert.Equal(batches.Where(batch => batch.End > length).SelectMany(batch => batch.Lsns), missing);
                Assert.NotEmpty(opened.Damages);
            }
        }
    }

    [Fact]
    public async Task Damage_in_the_middle_leaves_the_files_as_they_are_and_every_start_tells_of_it()
    {
        var (disk, records, _) = await WriteAsync();
        var (name, batches) = Layout(disk)[1];
        foreach (var batch in batches)
        {
            disk.Flip(PathOf(name), batch.Start + 20, 1); // the whole segment
        }

        var before = disk.Contents(PathOf(name));
        for (var start = 0; start < 3; start++)
        {
            await using var opened = TestJournal.Open(disk, Tiny);
            var damage = Assert.Single(opened.Damages);
            Assert.Equal((batches[0].Lsns[0], batches[^1].Lsns[^1] + 1), (damage.FirstLsn, damage.NextLsn));
            Assert.Equal(before, disk.Contents(PathOf(name)));
            Assert.Contains($"LSN {damage.FirstLsn} to {damage.NextLsn - 1}", damage.ToString(), StringComparison.Ordinal);

            // And what comes after is written and found.
            var record = TestJournal.Record(records.Count);
            opened.Journal.PrepareOnce();
            await opened.CommitAsync(record);
            records.Add(record);
        }
    }

    [Fact]
    public async Task Damage_of_what_a_snapshot_holds_costs_no_record()
    {
        var (disk, _, _) = await WriteAsync();
        var (name, batches) = Layout(disk)[0];
        disk.Flip(PathOf(name), batches[0].Start + 60, 1);
        var from = batches[1].Lsns[0];
        await using var opened = TestJournal.Open(disk, Tiny, from);
        Assert.Equal(from, opened.Found[0].Lsn);
        var damage = Assert.Single(opened.Damages);
        Assert.Equal(damage.NextLsn, damage.FirstLsn);
    }

    [Fact]
    public async Task A_journal_that_ends_before_its_snapshot_says_so_and_goes_on_behind_it()
    {
        var (disk, records, _) = await WriteAsync();
        var from = (ulong)records.Count + 10;
        await using (var opened = TestJournal.Open(disk, Tiny, from))
        {
            Assert.True(Assert.Single(opened.Damages).IsEndMissing);
            Assert.Equal(from, opened.Journal.Append(TestJournal.Record(1)));
            opened.Journal.PrepareOnce();
            opened.Journal.CommitOnce();
            Assert.Equal(from + 1, opened.Journal.Append(TestJournal.Record(2)));
            opened.Journal.CommitOnce();
        }

        await using var again = TestJournal.Open(disk, Tiny, from);
        Assert.Equal([from, from + 1], again.Found.Select(one => one.Lsn));
    }

    [Fact]
    public async Task A_journal_that_is_gone_is_missed_when_there_is_a_snapshot()
    {
        await using var opened = TestJournal.Open(new SimulatedDisk(), from: 50);
        Assert.True(Assert.Single(opened.Damages).IsEndMissing);
        Assert.Equal(50ul, opened.Journal.Append(default));
    }

    [Fact]
    public async Task A_missing_segment_is_a_hole_that_is_told()
    {
        var (disk, records, _) = await WriteAsync();
        var (name, batches) = Layout(disk)[1];
        disk.Delete(PathOf(name));
        await using var opened = TestJournal.Open(disk, Tiny);
        Assert.Equal(batches.SelectMany(batch => batch.Lsns), Check(opened, records, "a missing segment"));
    }

    [Fact]
    public async Task Without_any_right_head_of_a_segment_its_records_are_found()
    {
        var (disk, records, _) = await WriteAsync();
        foreach (var (name, _) in Layout(disk))
        {
            disk.Flip(PathOf(name), 9, 4);
        }

        await using var opened = TestJournal.Open(disk, Tiny);
        Assert.Empty(Check(opened, records, "all heads"));
    }

    [Fact]
    public async Task A_torn_end_is_cut_and_not_found_later()
    {
        var (disk, records, _) = await WriteAsync();
        await using (var journal = TestJournal.Open(disk, Tiny))
        {
            records.Add(TestJournal.Record(records.Count));
            await journal.CommitAsync(records[^1]);
        }

        var (name, batches) = Layout(disk)[^1];
        disk.Flip(PathOf(name), batches[^1].Start + 70, 1);
        await using (var opened = TestJournal.Open(disk, Tiny))
        {
            Assert.True(opened.TornBytes > 0);
            Assert.Empty(opened.Damages);
            Assert.Equal(batches[^1].Lsns, Check(opened, records, "torn"));
        }

        Assert.All(disk.Contents(PathOf(name))[batches[^1].Start..], one => Assert.Equal(0, one));
        await using var again = TestJournal.Open(disk, Tiny);
        Assert.Equal(0, again.TornBytes);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_looks_like_a_batch_in_the_bytes_of_a_record_is_none(bool isIdentityKnown)
    {
        // 1. The identity is in every head; one who can read files has it.
        var disk = new SimulatedDisk();
        await using (var journal = TestJournal.Open(disk))
        {
            await journal.FillAsync(1, 1);
        }

        BatchFormat.TryReadHead(disk.Contents(PathOf(SegmentFormat.NameOf(1))).AsSpan(512), 512, out var first);
        var identity = isIdentityKnown ? first.Identity : first.Identity + 1;

        // 2. A record in whose bytes a batch begins at a multiple of 512: right in all, but that it was made for the place where a batch is expected.
        var forged = new byte[BatchFormat.HeadBytes + BatchFormat.RecordBytes(20)];
        BatchFormat.WriteRecord(forged.AsSpan(BatchFormat.HeadBytes), TestJournal.Record(666), default);
        var head = new BatchHead { Records = 1, Identity = identity, FirstLsn = 2, Epoch = 2, Time = 1, Previous = first.Checksum };
        BatchFormat.Seal(forged, head, new(1, isIdentityKnown ? 1024 : 1024 + 512));
        var record = new byte[1200];
        forged.CopyTo(record.AsSpan(512 - BatchFormat.HeadBytes - BatchFormat.RecordHeadBytes));
        await using (var journal = TestJournal.Open(disk))
        {
            await journal.CommitAsync(record);
        }

        // 3. Whole, damaged with something behind, and torn.
        await using (var whole = TestJournal.Open(disk.Copy()))
        {
            Assert.Equal(record, whole.Found[1].Payload);
        }

        disk.Flip(PathOf(SegmentFormat.NameOf(1)), 1024, 1);
        await using (var torn = TestJournal.Open(disk.Copy()))
        {
            Assert.Single(torn.Found);
            Assert.True(torn.TornBytes > 0);
        }

        disk.Flip(PathOf(SegmentFormat.NameOf(1)), 1024, 1);
        await using (var journal = TestJournal.Open(disk))
        {
            await journal.CommitAsync(TestJournal.Record(3));
        }

        disk.Flip(PathOf(SegmentFormat.NameOf(1)), 1024, 1);
        await using var damaged = TestJournal.Open(disk);
        Assert.Equal([1ul, 3ul], damaged.Found.Select(one => one.Lsn));
        Assert.Equal((2ul, 3ul), (damaged.Damages[0].FirstLsn, damaged.Damages[0].NextLsn));
    }

    [Fact]
    public async Task A_batch_that_was_replaced_by_another_right_one_is_told()
    {
        var (disk, records, _) = await WriteAsync();
        var (name, batches) = Layout(disk)[1];
        var replaced = batches[0];
        var path = PathOf(name);
        BatchFormat.TryReadHead(disk.Contents(path).AsSpan(replaced.Start), 4096, out var head);
        var other = disk.Contents(path)[replaced.Start..replaced.End];
        BatchFormat.Seal(other, head with { Time = head.Time + 1 }, new(batches[0].Lsns[0], replaced.Start));
        disk.Place(path, other, replaced.Start);
        await using var opened = TestJournal.Open(disk, Tiny);
        Assert.Empty(Check(opened, records, "replaced"));
        var damage = Assert.Single(opened.Damages);
        Assert.Equal((replaced.Lsns[^1] + 1, replaced.Lsns[^1] + 1), (damage.FirstLsn, damage.NextLsn));
    }

    [Fact]
    public async Task Segments_of_another_journal_are_none_of_this_one()
    {
        var (disk, records, _) = await WriteAsync();
        var (other, _, _) = await WriteAsync();
        var (name, batches) = Layout(disk)[1];
        disk.Place(PathOf(name), other.Contents(PathOf(name)), 0);
        await using var opened = TestJournal.Open(disk, Tiny);
        Assert.Equal(batches.SelectMany(batch => batch.Lsns), Check(opened, records, "another"));
    }

    [Fact]
    public async Task A_segment_of_a_later_format_stops_the_start()
    {
        var (disk, _, _) = await WriteAsync();
        var head = disk.Contents(PathOf(SegmentFormat.NameOf(1)))[..SegmentFormat.HeadBytes];
        head[4] = 2;
        BitConverter.TryWriteBytes(head.AsSpan(52), Lakou.Core.Hashing.Crc32C.Of(head.AsSpan(0, 52)));
        disk.Place(PathOf(SegmentFormat.NameOf(1)), head, 0);
        Assert.Contains("format 2", Assert.Throws<JournalException>(() => TestJournal.Open(disk, Tiny)).Message, StringComparison.Ordinal);
    }

    private static string PathOf(string name) => Path.Combine(TestJournal.Directory, name);

    /// <param name="areUsedAgain">Whether the files held other records before.</param>
    /// <returns>Also the LSN of the first record that is there.</returns>
    private static async Task<(SimulatedDisk Disk, List<byte[]> Records, ulong From)> WriteAsync(bool areUsedAgain = false)
    {
        var disk = new SimulatedDisk();
        var records = new List<byte[]>();
        var random = new Random(3);
        await using var journal = TestJournal.Open(disk, Tiny);
        for (var batch = 0; batch < (areUsedAgain ? 3 * Batches : Batches); batch++)
        {
            if (batch is Batches or 2 * Batches)
            {
                journal.Journal.CutBefore((ulong)records.Count);
            }

            journal.Journal.PrepareOnce();
            for (var left = random.Next(1, 4); left > 0; left--)
            {
                var record = TestJournal.Record(records.Count, random.Next(4, 500));
                records.Add(record);
                journal.Journal.Append(record);
            }

            journal.Journal.CommitOnce();
        }

        var from = Layout(disk)[0].Batches[0].Lsns[0];
        return (disk.Kill(), records, from);
    }

    /// <summary>Where batches and their heads are, told by the files themselves.</summary>
    private static List<(string Name, List<(int Start, int End, ulong[] Lsns, List<(int Start, int End)> Heads)> Batches)> Layout(SimulatedDisk disk)
    {
        List<(string, List<(int, int, ulong[], List<(int, int)>)>)> all = [];
        foreach (var name in disk.Files(TestJournal.Directory).Where(name => name.EndsWith(".journal", StringComparison.Ordinal)))
        {
            var contents = disk.Contents(PathOf(name)).AsSpan();
            List<(int, int, ulong[], List<(int, int)>)> batches = [];
            for (var at = SegmentFormat.HeadBytes; at < contents.Length && BatchFormat.TryReadHead(contents[at..], contents.Length - at, out var head); at += BatchFormat.Align(head.Length))
            {
                List<(int, int)> heads = [(at, at + BatchFormat.HeadBytes)];
                for (var record = at + BatchFormat.HeadBytes; record < at + head.Length; record += BatchFormat.RecordBytes(BitConverter.ToInt32(contents[record..])))
                {
                    heads.Add((record, record + BatchFormat.RecordHeadBytes));
                }

                batches.Add((at, at + head.Length, [.. Enumerable.Range(0, head.Records).Select(i => head.FirstLsn + (ulong)i)], heads));
            }

            all.Add((name, batches));
        }

        Assert.True(all.Count >= 3);
        return all;
    }

    /// <summary>What was found was written, in order; what is missing was told: as damage, or as a torn end.</summary>
    /// <returns>LSNs that are missing.</returns>
    private static ulong[] Check(TestJournal opened, List<byte[]> records, string what, ulong from = 1, bool isEndTold = false)
    {
        Assert.All(opened.Found, one => Assert.True(records[(int)one.Lsn - 1].AsSpan().SequenceEqual(one.Payload), what));
        Assert.True(opened.Found.Zip(opened.Found.Skip(1)).All(pair => pair.First.Lsn < pair.Second.Lsn), what);
        var found = opened.Found.Select(one => one.Lsn).ToHashSet();
        ulong[] missing = [.. Enumerable.Range(1, records.Count).Select(i => (ulong)i).Where(lsn => lsn >= from && !found.Contains(lsn))];
        var newest = opened.Found.Count == 0 ? 0 : opened.Found[^1].Lsn;
        Assert.All(missing, lsn => Assert.True(
            lsn > newest ? opened.TornBytes > 0 || isEndTold : opened.Damages.Any(damage => damage.FirstLsn <= lsn && lsn < damage.NextLsn), $"{what}: nobody was told of LSN {lsn}"));
        return missing;
    }
}
