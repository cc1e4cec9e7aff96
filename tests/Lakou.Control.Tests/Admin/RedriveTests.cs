using System.Text;
using System.Text.Json.Nodes;
using Lakou.Control.Tests.Harness;

namespace Lakou.Control.Tests.Admin;

/// <summary>Dead events that come back at a pace, seen from outside.</summary>
public sealed class RedriveTests
{
    private const string Backbone = """
        admin: { address: "127.0.0.1:0" }
        store: { segment: 16MiB }
        topics: { orders: { partitions: 1 } }
        subscriptions:
          billing: { topic: orders, retry: { attempts: 1 } }
          none: { topic: orders }
        """;

    private static readonly string[] s_types = ["order.placed", "other.kind"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_redrive_with_a_pace_shows_how_far_it_is_until_it_is_done()
    {
        await using var world = await WithDeadAsync(7);

        var begun = await AskAsync(world, HttpMethod.Post, "/dead/redrive", """{"rate": 3}""");
        Assert.Equal((0, 7), ((int)begun["done"]!, (int)begun["left"]!));
        var seen = new List<int>();
        while (true)
        {
            var redrive = (await AskAsync(world, HttpMethod.Get))["redrive"]!;
            Assert.Equal(((string?)begun["began"], 3, 7), ((string?)redrive["began"], (int)redrive["rate"]!, (int)redrive["moved"]! + (int)redrive["left"]!));
            seen.Add((int)redrive["moved"]!);
            if ((string?)redrive["state"] == "done")
            {
                break;
            }

            Assert.Equal("running", (string?)redrive["state"]);
            await Task.Delay(20, Cancel);
        }

        Assert.Equal(seen.Order(), seen);
        Assert.Equal(7, seen[^1]);
        Assert.All(seen, moved => Assert.Contains(moved, (int[])[0, 3, 6, 7]));
        Assert.Equal(0, (int)(await AskAsync(world, HttpMethod.Get))["dead"]!);
        Assert.Equal(7, (await AskAsync(world, HttpMethod.Post, "/receive?max=100"))["events"]!.AsArray().Count);
    }

    [Fact]
    public async Task Only_what_a_filter_matches_comes_back_and_a_new_redrive_takes_the_place_of_the_one_before()
    {
        await using var world = await WithDeadAsync(200);

        var first = await AskAsync(world, HttpMethod.Post, "/dead/redrive", """{"rate": 1}""");
        var second = await AskAsync(world, HttpMethod.Post, "/dead/redrive", """{"rate": 1000, "filter": {"type": "order.*"}}""");

        Assert.NotEqual((string?)first["began"], (string?)second["began"]);
        var left = (int)second["left"]!;
        Assert.InRange(left, 1, 100); // the first may have brought some back before
        var redrive = await UntilAsync(world, "done");
        Assert.Equal(((string?)second["began"], left), ((string?)redrive["began"], (int)redrive["moved"]!));
        var dead = (await AskAsync(world, HttpMethod.Get, "/dead?max=1000"))["events"]!.AsArray();
        Assert.InRange(dead.Count, 1, 100);
        Assert.All(dead, one => Assert.Equal("other.kind", (string?)one!["event"]!["type"]));
    }

    [Fact]
    public async Task A_redrive_can_be_stopped()
    {
        await using var world = await WithDeadAsync(100);
        await AskAsync(world, HttpMethod.Post, "/dead/redrive", """{"rate": 1}""");

        var stopped = await AskAsync(world, HttpMethod.Delete, "/dead/redrive");

        Assert.Equal("stopped", (string?)stopped["redrive"]!["state"]);
        Assert.Equal((int)stopped["dead"]!, (int)stopped["redrive"]!["left"]!);
        Assert.Null((await AskAsync(world, HttpMethod.Delete, "/dead/redrive", subscription: "none"))["redrive"]);
    }

    [Fact]
    public async Task As_many_come_back_as_are_dead_even_if_no_segment_of_the_journal_could_hold_their_record()
    {
        const int Count = 70_000; // 16 bytes of each
        await using var world = await WithDeadAsync(Count);

        var all = await AskAsync(world, HttpMethod.Post, "/dead/redrive");

        Assert.Equal((Count, 0), ((int)all["done"]!, (int)all["left"]!));
    }

    private static async Task<JsonNode> UntilAsync(World world, string state)
    {
        using var guard = new CancellationTokenSource(World.Patience, TimeProvider.System);
        while (true)
        {
            if ((await AskAsync(world, HttpMethod.Get))["redrive"]! is var redrive && (string?)redrive["state"] == state)
            {
                return redrive;
            }

            await Task.Delay(20, guard.Token);
        }
    }

    private static async Task<JsonNode> AskAsync(World world, HttpMethod method, string tail = "", string body = "", string subscription = "billing")
    {
        using var request = new HttpRequestMessage(method, $"/v1/subscriptions/{subscription}{tail}") { Content = body.Length > 0 ? new StringContent(body, Encoding.UTF8, "application/json") : null };
        using var answer = await world.Admin.SendAsync(request, Cancel);
        var text = await answer.Content.ReadAsStringAsync(Cancel);
        Assert.True(answer.IsSuccessStatusCode, text);
        return JsonNode.Parse(text)!;
    }

    /// <summary>So many dead events, of two types in turn; and a subscription <c>none</c> that has none.</summary>
    private static async Task<World> WithDeadAsync(int count)
    {
        const int Most = 1_000;
        var world = await World.StartAsync(Backbone);
        for (var done = 0; done < count; done += Most)
        {
            var some = Math.Min(Most, count - done);
            JsonArray batch = [.. Enumerable.Range(done, some).Select(i => new JsonObject { ["specversion"] = "1.0", ["id"] = $"{i}", ["source"] = "/tests", ["type"] = s_types[i % 2] })];
            using var events = new StringContent(batch.ToJsonString(), Encoding.UTF8, "application/cloudevents-batch+json");
            using var accepted = await world.Admin.PostAsync("/v1/topics/orders/events", events, Cancel);
            Assert.Equal(202, (int)accepted.StatusCode);
            for (var left = some; left > 0;)
            {
                var received = await AskAsync(world, HttpMethod.Post, $"/receive?max={Most}&wait=10s");
                JsonArray leases = [.. received["events"]!.AsArray().Select(one => one!["lease"]!.DeepClone())];
                left -= leases.Count;
                await AskAsync(world, HttpMethod.Post, "/nack", new JsonObject { ["leases"] = leases }.ToJsonString());
            }
        }

        return world;
    }
}
