using System.IO.Pipelines;
using Lakou.Core.Disk;
using Lakou.Log.Recovery;

namespace Lakou.Log.Tests.Harness;

/// <summary>A journal that was opened, with what was found. It commits when it is told to, until it is started.</summary>
internal sealed class TestJournal : IAsyncDisposable
{
    public const string Directory = "/data/journal";

    /// <summary>Segments of a few batches.</summary>
    public static readonly JournalOptions Small = new(Directory, SyncMode.Group, 8 << 10) { PendingBytes = 4 << 10 };

    private TestJournal(Journal journal, List<(ulong Lsn, byte[] Payload)> found, List<Damage> damages, long tornBytes)
        => (Journal, Found, Damages, TornBytes) = (journal, found, damages, tornBytes);

    public Journal Journal { get; }

    public List<(ulong Lsn, byte[] Payload)> Found { get; }

    public List<Damage> Damages { get; }

    public long TornBytes { get; }

    public static TestJournal Open(IDisk disk, JournalOptions? options = null, ulong from = 1, TimeProvider? time = null)
    {
        List<(ulong, byte[])> found = [];
        List<Damage> damages = [];
        var journal = Journal.Open(disk, options ?? Small, time ?? TimeProvider.System, from, (_, records) => Keep(found, records), damages.Add, out var torn);
        return new(journal, found, damages, torn);
    }

    public static List<(ulong Lsn, byte[] Payload)> Read(Journal journal, ulong from, ulong to, List<Damage>? damages = null)
    {
        List<(ulong, byte[])> found = [];
        journal.Read(from, to, (_, records) => Keep(found, records), damage => (damages ?? throw new InvalidOperationException(damage.ToString())).Add(damage));
        return found;
    }

    /// <summary>A record that tells which it is, and cannot be another's.</summary>
    public static byte[] Record(int number, int length = 20)
    {
        var bytes = new byte[length];
        new Random(number).NextBytes(bytes);
        BitConverter.TryWriteBytes(bytes, number);
        return bytes;
    }

    /// <summary>Appends one record and commits it.</summary>
    public Task CommitAsync(byte[] record)
    {
        var committed = Journal.CommittedAsync(Journal.Append(record), PipeScheduler.Inline).AsTask();
        Journal.CommitOnce();
        return committed;
    }

    /// <summary>Commits records one by one, each as a batch; the segment to follow is always ready.</summary>
    public async Task FillAsync(int first, int count, int length = 20)
    {
        for (var i = first; i < first + count; i++)
        {
            Journal.PrepareOnce();
            await CommitAsync(Record(i, length));
        }
    }

    public ValueTask DisposeAsync() => Journal.DisposeAsync();

    private static void Keep(List<(ulong Lsn, byte[] Payload)> found, Segments.BatchRecords records)
    {
        foreach (var record in records)
        {
            found.Add((record.Lsn, record.Payload.ToArray()));
        }
    }
}
