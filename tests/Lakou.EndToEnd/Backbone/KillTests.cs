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
    private const int Producers = 3;
    private const int Workers = 2;
    private const int MostBetweenKills = 30; // accepted events

    private static readonly int s_kills = int.Parse(Environment.GetEnvironmentVariable("LAKOU_KILLS") ?? "20", CultureInfo.InvariantCulture);

    private readonly TemporaryFolder _folder = new();
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(30) };
    private readonly ConcurrentDictionary<string, (int Partition, ulong Offset)> _accepted = [];
    private readonly ConcurrentDictionary<string, bool> _acknowledged = [];
    private readonly ConcurrentDictionary<string, bool> _finishing = [];
    private readonly ConcurrentQueue<string> _broken = [];
    private readonly SemaphoreSlim _progress = new(0);
    private volatile Uri _address = new("http://127.0.0.1:9");
    private volatile bool _isPublishing = true;

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
        var file = _folder.Write("lakou.yaml", """
            listeners: { web: { address: "127.0.0.1:0" } }
            admin: { address: "127.0.0.1:0" }
            log: { access: off }
            store: { path: data, segment: 4MiB }
            topics: { orders: { partitions: 4 } }
            subscriptions: { billing: { topic: orders, order: key, lease: 1s, retry: { first: 10ms, attempts: 1000 } } }
            routes: { api: { match: { path: "/v1/**" }, backbone: {} } }
            """);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        var producing = Enumerable.Range(0, Producers).Select(producer => ProduceAsync(producer, ending.Token)).ToArray();
        var working = Enumerable.Range(0, Workers).Select(_ => WorkAsync(ending.Token)).ToArray();
        var random = new Random(4);
        for (var kill = 0; kill < s_kills; kill++)
        {
            await using var lakou = await RunningLakou.StartAsync("run", file);
            _address = lakou.Gateway;
            for (var left = random.Next(1, MostBetweenKills); left > 0; left--)
            {
                Assert.True(await _progress.WaitAsync(TimeSpan.FromSeconds(60), Cancelled), lakou.Said);
            }
        }

        // Nothing goes wrong any more: everything is worked off.
        _isPublishing = false;
        await using var last = await RunningLakou.StartAsync("run", file);
        _address = last.Gateway;
        await Task.WhenAll(producing);
        while (_broken.IsEmpty && _accepted.Keys.Any(id => !_acknowledged.ContainsKey(id) && !_finishing.ContainsKey(id)))
        {
            Assert.True(await _progress.WaitAsync(TimeSpan.FromSeconds(60), Cancelled), $"{_accepted.Count - _acknowledged.Count} events never came\n{last.Said}");
        }

        await ending.CancelAsync();
        await Task.WhenAll(working);
        Assert.Empty(_broken);
        Assert.DoesNotContain("damaged", last.Said, StringComparison.Ordinal);
        await CheckTopicAsync();
    }

    /// <summary>One event after the other; what was not answered is sent again under its id.</summary>
    private async Task ProduceAsync(int producer, CancellationToken ending)
    {
        for (var number = 0; _isPublishing; number++)
        {
            var id = $"{producer}-{number}";
            while (!_accepted.ContainsKey(id))
            {
                if (await TryAsync(() => PublishAsync(id, $"{producer}", ending)) is { } place)
                {
                    _accepted[id] = place;
                    _progress.Release();
                }
            }
        }
    }

    private async Task<(int Partition, ulong Offset)?> PublishAsync(string id, string key, CancellationToken ending)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_address, "/v1/topics/orders/events")) { Content = new StringContent(id) };
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
                var (leases, ids) = await ReceiveAsync(ending);
                if (leases.Length == 0)
                {
                    return true;
                }

                // An acknowledgement that is not answered may have been made.
                Array.ForEach(ids, id => _finishing[id] = true);
                using var answer = await _http.PostAsJsonAsync(new Uri(_address, "/v1/subscriptions/billing/ack"), new { leases }, ending);
                var settled = await answer.Content.ReadFromJsonAsync<JsonElement>(ending);
                if (answer.IsSuccessStatusCode && settled.GetProperty("done").GetInt32() == leases.Length)
                {
                    Array.ForEach(ids, id => _acknowledged[id] = true);
                }

                _progress.Release();
                return true;
            });
        }
    }

    private async Task<(string[] Leases, string[] Ids)> ReceiveAsync(CancellationToken ending)
    {
        using var answer = await _http.PostAsJsonAsync(new Uri(_address, "/v1/subscriptions/billing/receive"), new { max = 10, wait = "500ms" }, ending);
        answer.EnsureSuccessStatusCode();
        List<string> leases = [], ids = [];
        foreach (var one in (await answer.Content.ReadFromJsonAsync<JsonElement>(ending)).GetProperty("events").EnumerateArray())
        {
            var id = one.GetProperty("event").GetProperty("id").GetString()!;
            leases.Add(one.GetProperty("lease").GetString()!);
            ids.Add(id);
            CheckDelivery(id, one.GetProperty("event").GetProperty("data").GetString()!);
        }

        return ([.. leases], [.. ids]);
    }

    private void CheckDelivery(string id, string data)
    {
        if (data != id)
        {
            _broken.Enqueue($"{id} came with {data}");
        }

        if (_acknowledged.ContainsKey(id))
        {
            _broken.Enqueue($"{id} came again, and was acknowledged");
        }

        var parts = id.Split('-');
        var number = int.Parse(parts[1], CultureInfo.InvariantCulture);
        if (number > 0 && !_finishing.ContainsKey($"{parts[0]}-{number - 1}"))
        {
            _broken.Enqueue($"{id} came before the one before it was finished");
        }
    }

    /// <summary>Each accepted event is there once, in its place, and no offset is missing.</summary>
    private async Task CheckTopicAsync()
    {
        HashSet<string> ids = [];
        for (var partition = 0; partition < 4; partition++)
        {
            for (var next = 0ul; ;)
            {
                var page = await _http.GetFromJsonAsync<JsonElement>(new Uri(_address, $"/v1/topics/orders/events?partition={partition}&offset={next}&max=1000"), Cancelled);
                var events = page.GetProperty("events").EnumerateArray().ToArray();
                foreach (var one in events)
                {
                    var id = one.GetProperty("event").GetProperty("id").GetString()!;
                    Assert.True(ids.Add(id), $"{id} is there twice");
                    Assert.Equal(next++, one.GetProperty("offset").GetUInt64());
                    Assert.True(!_accepted.TryGetValue(id, out var place) || place == (partition, next - 1), $"{id} was accepted at {place}, and is at {(partition, next - 1)}");
                }

                if (events.Length == 0)
                {
                    break;
                }
            }
        }

        Assert.Empty(_accepted.Keys.Except(ids));
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
}
