using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;
using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Actions.Compose;

/// <summary>Whatever parts do, a client gets one valid JSON object of what there is, or a problem that names the part.</summary>
public sealed class ComposePropertyTests
{
    private static readonly string[] Names = ["a", "b", "c", "d", "e"];

    private static readonly bool[] IsOptional = [false, true, true, false, true];

    // What an endpoint does, the JSON that comes of it, and the statuses that it may end a required part in.
    private static readonly (string Word, string Answer, string? Value, int[] Statuses)[] Deeds =
    [
        ("object", ComposeWorld.Ok("""{"x":[1,2,{"y":null}],"z":"\u00e9"}"""), """{"x":[1,2,{"y":null}],"z":"\u00e9"}""", []),
        ("number", ComposeWorld.Ok(" -0.5e3\n"), "-0.5e3", []),
        ("chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n3\r\n\"x\"\r\n1\r\n]\r\n0\r\n\r\n", """["x"]""", []),
        ("empty", "HTTP/1.1 204 No Content\r\n\r\n", "null", []),
        ("none", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", null, [404]),
        ("broken", "HTTP/1.1 500 Oops\r\nContent-Length: 3\r\n\r\nno!", null, [502]),
        ("html", ComposeWorld.Ok("<p>hi</p>"), null, [502]),
        ("half", ComposeWorld.Ok("{\"a\":{}"), null, [502]),
        ("cut", "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"a\":", null, [502]),
        ("closes", "", null, [502]),
        ("large", ComposeWorld.Ok("\"" + new string('x', 70_000) + "\""), null, [502]),
        ("late", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[", null, [504]),
        ("rubbish", "\r\n\r\nrubbish", null, [502]),
    ];

    private static readonly Gen<int[]> Page = Gen.Frequency((3, Gen.Choose(0, 3)), (2, Gen.Choose(0, Deeds.Length - 1))).ArrayOf(Names.Length);

    [Fact]
    public async Task Any_parts_make_an_object_or_a_problem()
    {
        var asked = new ConcurrentDictionary<string, bool>();
        using var upstream = new RawUpstream().Serve(peer => ActAsync(peer, asked));
        var time = new ManualTime();
        await using var gateway = await TestGateway.StartAsync($$"""
            upstreams: { app: { endpoints: [ "{{upstream.Url}}" ], health: { passive: { failures: 0 } } } }
            routes: { page: { match: { path: "/{a}/{b}/{c}/{d}/{e}" }, compose: { timeout: 2s, parts: {
              a: { to: app, path: "/a/{a}", size: 64KiB },
              b: { to: app, path: "/b/{b}", size: 64KiB, optional: true, timeout: 1s, at: in.b },
              c: { to: app, path: "/c/{c}", size: 64KiB, optional: true },
              d: { to: app, path: "/d/{d}", size: 64KiB, at: in.side.d },
              e: { to: app, path: "/e/{e}", size: 64KiB, optional: true, at: in.side.e } } } } }
            """, time);
        using var client = await RawPeer.ConnectAsync(gateway.Address);
        Prop.ForAll(Page.ToArbitrary(), async page =>
        {
            asked.Clear();
            await client.SendAsync($"GET /{string.Join('/', page.Select(deed => Deeds[deed].Word))} HTTP/1.1\r\nHost: a\r\n\r\n");
            var answer = ComposeWorld.ReadAsync(client);

            // Time passes for those that are late, and for no one who is only slow here.
            var late = page.Count(deed => Deeds[deed].Word == "late");
            await Waiting.UntilAsync(() => answer.IsCompleted || (asked.Count == Names.Length && gateway.State.Upstreams["app"].Endpoints[0].InFlight == late));
            await time.PassUntilAsync(answer, TimeSpan.FromMilliseconds(20));
            Check(page, await answer);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(150));
    }

    private static void Check(int[] page, Composed answer)
    {
        var failing = Enumerable.Range(0, page.Length).Where(i => Deeds[page[i]].Value is null).ToArray();
        var ends = failing.Where(i => !IsOptional[i]).ToArray();
        var read = JsonNode.Parse(answer.Body)!.AsObject();
        if (ends.Length > 0)
        {
            Assert.Contains(ends, i => Deeds[page[i]].Statuses.Contains(answer.Status) && answer.Body.Contains($"part {Names[i]}", StringComparison.Ordinal));
            return;
        }

        JsonNode? Value(int i) => JsonNode.Parse(Deeds[page[i]].Value ?? "null");
        var expected = new JsonObject
        {
            ["a"] = Value(0),
            ["in"] = new JsonObject { ["b"] = Value(1), ["side"] = new JsonObject { ["d"] = Value(3), ["e"] = Value(4) } },
            ["c"] = Value(2),
        };
        Assert.Equal(200, answer.Status);
        Assert.True(JsonNode.DeepEquals(expected, read), answer.Body);
        Assert.Equal(failing.Length == 0 ? null : string.Join(", ", failing.Select(i => Names[i]).Order(StringComparer.Ordinal)), SortedMissing(answer));
    }

    private static string? SortedMissing(Composed answer)
        => answer.Field("Lakou-Compose-Missing") is { } missing ? string.Join(", ", missing.Split(", ").Order(StringComparer.Ordinal)) : null;

    private static async Task ActAsync(RawPeer peer, ConcurrentDictionary<string, bool> asked)
    {
        while (true)
        {
            var path = (await peer.ReadHeadAsync()).Split(' ')[1].Split('/');
            var (name, word) = (path[1], path[2]);
            var deed = Deeds.Single(deed => deed.Word == word);
            asked[name] = true;
            await peer.SendAsync(deed.Answer);
            if (word is "late")
            {
                await peer.ClosesAsync();
            }

            if (word is "cut" or "closes" or "late")
            {
                return;
            }
        }
    }
}
