using System.Text.Json;
using Lakou.EndToEnd.Peers;

namespace Lakou.EndToEnd;

public sealed class CheckTests : IDisposable
{
    private const string Good = """
        listeners: { web: { address: "127.0.0.1:0" } }
        upstreams: { orders: { endpoints: [ http://127.0.0.1:9001 ] } }
        routes:
          orders: { match: { path: "/orders/**" }, to: orders }
          hello: { match: { path: /hello }, respond: { body: hello } }
        """;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_good_file_is_fine()
    {
        var file = _folder.Write("lakou.yaml", Good);

        var ended = await Binary.RunAsync("check", file);

        Assert.Equal(new Ended(0, $"{file} is fine: 1 listener, 2 routes, 1 upstream\n", ""), ended);
    }

    [Fact]
    public async Task Every_problem_is_a_line_with_its_place()
    {
        _folder.Write("lakou.yaml", """
            listeners:
              web: { address: ":8080" }
              other: { address: "127.0.0.1:8080" }
            upstreams:
              orders:
                endpoints: [ ftp://127.0.0.1:9001 ]
                balance: round-robbin
            routes:
              orders:
                match:
                  path: "/orders/**"
                to: ordes
              orders-again:
                match: { path: "/orders/**" }
                to: orders
              nothing: { match: { path: nothing } }
              late: { filters: { timeout: 0s }, to: orders }
            admin: { address: "0.0.0.0:9900" }
            logs: {}
            """);
        var start = Binary.Start("check", "lakou.yaml");
        start.WorkingDirectory = _folder.Path;

        var ended = await Programs.RunAsync(start);

        Assert.Equal(3, ended.Code);
        Assert.Equal("", ended.Error);
        Assert.Contains("lakou.yaml:12:9 routes.orders.to: unknown upstream 'ordes'; did you mean 'orders'?\n", ended.Out, StringComparison.Ordinal);
        Golden.Is("check-problems.txt", ended.Out);
    }

    [Fact]
    public async Task A_file_that_is_not_there_is_a_problem()
    {
        var ended = await Binary.RunAsync("check", "/nowhere/lakou.yaml");

        Assert.Equal(3, ended.Code);
        Assert.StartsWith("/nowhere/lakou.yaml: ", ended.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Json_has_the_same_problems()
    {
        var file = _folder.Write("lakou.yaml", Good.Replace("to: orders", "to: ordes", StringComparison.Ordinal));

        var ended = await Binary.RunAsync("check", file, "--json");

        Assert.Equal(3, ended.Code);
        var root = JsonDocument.Parse(ended.Out).RootElement;
        Assert.False(root.GetProperty("fine").GetBoolean());
        var problem = Assert.Single(root.GetProperty("problems").EnumerateArray());
        Assert.Equal("routes.orders.to", problem.GetProperty("path").GetString());
        Assert.Equal(4, problem.GetProperty("line").GetInt32());
        Assert.Equal("unknown upstream 'ordes'; did you mean 'orders'?", problem.GetProperty("message").GetString());
    }

    [Fact]
    public async Task Against_a_running_lakou_the_difference_is_shown_and_nothing_changes()
    {
        var file = _folder.Write("lakou.yaml", Good + "\nadmin: { address: \"127.0.0.1:0\" }\n");
        await using var running = await RunningLakou.StartAsync("run", file, "--no-watch");
        var next = _folder.Write("next.yaml", """
            listeners: { web: { address: "127.0.0.1:0" } }
            upstreams:
              orders: { endpoints: [ http://127.0.0.1:9002 ] }
              users: { endpoints: [ http://127.0.0.1:9003 ] }
            routes:
              orders: { match: { path: "/orders/**" }, to: orders }
              users: { match: { path: "/users/**" }, to: users }
            admin: { address: "127.0.0.1:0" }
            """);

        var same = await Binary.RunAsync("check", file, "--against", $"{running.Admin}");
        var other = await Binary.RunAsync("check", next, "--against", $"{running.Admin}");
        var again = await Binary.RunAsync("check", file, "--against", $"{running.Admin}");

        Assert.Equal(new Ended(0, "nothing would change\n", ""), same);
        Assert.Equal(new Ended(0, "~ upstream orders\n+ upstream users\n- route hello\n+ route users\n", ""), other);
        Assert.Equal(same, again);
    }
}
