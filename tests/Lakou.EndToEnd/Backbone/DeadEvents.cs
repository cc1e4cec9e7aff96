using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Text.Json;

namespace Lakou.EndToEnd.Backbone;

/// <summary>What anybody was told of dead events, and that nothing of it is forgotten: neither that they are dead, nor how it came to that.</summary>
internal sealed class DeadEvents(HttpClient http, string subscription)
{
    private readonly ConcurrentDictionary<string, bool> _died = [];
    private readonly ConcurrentDictionary<string, ConcurrentQueue<string>> _reasons = [];
    private IReadOnlyDictionary<string, string> _seen = new Dictionary<string, string>();

    /// <summary>Dead for good: nobody brings them back here.</summary>
    public bool Has(string id) => _died.ContainsKey(id) || _seen.ContainsKey(id);

    /// <summary>A refusal was answered.</summary>
    public void Refused(string id, string reason, bool isLast)
    {
        _reasons.GetOrAdd(id, static _ => []).Enqueue(reason);
        if (isLast)
        {
            _died[id] = true;
        }
    }

    /// <summary>Asks who is dead, and compares it with what was known.</summary>
    /// <returns>By id, what is said of each. Not known before <see cref="Remember"/>: what has just been decided may be shown before it is on disk.</returns>
    public async Task<IReadOnlyDictionary<string, string>> CheckAsync(Uri address)
    {
        var dead = await ListAsync(address);
        Assert.Empty(_died.Keys.Except(dead.Keys));
        foreach (var (id, said) in _seen)
        {
            Assert.True(dead.TryGetValue(id, out var now), $"{id} was dead, and is not any more");
            Assert.Equal(said, now);
        }

        foreach (var (id, said) in dead)
        {
            Assert.All(_reasons.GetValueOrDefault(id, []), reason => Assert.Contains($"\"{reason}\"", said, StringComparison.Ordinal));
        }

        return dead;
    }

    /// <summary>What was listed is on disk, because something decided later is.</summary>
    public void Remember(IReadOnlyDictionary<string, string> dead) => _seen = dead;

    public async Task<IReadOnlyDictionary<string, string>> ListAsync(Uri address)
    {
        Dictionary<string, string> dead = [];
        for (var (after, isEnd) = ("", false); !isEnd;)
        {
            var page = await http.GetFromJsonAsync<JsonElement>(new Uri(address, $"/v1/subscriptions/{subscription}/dead?max=1000{after}"), TestContext.Current.CancellationToken);
            isEnd = page.GetProperty("events").GetArrayLength() == 0;
            foreach (var one in page.GetProperty("events").EnumerateArray())
            {
                dead.Add(one.GetProperty("event").GetProperty("id").GetString()!, one.GetRawText());
                after = $"&after={one.GetProperty("place").GetString()}";
            }
        }

        return dead;
    }
}
