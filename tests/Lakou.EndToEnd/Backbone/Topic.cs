using System.Net.Http.Json;
using System.Text.Json;

namespace Lakou.EndToEnd.Backbone;

/// <summary>A topic as a reader finds it.</summary>
internal static class Topic
{
    /// <summary>All of it: each event once, and no offset missing.</summary>
    /// <returns>By id, where each is.</returns>
    public static async Task<IReadOnlyDictionary<string, (int Partition, ulong Offset)>> ReadAsync(HttpClient http, Uri address, string name, int partitions)
    {
        Dictionary<string, (int, ulong)> places = [];
        for (var partition = 0; partition < partitions; partition++)
        {
            for (var (next, isEnd) = (0ul, false); !isEnd;)
            {
                var page = await http.GetFromJsonAsync<JsonElement>(
                    new Uri(address, $"/v1/topics/{name}/events?partition={partition}&offset={next}&max=1000"), TestContext.Current.CancellationToken);
                isEnd = page.GetProperty("events").GetArrayLength() == 0;
                foreach (var one in page.GetProperty("events").EnumerateArray())
                {
                    var id = one.GetProperty("event").GetProperty("id").GetString()!;
                    Assert.True(places.TryAdd(id, (partition, next)), $"{id} is there twice");
                    Assert.Equal(next++, one.GetProperty("offset").GetUInt64());
                }
            }
        }

        return places;
    }

    /// <summary>What was accepted is where its sender was told.</summary>
    public static void Has(IReadOnlyDictionary<string, (int Partition, ulong Offset)> places, IEnumerable<KeyValuePair<string, (int Partition, ulong Offset)>> accepted)
    {
        foreach (var (id, place) in accepted)
        {
            Assert.True(places.TryGetValue(id, out var found), $"{id} was accepted at {place}, and is not there");
            Assert.True(place == found, $"{id} was accepted at {place}, and is at {found}");
        }
    }
}
