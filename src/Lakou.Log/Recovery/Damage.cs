namespace Lakou.Log.Recovery;

/// <summary>Records that were committed and cannot be read any more. The file is left as it is.</summary>
/// <param name="File">Name of the segment where it begins.</param>
/// <param name="Position">Of the first byte that is wrong.</param>
/// <param name="Bytes">Until the next batch that is right; 0 when the whole rest of the file, or whole files, are missing.</param>
/// <param name="FirstLsn">The first record that is lost.</param>
/// <param name="NextLsn">The first one that is there again.</param>
public sealed record Damage(string File, long Position, long Bytes, ulong FirstLsn, ulong NextLsn)
{
    /// <summary>Written with <see cref="SyncMode.Os"/>: a loss of power does this.</summary>
    public bool IsUnsynced { get; init; }

    /// <summary>A snapshot is newer than what there is of the journal: nobody knows what is lost.</summary>
    public bool IsEndMissing { get; init; }

    public override string ToString() => $"{File} at byte {Position}: " + (IsEndMissing, NextLsn == FirstLsn) switch
    {
        (true, _) => $"the end of the journal is missing; what came after LSN {NextLsn - 1}, if anything did, cannot be read",
        (_, true) => "damaged; no record is known to be lost",
        _ => $"{NextLsn - FirstLsn} committed records (LSN {FirstLsn} to {NextLsn - 1}) cannot be read{(IsUnsynced ? "; they were written with sync: os" : "")}",
    };
}
