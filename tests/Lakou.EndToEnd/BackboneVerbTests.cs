using System.Text.Json.Nodes;
using Lakou.EndToEnd.Peers;

namespace Lakou.EndToEnd;

/// <summary>Topics and subscriptions from the command line.</summary>
public sealed class BackboneVerbTests
{
    private const string Backbone = """
        listeners: { web: { address: "127.0.0.1:0" } }
        admin: { address: "127.0.0.1:0" }
        topics: { orders: { partitions: 1 } }
        subscriptions:
          billing: { topic: orders, retry: { first: 10ms, attempts: 1, jitter: none } }
          search: { topic: orders, mode: log }
        routes: { events: { match: { path: /events }, enqueue: orders } }
        """;

    [Fact]
    public async Task An_event_is_published_received_and_finished()
    {
        await using var world = await World.StartAsync(Backbone);

        Assert.Equal("event one at 0-0\n", await world.SaysAsync("topics publish orders --data {\"total\":7} --type order.placed --source /shop --id one --subject 4711"));
        Assert.Equal("event one was there before\n", await world.SaysAsync("topics publish orders --data {} --type order.placed --source /shop --id one"));
        Assert.Matches("^0-0-[0-9a-f]+  attempt 1  order.placed  4711  {\"total\":7}\n$", await world.SaysAsync("subscriptions receive billing --ack"));
        Assert.Equal("", await world.SaysAsync("subscriptions receive billing"));
        Assert.Equal("0-0  order.placed  4711  {\"total\":7}\n", await world.SaysAsync("subscriptions receive search --ack"));
        Assert.Equal("", await world.SaysAsync("subscriptions receive search"));
    }

    [Fact]
    public async Task Lists_are_tables_for_people_and_the_api_s_json_for_programs()
    {
        await using var world = await World.StartAsync(Backbone);
        await world.SaysAsync("topics publish orders --data 1 --id one --type a --source /b");

        Assert.Matches(
            "^TOPIC   PARTITIONS  EVENTS +SIZE  HELD  KEY      RETENTION  SUBSCRIPTIONS\n"
            + "orders           1       1 +[0-9]+ B     0  subject  7d         billing, search\n$",
            await world.SaysAsync("topics list"));
        Assert.Equal(1, (int)JsonNode.Parse(await world.SaysAsync("topics list --json"))!["topics"]![0]!["events"]!);
        Assert.Equal(
            """
            SUBSCRIPTION  TOPIC   MODE   ORDER      STATE    LAG  LEASED  RETRYING  DEAD
            billing       orders  queue  none       running    1       0         0     0
            search        orders  log    partition  running    1

            """,
            await world.SaysAsync("subscriptions list"));
        Assert.Equal(2, JsonNode.Parse(await world.SaysAsync("subscriptions list --json"))!["subscriptions"]!.AsArray().Count);
    }

    [Fact]
    public async Task Each_line_is_an_event_and_what_tail_prints_may_be_published()
    {
        await using var world = await World.StartAsync(Backbone);

        Assert.Equal("1200 events accepted\n", await world.SaysAsync("topics publish orders --lines", string.Join('\n', Enumerable.Range(0, 1200)) + "\n"));
        var tailed = await world.SaysAsync("topics tail orders --offset 1000 --max 200 --json");
        Assert.Equal(Enumerable.Range(1000, 200), tailed.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => (int)JsonNode.Parse(line)!["data"]!));

