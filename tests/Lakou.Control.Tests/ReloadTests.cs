using System.Net;
using System.Net.Sockets;
using Lakou.Control.Tests.Admin;
using Lakou.Control.Tests.Harness;
using Microsoft.AspNetCore.Http;

namespace Lakou.Control.Tests;

public sealed class ReloadTests
{
    private const string Two = """
        listeners: { web: { address: "127.0.0.1:0" } }
        upstreams:
          one: { endpoints: [ "BACKEND" ] }
          two: { endpoints: [ "http://127.0.0.1:9" ] }
        routes:
          one: { match: { path: "/one/**" }, to: one }
          two: { match: { path: "/two/**" }, to: two }
        admin: { address: "127.0.0.1:0" }
        """;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_reload_by_the_api_answers_with_what_it_changed()
    {
        await using var world = await World.StartAsync(World.Hello);
        await File.WriteAllTextAsync(world.File, World.Hello.Replace("hello\\n", "hi\\n", StringComparison.Ordinal), Cancel);
        var response = await world.Admin.PostAsync("/v1/config/reload", null, Cancel);
        Assert.Equal(
            """{"version":2,"diff":{"listeners":{"added":[],"removed":[],"changed":[]},"upstreams":{"added":[],"removed":[],"changed":[]},"routes":{"added":[],"removed":[],"changed":["hello"]},"topics":{"added":[],"removed":[],"changed":[]},"subscriptions":{"added":[],"removed":[],"changed":[]},"settings":[],"isEmpty":false,"lines":["~ route hello"]}}""",
            await response.Content.ReadAsStringAsync(Cancel));
        Assert.Equal("hi\n", await world.Client().GetStringAsync("/hello", Cancel));
        Assert.Equal("api", (string?)(await world.GetAsync("/v1/config"))["trigger"]);
    }

    [Fact]
    public async Task A_bad_file_changes_nothing_and_is_logged_once()
    {
        await using var world = await World.StartAsync(World.Hello);
        var first = await world.LoadAsync(World.Hello + "\ndrian: 3s\nlog: { level: loud }\n");
        var again = await world.Host.ReloadAsync("signal");
        Assert.False(first.Applied);
        Assert.Equal(2, first.Problems.Count);
        Assert.Equal(first.Problems, again.Problems);
        Assert.Single(world.Log.Errors, line => line.Contains("drian", StringComparison.Ordinal));
        Assert.Equal("hello\n", await world.Client().GetStringAsync("/hello", Cancel));
        var config = await world.GetAsync("/v1/config");
        Assert.Equal("stale", (string?)config["status"]);
        Assert.Equal(1, (int)config["version"]!);
        Assert.Equal(2, config["lastReload"]!["problems"]!.AsArray().Count);
        var metrics = await world.Admin.GetStringAsync("/metrics", Cancel);
        Assert.Contains("lakou_config_last_reload_successful 0\n", metrics, StringComparison.Ordinal);
        Assert.Contains("lakou_config_reloads_total{result=\"failure\"} 2\n", metrics, StringComparison.Ordinal);
        Assert.Equal("config/invalid", await AdminApiTests.FaultOf(await world.Admin.PostAsync("/v1/config/reload", null, Cancel), 422));
    }

    [Fact]
    public async Task A_file_that_is_put_right_is_current_again()
    {
        await using var world = await World.StartAsync(World.Hello);
        await world.LoadAsync("nonsense: [");
        Assert.True((await world.LoadAsync(World.Hello)).Applied);
        var config = await world.GetAsync("/v1/config");
        Assert.Equal("current", (string?)config["status"]);
        Assert.Equal(1, (int)config["version"]!);
    }

