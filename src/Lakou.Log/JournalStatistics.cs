namespace Lakou.Log;

/// <summary>Counts of a journal's life, read by metrics.</summary>
public sealed class JournalStatistics
{
    private long _commits;
    private long _records;
    private long _bytes;

    /// <summary>Batches written.</summary>
    public long Commits => Volatile.Read(ref _commits);

    public long Records => Volatile.Read(ref _records);

    /// <summary>With heads and alignment.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Gets how long each sync took; on the writer thread.</summary>
    public Action<TimeSpan>? Synced { get; set; }

    internal void Count(int records, int bytes)
    {
        Volatile.Write(ref _commits, _commits + 1);
        Volatile.Write(ref _records, _records + records);
        Volatile.Write(ref _bytes, _bytes + bytes);
    }
}