        await world.SaysAsync("topics create copies --partitions 1");
        Assert.Equal("{\"topic\":\"copies\",\"count\":200}\n", await world.SaysAsync("topics publish copies --lines --json", tailed));
        Assert.Equal(tailed, await world.SaysAsync("topics tail copies --from earliest --max 200 --json"));
    }

    [Fact]
    public async Task A_refused_line_says_how_many_were_accepted_before()
    {
        await using var world = await World.StartAsync(Backbone);
        var lines = string.Concat(Enumerable.Repeat("1\n", 3000)) + "{\"specversion\":\"2.0\"}\n";

        var ended = await world.RunAsync("topics publish orders --lines", lines);

        Assert.Equal((1, ""), (ended.Code, ended.Out));
        Assert.Matches("; [0-9]+ events were accepted before\n$", ended.Error);
    }

    [Fact]
    public async Task Tail_goes_on_where_it_was_when_Lakou_comes_back()
    {
        Programs.Need("kill", "procps");
        using var folder = new TemporaryFolder();
        var first = await StartAsync(folder, Backbone);
        var admin = first.Admin;
        await PublishAsync(admin, 1);
        await using var tail = RunningLakou.Start("topics", "tail", "orders", "--from", "earliest", "--max", "2", "--admin", admin.ToString());
        await tail.LineAsync("  1$");
        await first.SignalAsync("TERM");
        Assert.Equal(0, await first.ExitCodeAsync());
        await first.DisposeAsync();
        await tail.LineAsync("the stream ended");

        await using var second = await StartAsync(folder, Backbone.Replace("admin: { address: \"127.0.0.1:0\" }", $"admin: {{ address: \"{admin.Authority}\" }}", StringComparison.Ordinal));
        await PublishAsync(admin, 2);

        Assert.Equal(0, await tail.ExitCodeAsync());
        await tail.LineAsync("  2$");
    }

    [Fact]
    public async Task Dead_events_are_shown_and_redriven_until_none_is_left()
    {
        await using var world = await World.StartAsync(Backbone);
        await world.SaysAsync("topics publish orders --lines --type order.placed", string.Concat(Enumerable.Range(0, 1500).Select(i => $"{i}\n")));
        await world.SaysAsync("topics publish orders --data 1 --type other.kind --subject s");
        await world.RefuseAllAsync();

        var dead = await world.SaysAsync("subscriptions dead billing --max 2000");
        Assert.Equal(1502, dead.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.EndsWith("  no\n", dead, StringComparison.Ordinal);
        Assert.Equal("1 event redriven\n", await world.SaysAsync("subscriptions redrive billing --filter type=other.*"));
        Assert.Equal("{\"done\":1000,\"left\":500}\n{\"done\":1500,\"left\":0}\n", await world.SaysAsync("subscriptions redrive billing --to end --json"));
        Assert.Equal("0 events redriven\n", await world.SaysAsync("subscriptions redrive billing"));
    }

    [Fact]
    public async Task A_redrive_with_a_pace_is_followed_until_it_is_done()
    {
        await using var world = await World.StartAsync(Backbone);
        await world.SaysAsync("topics publish orders --lines", "1\n2\n3\n");
        await world.RefuseAllAsync();

        var lines = (await world.SaysAsync("subscriptions redrive billing --rate 2 --json")).Split('\n', StringSplitOptions.RemoveEmptyEntries);

        Assert.Equal(("{\"done\":0,\"left\":3}", "{\"done\":3,\"left\":0}"), (lines[0], lines[^1]));
        Assert.Equal("0 events redriven\n", await world.SaysAsync("subscriptions redrive billing --rate 2"));
    }

    [Fact]
    public async Task A_redrive_goes_on_without_the_command_that_began_it_until_it_is_stopped()
    {
        Programs.Need("kill", "procps");
        await using var world = await World.StartAsync(Backbone);
        await world.SaysAsync("topics publish orders --lines", string.Concat(Enumerable.Range(0, 500).Select(i => $"{i}\n")));
        await world.RefuseAllAsync();
        await using var redrive = RunningLakou.Start("subscriptions", "redrive", "billing", "--rate", "1", "--json", "--admin", world.Lakou.Admin.ToString());
        await redrive.LineAsync("^{\"done\":0,\"left\":500}$");

        await redrive.SignalAsync("INT");

        await redrive.LineAsync("^lakou: the redrive goes on by itself, [0-9]+ left; --stop ends it$");
        Assert.Equal(130, await redrive.ExitCodeAsync());
        while ((int)(await RedriveAsync(world))!["moved"]! == 0)
        {
            await Task.Delay(100, TestContext.Current.CancellationToken);
        }

        Assert.Matches("^the redrive is stopped: [0-9]+ events redriven, [0-9]+ left\n$", await world.SaysAsync("subscriptions redrive billing --stop"));
        Assert.Equal("stopped", (string?)(await RedriveAsync(world))!["state"]);

        static async Task<JsonNode?> RedriveAsync(World world)
            => JsonNode.Parse(await world.SaysAsync("subscriptions list --json"))!["subscriptions"]![0]!["redrive"];
    }

    [Fact]
    public async Task Topics_and_subscriptions_come_and_go_and_change()
    {
        await using var world = await World.StartAsync(Backbone);

        Assert.Equal("topic clicks: 2 partitions by session, kept 1d\n", await world.SaysAsync("topics create clicks --partitions 2 --key session --retention 1d"));
        Assert.Equal("subscription all: queue of clicks, running, 0 to go\n", await world.SaysAsync("subscriptions create all --topic clicks --order key --filter type=a --filter type=b* --attempts 3 --start latest --options {\"retry\":{\"first\":\"5s\"}}"));
        Assert.Equal("subscription all: queue of clicks, paused, 0 to go\n", await world.SaysAsync("subscriptions pause all"));
        Assert.Equal("subscription all: queue of clicks, running, 0 to go\n", await world.SaysAsync("subscriptions resume all"));
        Assert.Equal("PARTITION  OFFSET\n        0       0\n        1       0\n", await world.SaysAsync("subscriptions seek all --to earliest"));
        Assert.Equal("{\"positions\":{\"0\":0,\"1\":0}}\n", await world.SaysAsync("subscriptions seek all --to 0 --partition 1 --json"));
        Assert.Equal(1, (await world.RunAsync("topics delete clicks")).Code);
        Assert.Equal("subscription all is deleted\n", await world.SaysAsync("subscriptions delete all"));
        Assert.Equal("topic clicks is deleted\n", await world.SaysAsync("topics delete clicks"));
    }

    [Theory]
    [InlineData("topics publish ordres --data 1", "404 unknown topic 'ordres'; did you mean 'orders'?")]
    [InlineData("topics tail ordres", "404 unknown topic 'ordres'; did you mean 'orders'?")]
    [InlineData("subscriptions dead biling", "404 unknown subscription 'biling'; did you mean 'billing'?")]
    [InlineData("subscriptions seek billing --to tomorrow", "400 to: ")]
    [InlineData("topics delete orders", "409 ")]
    public async Task What_is_refused_is_said_and_fails(string line, string says)
    {
        await using var world = await World.StartAsync(Backbone);

        var ended = await world.RunAsync(line);

        Assert.Equal((1, ""), (ended.Code, ended.Out));
        Assert.StartsWith($"lakou: {world.Lakou.Admin}: {says}", ended.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("topics publish orders --data 1 --lines", "--data goes neither with --file nor with --lines", "topics publish")]
    [InlineData("topics publish orders --data 1 --in 1h --at 2030-01-01T00:00:00Z", "--in and --at say the same thing; give one of them", "topics publish")]
    [InlineData("topics tail orders --partition 1", "--partition says nothing without --offset", "topics tail")]
    [InlineData("subscriptions redrive billing --filter type", "--filter 'type': not a filter; use ATTRIBUTE=VALUE, such as 'type=order.*'", "subscriptions redrive")]
    [InlineData("subscriptions redrive billing --stop --rate 1", "--stop goes neither with --filter nor with --to nor with --rate", "subscriptions redrive")]
    [InlineData("subscriptions redrive billing --rate 0", "--rate: a whole number from 1", "subscriptions redrive")]
    [InlineData("subscriptions seek billing --to latest --partition 1", "--partition goes with an offset, not with --to latest", "subscriptions seek")]
    [InlineData("subscriptions create x --topic orders --options [1]", "--options: not a JSON object", "subscriptions create")]
    [InlineData("topics lst", "unknown verb 'lst'; did you mean 'list'?", "topics")]
    public async Task A_wrong_command_line_is_usage(string line, string says, string verb)
    {
        var ended = await Binary.RunAsync(line.Split(' '));

        Assert.Equal((2, ""), (ended.Code, ended.Out));
        Assert.Equal($"lakou: {says}\nSee: lakou {verb} --help\n", ended.Error);
    }

    [Fact]
    public async Task Nobody_there_is_a_failure()
    {
        var ended = await Binary.RunAsync("topics", "list", "--admin", "http://127.0.0.1:1");

        Assert.Equal((1, ""), (ended.Code, ended.Out));
        Assert.StartsWith("lakou: no answer from http://127.0.0.1:1/: ", ended.Error, StringComparison.Ordinal);
    }

    private static Task<RunningLakou> StartAsync(TemporaryFolder folder, string yaml) => RunningLakou.StartAsync("run", folder.Write("lakou.yaml", yaml));

    private static async Task PublishAsync(Uri admin, int data)
        => Assert.Equal(0, (await Binary.RunAsync("topics", "publish", "orders", "--data", $"{data}", "--admin", admin.ToString())).Code);

    private sealed class World : IAsyncDisposable
    {
        private readonly TemporaryFolder _folder = new();

        public RunningLakou Lakou { get; private set; } = null!;

        public static async Task<World> StartAsync(string yaml)
        {
            var world = new World();
            world.Lakou = await BackboneVerbTests.StartAsync(world._folder, yaml);
            return world;
        }

        public Task<Ended> RunAsync(string line, string input = "") => Programs.RunAsync(Binary.Start([.. line.Split(' '), "--admin", Lakou.Admin.ToString()]), input);

        public async Task<string> SaysAsync(string line, string input = "")
        {
            var ended = await RunAsync(line, input);
            Assert.True(ended is { Code: 0, Error: "" }, ended.ToString());
            return ended.Out;
        }

        public async Task RefuseAllAsync()
        {
            using var http = new HttpClient { BaseAddress = Lakou.Admin };
            while (true)
            {
                var received = JsonNode.Parse(await (await http.PostAsync("/v1/subscriptions/billing/receive?max=1000", null, TestContext.Current.CancellationToken)).Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!;
                JsonArray leases = [.. received["events"]!.AsArray().Select(one => one!["lease"]!.DeepClone())];
                if (leases.Count == 0)
                {
                    return;
                }

                using var refusal = new StringContent(new JsonObject { ["leases"] = leases, ["reason"] = "no" }.ToJsonString());
                (await http.PostAsync("/v1/subscriptions/billing/nack", refusal, TestContext.Current.CancellationToken)).EnsureSuccessStatusCode();
            }
        }

        public async ValueTask DisposeAsync()
        {
            await Lakou.DisposeAsync();
            _folder.Dispose();
        }
    }
}
