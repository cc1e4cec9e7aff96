using Lakou.Log;
using Lakou.Messaging.Tests.Harness;

namespace Lakou.Messaging.Tests.Store;

public sealed class StoreOptionsTests
{
    [Fact]
    public void Everything_that_may_be_written_is_read()
    {
        var store = Written.Plan("store: { kind: embedded, path: ../state, sync: each, segment: 17MiB, keys: 5000 }").Store!;
        Assert.Equal(("/etc/state", SyncMode.Each, 17L << 20, 5000), (store.Path, store.Sync, store.SegmentBytes, store.KeysMax));
    }

    [Theory]
    [InlineData("kind: postgres", "store.kind: expected embedded, not 'postgres'")]
    [InlineData("path: \"\"", "store.path: must not be empty")]
    [InlineData("sync: none", "store.sync: expected group, each or os, not 'none'")]
    [InlineData("segment: 16MiB", null)]
    [InlineData("segment: 1GiB", null)]
    [InlineData("segment: 16777215B", "store.segment: 16777215B is not allowed; 16MiB to 1GiB")]
    [InlineData("segment: 1025MiB", "store.segment: 1025MiB is not allowed; 16MiB to 1GiB")]
    [InlineData("keys: 1000", null)]
    [InlineData("keys: 100000000", null)]
    [InlineData("keys: 999", "store.keys: 999 is not allowed; 1000 to 100000000")]
    [InlineData("linger: 1ms", "store.linger: unknown key 'linger'; known: kind, path, sync, segment, keys")]
    public void Bounds_are_kept(string written, string? problem)
        => Assert.Equal(problem is null ? [] : [problem], Written.Problems($"store: {{ {written} }}"));
}