    [Fact]
    public async Task What_a_reload_does_not_change_keeps_its_state()
    {
        await using var world = await World.StartAsync(Two.Replace("BACKEND", "http://127.0.0.1:8", StringComparison.Ordinal));
        var gateway = world.Host.Gateway;
        var before = (gateway.Routes["one"], gateway.Routes["two"], gateway.Upstreams["one"], gateway.Upstreams["two"], gateway.Upstreams["one"].Endpoints[0], gateway.Listeners["web"]);
        var result = await world.LoadAsync(Two.Replace("BACKEND", "http://127.0.0.1:8", StringComparison.Ordinal)
            .Replace("[ \"http://127.0.0.1:9\" ]", "[ \"http://127.0.0.1:9\", \"http://127.0.0.1:10\" ]", StringComparison.Ordinal)
            .Replace("/two/**", "/zwei/**", StringComparison.Ordinal));
        Assert.Equal(["~ upstream two", "~ route two"], result.Diff.Lines);
        Assert.Same(before.Item1, gateway.Routes["one"]);
        Assert.NotSame(before.Item2, gateway.Routes["two"]);
        Assert.Same(before.Item3, gateway.Upstreams["one"]);
        Assert.Same(before.Item4, gateway.Upstreams["two"]);
        Assert.Same(before.Item5, gateway.Upstreams["one"].Endpoints[0]);
        Assert.Same(before.Item6, gateway.Listeners["web"]);
        Assert.Equal(2, gateway.Upstreams["two"].Endpoints.Count);
    }

    [Fact]
    public async Task A_streaming_answer_survives_the_reload_of_another_route()
    {
        var goOn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var backend = await Backend.StartAsync(async context =>
        {
            await context.Response.WriteAsync("before ", context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
            await goOn.Task;
            await context.Response.WriteAsync("after", context.RequestAborted);
        });
        var yaml = Two.Replace("BACKEND", backend.Address.ToString().TrimEnd('/'), StringComparison.Ordinal);
        await using var world = await World.StartAsync(yaml);
        using var response = await world.Client().GetAsync("/one/stream", HttpCompletionOption.ResponseHeadersRead, Cancel);
        await using var body = await response.Content.ReadAsStreamAsync(Cancel);
        var bytes = new byte[7];
        await body.ReadExactlyAsync(bytes, Cancel);
        Assert.True((await world.LoadAsync(yaml.Replace("/two/**", "/zwei/**", StringComparison.Ordinal))).Applied);
        goOn.SetResult();
        using var reader = new StreamReader(body);
        Assert.Equal("after", await reader.ReadToEndAsync(Cancel));
    }

    [Fact]
    public async Task An_upgraded_connection_survives_the_reload_of_another_route()
    {
        await using var backend = await Backend.StartAsync(async context =>
        {
            await using var upgraded = await context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpUpgradeFeature>()!.UpgradeAsync();
            var bytes = new byte[16];
            for (int read; (read = await upgraded.ReadAsync(bytes, context.RequestAborted)) > 0;)
            {
                await upgraded.WriteAsync(bytes.AsMemory(0, read), context.RequestAborted);
            }
        });
        var yaml = Two.Replace("BACKEND", backend.Address.ToString().TrimEnd('/'), StringComparison.Ordinal);
        await using var world = await World.StartAsync(yaml);
        using var client = new TcpClient();
        await client.ConnectAsync((IPEndPoint)world.Host.EndPointOf("web"), Cancel);
        var stream = client.GetStream();
        await stream.WriteAsync("GET /one/x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"u8.ToArray(), Cancel);
        var head = "";
        while (!head.EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            var one = new byte[1];
            await stream.ReadExactlyAsync(one, Cancel);
            head += (char)one[0];
        }

        Assert.StartsWith("HTTP/1.1 101", head, StringComparison.Ordinal);
        Assert.True((await world.LoadAsync(yaml.Replace("/two/**", "/zwei/**", StringComparison.Ordinal))).Applied);
        await stream.WriteAsync("ping"u8.ToArray(), Cancel);
        var answer = new byte[4];
        await stream.ReadExactlyAsync(answer, Cancel);
        Assert.Equal("ping"u8.ToArray(), answer);
    }

    [Fact]
    public async Task An_address_that_is_taken_is_a_problem_and_nothing_changes()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        await using var world = await World.StartAsync(World.Hello);
        var listener = world.Host.Gateway.Listeners["web"];
        var result = await world.LoadAsync(World.Hello
            .Replace("hello\\n", "hi\\n", StringComparison.Ordinal)
            .Replace("web: { address: \"127.0.0.1:0\" }", $"web: {{ address: \"127.0.0.1:0\" }}, more: {{ address: \"{taken.LocalEndpoint}\" }}", StringComparison.Ordinal));
        var problem = Assert.Single(result.Problems);
        Assert.Equal("listeners.more.address", problem.Path);
        Assert.Equal(1, problem.Line);
        Assert.Equal("hello\n", await world.Client().GetStringAsync("/hello", Cancel));
        Assert.Same(listener, world.Host.Gateway.Listeners["web"]);
    }

