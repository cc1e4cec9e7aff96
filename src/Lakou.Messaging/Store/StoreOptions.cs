using Lakou.Core.Configuration;
using Lakou.Log;

namespace Lakou.Messaging.Store;

internal enum StoreKind
{
    Embedded,
}

internal sealed record StoreOptions
{
    public StoreKind Kind { get; init; }

    // The largest batch finds room in an empty one, beside the quarter that is kept free for those who end work.
    private const int SmallestSegment = 16 << 20;

    public string Path { get; init; } = "./data";

    public SyncMode Sync { get; init; }

    public long Segment { get; init; } = 64 << 20;

    public int Keys { get; init; } = 1_000_000;

    public static Shape<StoreOptions> Shape { get; } = Shapes.Object("store", "Where topics and subscriptions are kept. Without it, and with topics, the defaults. A change counts from the next start.", () => new StoreOptions())
        .Field("kind", Shapes.Choice(("embedded", StoreKind.Embedded)), o => o.Kind, (o, v) => o with { Kind = v }, "Files of this process.")
        .Field("path", Shapes.Text(1, 4096), o => o.Path, (o, v) => o with { Path = v }, "The folder; relative to this file. One Lakou at a time uses it.")
        .Field("sync", Shapes.Choice(("group", SyncMode.Group), ("each", SyncMode.Each), ("os", SyncMode.Os)), o => o.Sync, (o, v) => o with { Sync = v }, "When a change is answered: `group` once it is on disk, sharing the write with those that came at the same time; `each` with a write of its own; `os` once the operating system has it, which a loss of power undoes.")
        .Field("segment", Shapes.Size(SmallestSegment, 1 << 30), o => o.Segment, (o, v) => o with { Segment = v }, "Size of one file of the journal. Each takes that much room from its beginning.")
        .Field("keys", Shapes.Integer(1_000, 100_000_000), o => o.Keys, (o, v) => o with { Keys = v }, "Most keys that are remembered at a time, of events (`dedup`) and of work; with more, those end early that would end first. About 100 bytes of memory each.");
}
