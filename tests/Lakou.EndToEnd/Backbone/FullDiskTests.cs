using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Lakou.EndToEnd.Peers;

namespace Lakou.EndToEnd.Backbone;

/// <summary>The real binary on a real file system that is full.</summary>
public sealed class FullDiskTests : IDisposable
{
    private const int EventBytes = 64 << 10;
    private const int FillerBytes = 30 << 20;

    private readonly TemporaryFolder _folder = new();
    private readonly Orders _orders = new();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _orders.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_full_disk_refuses_events_until_there_is_room_and_keeps_all_that_it_accepted()
    {
        using var disk = await FilledAsync();
        HashSet<string> acknowledged = [];
        await using (var lakou = await StartAsync(disk))
        {
            await PublishUntilRefusedAsync(lakou);

            // What is there is worked off and read.
            for (var round = 0; round < 3; round++)
            {
                var worked = await _orders.ReceiveAsync(lakou.Gateway, 5);
                Assert.Equal(5, worked.Count);
                using var settled = await _orders.SettleAsync(lakou.Gateway, "ack", worked.Select(one => one.Lease));
                Assert.Equal(5, (await settled.Content.ReadFromJsonAsync<JsonElement>(Cancelled)).GetProperty("done").GetInt32());
                acknowledged.UnionWith(worked.Select(one => one.Id));
            }

            await _orders.CheckAsync(lakou.Gateway);
            Assert.True((await _orders.GetAsync(lakou.Admin, "/v1/store")).GetProperty("full").GetBoolean());
            await lakou.LineAsync(@"The disk has no room for more events: publishing is refused \(507\)");
            Assert.Equal(HttpStatusCode.InsufficientStorage, (await PublishAsync(lakou)).Code);

            // There is room again.
            disk.Delete("filler");
            await PublishUntilAcceptedAsync(lakou);
            await lakou.LineAsync("The disk can be written again");
            Assert.False((await _orders.GetAsync(lakou.Admin, "/v1/store")).GetProperty("full").GetBoolean());
        }

        await using var next = await StartAsync(disk);
        await _orders.CheckAsync(next.Gateway);
        HashSet<string> rest = [];
        while (rest.Count < _orders.Accepted.Count - acknowledged.Count)
        {
            var worked = await _orders.ReceiveAsync(next.Gateway, 1000, "50s");
            Assert.NotEmpty(worked);
            Assert.All(worked, one => Assert.True(!acknowledged.Contains(one.Id) && rest.Add(one.Id), $"{one.Id} comes again"));
        }
    }

    [Fact]
    public async Task A_start_with_no_room_for_anything_reads_and_refuses_the_rest_until_there_is()
    {
        using var disk = await FilledAsync();
        string[] leases;
        await using (var lakou = await StartAsync(disk))
        {
            await PublishUntilRefusedAsync(lakou);
            leases = [.. (await _orders.ReceiveAsync(lakou.Gateway, 1000)).Select(one => one.Lease)];
            await UseUpAsync(lakou, leases);
            await UseUpAsync(lakou, leases[..1]);
        }

        disk.Delete("data/journal/spare"); // both are there when the stop gave room back: its snapshot takes the place of older files
        disk.FillUp("rest");
        await using var next = await StartAsync(disk);
        await _orders.CheckAsync(next.Gateway);
        Assert.Equal(HttpStatusCode.InsufficientStorage, (await PublishAsync(next)).Code);
        using var refused = await _orders.SettleAsync(next.Gateway, "ack", leases);
        Assert.Equal(HttpStatusCode.InsufficientStorage, refused.StatusCode);

        disk.Delete("filler");
        await PublishUntilAcceptedAsync(next);
        using var settled = await _orders.SettleAsync(next.Gateway, "ack", leases);
        Assert.Equal(leases.Length, (await settled.Content.ReadFromJsonAsync<JsonElement>(Cancelled)).GetProperty("done").GetInt32());
        await _orders.CheckAsync(next.Gateway);
    }

    private async Task<SmallDisk> FilledAsync()
    {
        var disk = await SmallDisk.InMemoryAsync(Path.Combine(_folder.Path, "disk"), "80m");
        disk.Fill("filler", FillerBytes);
        return disk;
    }

    private Task<RunningLakou> StartAsync(SmallDisk disk) => RunningLakou.StartAsync(disk.Enter(Binary.Start("run", _folder.Write("lakou.yaml", Orders.Configuration("disk/data")))));

    /// <summary>Large ones first, and then small ones in what they left.</summary>
    private async Task PublishUntilRefusedAsync(RunningLakou lakou)
    {
        await PublishUntilRefusedAsync(lakou, EventBytes);
        await PublishUntilRefusedAsync(lakou, 1);
    }

    private async Task PublishUntilRefusedAsync(RunningLakou lakou, int bytes)
    {
        var (code, problem) = (HttpStatusCode.Accepted, "");
        for (var batch = 0; code == HttpStatusCode.Accepted; batch++)
        {
            Assert.True(batch < 2000, "the disk never becomes full");
            (code, problem) = await PublishAsync(lakou, 1 + (batch % 3), bytes);
        }

        Assert.Equal(HttpStatusCode.InsufficientStorage, code);
        Assert.Contains("store/full", problem, StringComparison.Ordinal);
    }

    /// <summary>It looks for room once a second.</summary>
    private async Task PublishUntilAcceptedAsync(RunningLakou lakou)
    {
        for (var tries = 0; (await PublishAsync(lakou)).Code != HttpStatusCode.Accepted; tries++)
        {
            Assert.True(tries < 600, lakou.Said);
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, Cancelled);
        }

        for (var batch = 0; batch < 20; batch++)
        {
            Assert.Equal(HttpStatusCode.Accepted, (await PublishAsync(lakou, 3)).Code);
        }
    }

    /// <summary>Also what is kept free for those who end work.</summary>
    private async Task UseUpAsync(RunningLakou lakou, string[] leases)
    {
        var code = HttpStatusCode.OK;
        for (var record = 0; code == HttpStatusCode.OK; record++)
        {
            Assert.True(record < 10_000, "there is always room for a lease");
            using var answer = await _orders.SettleAsync(lakou.Gateway, "extend", leases);
            code = answer.StatusCode;
        }

        Assert.Equal(HttpStatusCode.InsufficientStorage, code);
    }

    private async Task<(HttpStatusCode Code, string Body)> PublishAsync(RunningLakou lakou, int count = 1, int bytes = EventBytes)
    {
        using var answer = await _orders.PublishAsync(lakou.Gateway, count, bytes);
        if (answer.StatusCode == HttpStatusCode.InsufficientStorage)
        {
            Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
            Assert.Equal(TimeSpan.FromSeconds(1), answer.Headers.RetryAfter?.Delta);
        }

        return (answer.StatusCode, await answer.Content.ReadAsStringAsync(Cancelled));
    }
}