    [Fact]
    public async Task Listeners_come_change_and_go_while_others_refuse_nobody()
    {
        await using var world = await World.StartAsync(World.Hello);
        var kept = world.Host.EndPointOf("web");
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var served = 0;
        var traffic = Task.Run(async () =>
        {
            // A new connection each time: one that is refused fails the test.
            while (!stop.IsCancellationRequested)
            {
                using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri($"http://{kept}"), Timeout = World.Patience };
                Assert.Equal("hello\n", await client.GetStringAsync("/hello", Cancel));
                Interlocked.Increment(ref served);
            }
        }, Cancel);

        const string Web = "web: { address: \"127.0.0.1:0\" }";
        Assert.Equal(["+ listener more"], (await world.LoadAsync(World.Hello.Replace(Web, Web + ", more: { address: \"127.0.0.1:0\" }", StringComparison.Ordinal))).Diff.Lines);
        Assert.NotEqual(kept, world.Host.EndPointOf("more"));
        Assert.Equal("hello\n", await world.Client("more").GetStringAsync("/hello", Cancel));
        var changed = await world.LoadAsync(World.Hello.Replace(Web, "web: { address: \"127.0.0.1:0\", limits: { head: 16KiB } }", StringComparison.Ordinal));
        Assert.Equal(["- listener more", "~ listener web"], changed.Diff.Lines);
        Assert.Equal(kept, world.Host.EndPointOf("web"));
        await stop.CancelAsync();
        await traffic;
        Assert.True(served > 0);
    }

    [Fact]
    public async Task The_admin_listener_moves_and_changes_its_token()
    {
        await using var world = await World.StartAsync(World.Hello);
        var before = world.Host.AdminEndPoint;
        var result = await world.LoadAsync(World.Hello.Replace("admin: { address: \"127.0.0.1:0\" }", "admin: { address: \"localhost:0\", token: correct-horse-battery }", StringComparison.Ordinal));
        Assert.Equal(["~ admin"], result.Diff.Lines);
        Assert.NotEqual(before, world.Host.AdminEndPoint);
        var moved = world.Client(world.Host.AdminEndPoint);
        Assert.Equal(401, (int)(await moved.GetAsync("/v1/config", Cancel)).StatusCode);
        moved.DefaultRequestHeaders.Authorization = new("Bearer", "correct-horse-battery");
        Assert.Equal(200, (int)(await moved.GetAsync("/v1/config", Cancel)).StatusCode);
    }

    [Fact]
    public async Task The_form_of_the_access_log_changes_at_once()
    {
        await using var world = await World.StartAsync(World.Hello);
        await world.Client().GetStringAsync("/hello", Cancel);

        // The line is written once the answer has gone: in the form of its time.
        using var patience = new CancellationTokenSource(World.Patience);
        while (world.AccessLog.Length == 0)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(2), TimeProvider.System, patience.Token);
        }

        await world.LoadAsync(World.Hello + "\nlog: { access: text }");
        await world.Client().GetStringAsync("/hello", Cancel);
        await world.Host.StopAsync(Cancel);
        var lines = System.Text.Encoding.UTF8.GetString(world.AccessLog.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal([true, false], lines.Select(line => line.StartsWith('{')));
    }
}
