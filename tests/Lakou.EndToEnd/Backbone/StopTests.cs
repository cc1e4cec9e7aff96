using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Lakou.EndToEnd.Peers;

namespace Lakou.EndToEnd.Backbone;

/// <summary>How a Lakou with a store begins and ends.</summary>
public sealed class StopTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(60) };

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _http.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_stop_answers_those_who_wait_and_keeps_the_leases_of_those_who_work()
    {
        var file = Write();
        string lease;
        await using (var lakou = await RunningLakou.StartAsync("run", file))
        {
            using var published = await _http.PostAsJsonAsync(new Uri(lakou.Gateway, "/v1/topics/orders/events"), new { total = 1 }, Cancelled);
            Assert.Equal(HttpStatusCode.Accepted, published.StatusCode);
            lease = Assert.Single(await ReceiveAsync(lakou, "0s"));
            var waiting = ReceiveAsync(lakou, "50s");
            await UntilWaitedForAsync(lakou);

            await lakou.SignalAsync("TERM");

            Assert.Empty(await waiting);
            Assert.Equal(0, await lakou.ExitCodeAsync());
        }

        await using var next = await RunningLakou.StartAsync("run", file);
        Assert.Empty(await ReceiveAsync(next, "0s"));
        using var acknowledged = await _http.PostAsJsonAsync(new Uri(next.Gateway, "/v1/subscriptions/billing/ack"), new { leases = new[] { lease } }, Cancelled);
        Assert.Equal(1, (await acknowledged.Content.ReadFromJsonAsync<JsonElement>(Cancelled)).GetProperty("done").GetInt32());
    }

    [Fact]
    public async Task A_second_process_on_a_store_is_refused()
    {
        var file = Write();
        await using var lakou = await RunningLakou.StartAsync("run", file);

        var ended = await Binary.RunAsync("run", file);

        Assert.Equal(1, ended.Code);
        Assert.Contains($"{_folder.Path}/data is used by another process; stop it, or give this one a store.path of its own", ended.Error, StringComparison.Ordinal);
    }

    private async Task<string[]> ReceiveAsync(RunningLakou lakou, string wait)
    {
        using var answer = await _http.PostAsJsonAsync(new Uri(lakou.Gateway, "/v1/subscriptions/billing/receive"), new { wait }, Cancelled);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return [.. (await answer.Content.ReadFromJsonAsync<JsonElement>(Cancelled)).GetProperty("events").EnumerateArray().Select(one => one.GetProperty("lease").GetString()!)];
    }

    private async Task UntilWaitedForAsync(RunningLakou lakou)
    {
        while ((await _http.GetFromJsonAsync<JsonElement>(new Uri(lakou.Admin, "/v1/subscriptions/billing"), Cancelled)).GetProperty("waiting").GetInt32() == 0)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, Cancelled);
        }
    }

    private string Write() => _folder.Write("lakou.yaml", """
        listeners: { web: { address: "127.0.0.1:0" } }
        admin: { address: "127.0.0.1:0" }
        log: { access: off }
        store: { path: data, segment: 16MiB }
        topics: { orders: { partitions: 1 } }
        subscriptions: { billing: { topic: orders, lease: 10m } }
        routes: { api: { match: { path: "/v1/**" }, backbone: {} } }
        """);
}
