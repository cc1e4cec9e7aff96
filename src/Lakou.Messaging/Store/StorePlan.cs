using Lakou.Log;

namespace Lakou.Messaging.Store;

/// <summary>The store, checked and immutable.</summary>
/// <param name="Path">Of the folder; absolute.</param>
/// <param name="SegmentBytes">Size of one file of the journal.</param>
/// <param name="KeysMax">Most keys at a time, of events and of work.</param>
/// <param name="Fingerprint">Equal for stores that mean the same.</param>
internal sealed record StorePlan(string Path, SyncMode Sync, long SegmentBytes, int KeysMax, string Fingerprint)
{
    /// <param name="directory">What a relative path is relative to.</param>
    /// <param name="fingerprint">Of what was written.</param>
    public static StorePlan Build(StoreOptions options, string directory, string fingerprint)
        => new(System.IO.Path.GetFullPath(options.Path, directory), options.Sync, options.Segment, options.Keys, fingerprint);
}
