namespace Lakou.Log;

/// <summary>When a record counts as committed.</summary>
public enum SyncMode
{
    /// <summary>After a sync that it shares with all that waited at the same time.</summary>
    Group,

    /// <summary>After a sync of its own.</summary>
    Each,

    /// <summary>Once the operating system has it: it survives the end of this process, not that of the machine.</summary>
    Os,
}

/// <param name="Directory">Of the journal alone.</param>
/// <param name="Sync">When a record counts as committed.</param>
/// <param name="SegmentBytes">Of one file; a batch that is larger gets a larger one.</param>
public sealed record JournalOptions(string Directory, SyncMode Sync = SyncMode.Group, int SegmentBytes = 64 << 20)
{
    /// <summary>Bytes that may wait for their commit; beyond, <see cref="Journal.Room"/> says wait. Two events batches of the largest size.</summary>
    public int PendingBytes { get; init; } = 16 << 20;

    /// <summary>Segments that are kept for use again once nothing in them is needed: a file whose blocks are there already is not to be filled with zeros.</summary>
    public int FreeSegments { get; init; } = 4;

    /// <summary>Whether files are written and read past the page cache: what is synced at once gains nothing by it.</summary>
    public bool IsDirect => Sync != SyncMode.Os;
}
