using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Lakou.EndToEnd.Peers;

namespace Lakou.EndToEnd.Backbone;

/// <summary>The real binary is killed again and again while producers and workers are at it, and then everything that anybody was told is looked up.</summary>
public sealed class KillTests : IDisposable
{
    private const int Partitions = 4;
    private const int Producers = 3;
    private const int Workers = 2;
    private const int Attempts = 3;
    private const int MostBetweenKills = 30; // answers

    private static readonly int s_kills = int.Parse(Environment.GetEnvironmentVariable("LAKOU_KILLS") ?? "12", CultureInfo.InvariantCulture);

    private readonly TemporaryFolder _folder = new();
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(30) };
    private readonly ConcurrentDictionary<string, (int Partition, ulong Offset)> _accepted = [];
    private readonly ConcurrentDictionary<string, bool> _acknowledged = [];
    private readonly ConcurrentDictionary<string, bool> _ending = [];
    private readonly ConcurrentQueue<string> _broken = [];
    private readonly SemaphoreSlim _progress = new(0);
    private readonly DeadEvents _dead;
    private volatile Uri _address = new("http://127.0.0.1:9");
    private volatile bool _isPublishing = true;

    public KillTests() => _dead = new(_http, "billing");

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _http.Dispose();
        _progress.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task What_was_answered_outlives_every_kill()
    {
        var file = _folder.Write("lakou.yaml", $$"""
            listeners: { web: { address: "127.0.0.1:0" } }
            admin: { address: "127.0.0.1:0" }
            log: { access: off }
            store: { path: data, segment: 16MiB }
            topics: { orders: { partitions: {{Partitions}} } }
            subscriptions: { billing: { topic: orders, order: key, lease: 1s, retry: { first: 10ms, attempts: {{Attempts}} } } }
            routes: { api: { match: { path: "/v1/**" }, backbone: { operate: true } } }
            """);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        var producing = Enumerable.Range(0, Producers).Select(producer => ProduceAsync(producer, ending.Token)).ToArray();
        var working = Enumerable.Range(0, Workers).Select(_ => WorkAsync(ending.Token)).ToArray();
        var random = new Random(4);
        for (var kill = 0; kill < s_kills; kill++)
        {
            await using var lakou = await RunningLakou.StartAsync("run", file);
            await CheckDeadAsync(lakou, kill);
            for (var left = random.Next(1, MostBetweenKills); left > 0; left--)
            {
                Assert.True(await _progress.WaitAsync(TimeSpan.FromSeconds(60), Cancelled), lakou.Said);
            }
        }

        // Nothing goes wrong any more: everything is worked off.
        _isPublishing = false;
        await using var last = await RunningLakou.StartAsync("run", file);
        await CheckDeadAsync(last, s_kills);
        await Task.WhenAll(producing);
        await UntilWorkedOffAsync(last);
        await ending.CancelAsync();
        await Task.WhenAll(working);

        Assert.Empty(_broken);
        Assert.DoesNotContain("damaged", last.Said, StringComparison.Ordinal);
        Topic.Has(await Topic.ReadAsync(_http, _address, "orders", Partitions), _accepted);
        var dead = await _dead.CheckAsync(_address);
        Assert.Empty(_accepted.Keys.Except(_ending.Keys).Except(dead.Keys));
        Assert.Empty(_acknowledged.Keys.Intersect(dead.Keys));
        Assert.NotEmpty(dead);
    }

    /// <summary>Of all lives before. Then others see the new one, and nothing that was answered in an older one counts for it.</summary>
    private async Task CheckDeadAsync(RunningLakou lakou, int life)
    {
        var dead = await _dead.CheckAsync(lakou.Gateway);
        var id = $"life-{life}";
        _accepted[id] = Assert.NotNull(await PublishAsync(lakou.Gateway, id, "life", Cancelled));
        _dead.Remember(dead);
        while (_progress.Wait(0, Cancelled))
        {
        }

        _address = lakou.Gateway;
    }

    private async Task UntilWorkedOffAsync(RunningLakou lakou)
    {
        for (var tries = 0; _broken.IsEmpty; tries++)
        {
            var billing = await _http.GetFromJsonAsync<JsonElement>(new Uri(lakou.Gateway, "/v1/subscriptions/billing"), Cancelled);
            if (billing.GetProperty("lag").GetInt64() == 0)
            {
                return;
            }

            Assert.True(tries < 6000, $"not worked off: {billing}\n{lakou.Said}");
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, Cancelled);
        }
    }

    /// <summary>One event after the other; what was not answered is sent again under its id.</summary>
    private async Task ProduceAsync(int producer, CancellationToken ending)
    {
        for (var number = 0; _isPublishing; number++)
        {
            var id = $"{producer}-{number}";
            while (!_accepted.ContainsKey(id))
            {
                if (await TryAsync(() => PublishAsync(_address, id, $"{producer}", ending)) is { } place)
                {
                    _accepted[id] = place;
                    _progress.Release();
                }
            }
        }
    }

    private async Task<(int Partition, ulong Offset)?> PublishAsync(Uri address, string id, string key, CancellationToken ending)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(address, "/v1/topics/orders/events")) { Content = new StringContent(id) };
        foreach (var (name, value) in new[] { ("specversion", "1.0"), ("id", id), ("source", "/load"), ("type", "t"), ("subject", key) })
        {
            request.Headers.Add($"ce-{name}", value);
        }

        using var answer = await _http.SendAsync(request, ending);
        if (answer.StatusCode != HttpStatusCode.Accepted)
        {
            return null;
        }

        var receipt = await answer.Content.ReadFromJsonAsync<JsonElement>(ending);
        return (receipt.GetProperty("partition").GetInt32(), receipt.GetProperty("offset").GetUInt64());
    }

    private async Task WorkAsync(CancellationToken ending)
    {
        while (!ending.IsCancellationRequested)
        {
            await TryAsync(async Task<bool?> () =>
            {
                foreach (var one in await ReceiveAsync(ending))
                {
                    await (IsHopeless(one.Id) ? RefuseAsync(one, ending) : AcknowledgeAsync(one, ending));
                    _progress.Release();
                }

                return true;
            });
        }
    }

    /// <summary>Each fourth event of a producer fails until it is dead.</summary>
    private static bool IsHopeless(string id) => NumberOf(id) % 4 == 3;

    private static int NumberOf(string id) => int.Parse(id.Split('-')[1], CultureInfo.InvariantCulture);

    private async Task AcknowledgeAsync(Given given, CancellationToken ending)
    {
        _ending[given.Id] = true; // one that is not answered may have been made
        if (await SettleAsync("ack", new { leases = new[] { given.Lease } }, ending))
        {
            _acknowledged[given.Id] = true;
        }
    }

    private async Task RefuseAsync(Given given, CancellationToken ending)
    {
        var (reason, isLast) = ($"no-{given.Id}-{given.Attempt}", given.Attempt == Attempts);
        if (isLast)
        {
            _ending[given.Id] = true;
        }

        if (await SettleAsync("nack", new { leases = new[] { given.Lease }, reason }, ending))
        {
            _dead.Refused(given.Id, reason, isLast);
        }
    }

    /// <returns>Whether it is known that it was made.</returns>
    private async Task<bool> SettleAsync(string verb, object request, CancellationToken ending)
    {
        using var answer = await _http.PostAsJsonAsync(new Uri(_address, $"/v1/subscriptions/billing/{verb}"), request, ending);
        return answer.IsSuccessStatusCode && (await answer.Content.ReadFromJsonAsync<JsonElement>(ending)).GetProperty("done").GetInt32() == 1;
    }

    private async Task<IReadOnlyList<Given>> ReceiveAsync(CancellationToken ending)
    {
        using var answer = await _http.PostAsJsonAsync(new Uri(_address, "/v1/subscriptions/billing/receive"), new { max = 10, wait = "500ms" }, ending);
        answer.EnsureSuccessStatusCode();
        List<Given> given = [];
        foreach (var one in (await answer.Content.ReadFromJsonAsync<JsonElement>(ending)).GetProperty("events").EnumerateArray())
        {
            var id = one.GetProperty("event").GetProperty("id").GetString()!;
            given.Add(new(id, one.GetProperty("lease").GetString()!, one.GetProperty("attempt").GetInt32()));
            await CheckDeliveryAsync(id, one.GetProperty("event").GetProperty("data").GetString()!);
        }

        return given;
    }

    private async Task CheckDeliveryAsync(string id, string data)
    {
        if (data != id)
        {
            _broken.Enqueue($"{id} came with {data}");
        }

        if (_acknowledged.ContainsKey(id) || _dead.Has(id))
        {
            _broken.Enqueue($"{id} came again, and was {(_dead.Has(id) ? "dead" : "acknowledged")}");
        }

        // One may also be dead because the leases of all its attempts ended with a process.
        var before = $"{id.Split('-')[0]}-{NumberOf(id) - 1}";
        if (NumberOf(id) > 0 && !_ending.ContainsKey(before) && !(await _dead.ListAsync(_address)).ContainsKey(before))
        {
            _broken.Enqueue($"{id} came before the one before it was finished");
        }
    }

    /// <summary>Whatever a killed process does to its clients is no answer.</summary>
    private async Task<T?> TryAsync<T>(Func<Task<T?>> ask)
        where T : struct
    {
        try
        {
            return await ask();
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException or JsonException)
        {
            await Task.Yield();
            return null;
        }
    }

    private sealed record Given(string Id, string Lease, int Attempt);
}
