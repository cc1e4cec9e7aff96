using System.Net.Http.Headers;
using System.Net.Http.Json;
using Lakou.Control.Tests.Harness;
using Lakou.Core.Disk;

namespace Lakou.Control.Tests;

public sealed class StoreTests
{
    private const string Yaml = """
        listeners: { web: { address: "127.0.0.1:0" } }
        admin: { address: "127.0.0.1:0" }
        store: { path: data, segment: 16MiB }
        topics: { orders: { partitions: 1 } }
        routes: { api: { match: { path: "/v1/**" }, backbone: {} } }
        """;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_sync_that_fails_ends_the_store_and_nobody_is_told_of_what_it_was_for()
    {
        var disk = new FailingDisk();
        await using var world = await World.StartAsync(Yaml, disk: disk);
        using var before = await world.Client().PostAsJsonAsync("/v1/topics/orders/events", new { total = 1 }, Cancel);
        Assert.Equal(202, (int)before.StatusCode);

        disk.IsBroken = true;
        using var during = await world.Client().PostAsJsonAsync("/v1/topics/orders/events", new { total = 2 }, Cancel);
        Assert.Equal(500, (int)during.StatusCode);
        Assert.Contains("store/failed", await during.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);

        var reason = await world.Host.StoreFailed.WaitAsync(World.Patience, TimeProvider.System, Cancel);
        Assert.Equal("cannot sync: the device is gone", reason.Message);
        Assert.Contains(world.Log.Errors, message => message.StartsWith("The store cannot be written any more: cannot sync: the device is gone. Lakou ends", StringComparison.Ordinal));
        using var after = await world.Client().PostAsJsonAsync("/v1/topics/orders/events", new { total = 3 }, Cancel);
        Assert.Equal(500, (int)after.StatusCode);
    }

    [Fact]
    public async Task The_smallest_journal_takes_the_largest_batch_again_and_again()
    {
        await using var world = await World.StartAsync(Yaml);
        var data = new string('x', (1 << 20) - 200); // of 8 events: with their attributes together hardly less than 8 MiB
        for (var round = 0; round < 4; round++)
        {
            using var batch = JsonContent.Create(Enumerable.Range(0, 8).Select(i => new { specversion = "1.0", id = $"{round}-{i}", source = "/s", type = "t", data }), new MediaTypeHeaderValue("application/cloudevents-batch+json"));
            using var answer = await world.Client().PostAsync("/v1/topics/orders/events", batch, Cancel);
            Assert.Equal(202, (int)answer.StatusCode);
        }
    }

    /// <summary>The real one, until its syncs fail.</summary>
    private sealed class FailingDisk : IDisk
    {
        private readonly SystemDisk _disk = SystemDisk.Instance;

        public volatile bool IsBroken;

        public IDiskFile Open(string path, bool create = false) => new FailingFile(this, _disk.Open(path, create));

        public bool Exists(string path) => _disk.Exists(path);

        public IReadOnlyList<string> Files(string directory) => _disk.Files(directory);

        public IReadOnlyList<string> Directories(string directory) => _disk.Directories(directory);

        public void CreateDirectory(string path) => _disk.CreateDirectory(path);

        public void Rename(string from, string to) => _disk.Rename(from, to);

        public void Delete(string path) => _disk.Delete(path);

        public void DeleteDirectory(string path) => _disk.DeleteDirectory(path);

        public void SyncDirectory(string path) => _disk.SyncDirectory(path);

        public IDisposable? TryLock(string path) => _disk.TryLock(path);

        public long FreeBytes(string directory) => _disk.FreeBytes(directory);
    }

    private sealed class FailingFile(FailingDisk disk, IDiskFile file) : IDiskFile
    {
        public string Path => file.Path;

        public long Length => file.Length;

        public int Read(Span<byte> into, long at) => file.Read(into, at);

        public void Write(ReadOnlySpan<byte> bytes, long at) => file.Write(bytes, at);

        public void SetLength(long length) => file.SetLength(length);

        public void Sync()
        {
            if (disk.IsBroken)
            {
                throw new DiskException(DiskFailure.Broken, "cannot sync: the device is gone");
            }

            file.Sync();
        }

        public void Dispose() => file.Dispose();
    }
}
