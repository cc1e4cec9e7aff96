using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;

namespace Lakou.EndToEnd.Backbone;

/// <summary>Who uses the topic <c>orders</c>, and remembers what it was told: what was accepted has to be there once and in its place, and nothing of what was refused.</summary>
internal sealed class Orders : IDisposable
{
    private const int Partitions = 2;

    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(60) };
    private readonly Dictionary<string, (int Partition, ulong Offset)> _accepted = [];
    private readonly HashSet<string> _refused = [];
    private int _published;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    /// <summary>Ids of events that were answered with 202.</summary>
    public IReadOnlyCollection<string> Accepted => _accepted.Keys;

    /// <summary>A configuration with this topic, its store in a folder beside the file.</summary>
    public static string Configuration(string store) => $$"""
        listeners: { web: { address: "127.0.0.1:0" } }
        admin: { address: "127.0.0.1:0" }
        log: { access: off }
        store: { path: {{store}}, segment: 16MiB }
        topics: { orders: { partitions: {{Partitions}} } }
        subscriptions: { billing: { topic: orders, lease: 10m } }
        routes: { api: { match: { path: "/v1/**" }, backbone: {} } }
        """;

    public void Dispose() => _http.Dispose();

    /// <summary>Publishes new events, as one batch.</summary>
    public async Task<HttpResponseMessage> PublishAsync(Uri address, int count, int bytes = 100)
    {
        var ids = Enumerable.Range(0, count).Select(_ => (_published++).ToString(CultureInfo.InvariantCulture)).ToArray();
        var events = ids.Select(id => new { specversion = "1.0", id, source = "/load", type = "t", subject = $"s{id}", data = new string('x', bytes) });
        using var body = new StringContent(JsonSerializer.Serialize(events), Encoding.UTF8, "application/cloudevents-batch+json");
        var answer = await _http.PostAsync(new Uri(address, "/v1/topics/orders/events"), body, Cancelled);
        if (answer.StatusCode == HttpStatusCode.Accepted)
        {
            foreach (var one in (await answer.Content.ReadFromJsonAsync<JsonElement>(Cancelled)).GetProperty("events").EnumerateArray())
            {
                _accepted[one.GetProperty("id").GetString()!] = (one.GetProperty("partition").GetInt32(), one.GetProperty("offset").GetUInt64());
            }
        }
        else if (answer.StatusCode == HttpStatusCode.InsufficientStorage)
        {
            _refused.UnionWith(ids);
        }

        return answer;
    }

    /// <summary>Events of <c>billing</c>.</summary>
    public async Task<IReadOnlyList<(string Id, string Lease)>> ReceiveAsync(Uri address, int max, string wait = "0s")
    {
        using var answer = await _http.PostAsJsonAsync(new Uri(address, "/v1/subscriptions/billing/receive"), new { max, wait }, Cancelled);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return [.. (await answer.Content.ReadFromJsonAsync<JsonElement>(Cancelled)).GetProperty("events").EnumerateArray()
            .Select(one => (one.GetProperty("event").GetProperty("id").GetString()!, one.GetProperty("lease").GetString()!))];
    }

    /// <param name="verb"><c>ack</c>, <c>nack</c>, <c>extend</c></param>
    public Task<HttpResponseMessage> SettleAsync(Uri address, string verb, IEnumerable<string> leases)
        => _http.PostAsJsonAsync(new Uri(address, $"/v1/subscriptions/billing/{verb}"), new { leases }, Cancelled);

    public async Task<JsonElement> GetAsync(Uri address, string path) => await _http.GetFromJsonAsync<JsonElement>(new Uri(address, path), Cancelled);

    /// <summary>Reads the whole topic.</summary>
    public async Task CheckAsync(Uri address)
    {
        var places = await Topic.ReadAsync(_http, address, "orders", Partitions);
        Topic.Has(places, _accepted);
        Assert.Empty(_refused.Intersect(places.Keys));
    }
}
