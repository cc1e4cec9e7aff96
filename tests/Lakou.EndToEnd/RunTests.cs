using System.Net;
using System.Net.Sockets;
using Lakou.EndToEnd.Peers;

namespace Lakou.EndToEnd;

public sealed class RunTests : IDisposable
{
    private static readonly HttpClient Http = new(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.Zero });

    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task It_says_where_it_listens_and_serves_there()
    {
        var file = Write("one");

        await using var lakou = await RunningLakou.StartAsync("run", file);

        Assert.Equal("one", await Http.GetStringAsync(new Uri(lakou.Gateway, "/hello"), Cancelled));
        Assert.Contains($" serves {file}: 1 listener, 1 route, 0 upstreams", lakou.Said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_access_log_goes_to_standard_output_as_json()
    {
        await using var lakou = await RunningLakou.StartAsync("run", Write("one"));

        await Http.GetStringAsync(new Uri(lakou.Gateway, "/hello"), Cancelled);

        await lakou.LineAsync("""^\{"time":.*"path":"/hello".*"status":200.*"route":"hello".*\}$""");
    }

    [Fact]
    public async Task A_file_with_problems_is_not_served()
    {
        var file = _folder.Write("lakou.yaml", "listeners: { web: { address: \":0\" } }\nroutes: { a: { to: b } }\n");

        var ended = await Binary.RunAsync("run", file);

        Assert.Equal(new Ended(3, "", $"{file}:2:20 routes.a.to: unknown upstream 'b'\n"), ended);
    }

    [Fact]
    public async Task An_address_that_is_taken_fails_with_its_place_in_the_file()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var file = _folder.Write("lakou.yaml", $"listeners: {{ web: {{ address: \"{taken.LocalEndpoint}\" }} }}\nadmin: {{ address: \"127.0.0.1:0\" }}\n");

        var ended = await Binary.RunAsync("run", file);

        Assert.Equal(1, ended.Code);
        Assert.Contains($"{file}:1:30 listeners.web.address: ", ended.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_hangup_signal_loads_the_file_again()
    {
        await using var lakou = await RunningLakou.StartAsync("run", Write("one"), "--no-watch");
        Write("two");
        Assert.Equal("one", await Http.GetStringAsync(new Uri(lakou.Gateway, "/hello"), Cancelled));

        await lakou.SignalAsync("HUP");

        await lakou.LineAsync(@"Configuration 2 runs \(signal\)");
        Assert.Equal("two", await Http.GetStringAsync(new Uri(lakou.Gateway, "/hello"), Cancelled));
    }

    [Fact]
    public async Task A_change_of_the_file_is_enough()
    {
        await using var lakou = await RunningLakou.StartAsync("run", Write("one"));

        Write("two");

        await lakou.LineAsync(@"Configuration 2 runs \(file\)");
        Assert.Equal("two", await Http.GetStringAsync(new Uri(lakou.Gateway, "/hello"), Cancelled));
    }

    [Fact]
    public async Task The_reload_verb_prints_what_changed()
    {
        await using var lakou = await RunningLakou.StartAsync("run", Write("one"), "--no-watch");
        Write("two");

        var first = await Binary.RunAsync("reload", "--admin", $"{lakou.Admin}");
        var second = await Binary.RunAsync("reload", "--admin", $"{lakou.Admin}");

        Assert.Equal(new Ended(0, "~ route hello\n", ""), first);
        Assert.Equal(new Ended(0, "reloaded; nothing changed\n", ""), second);
        Assert.Equal("two", await Http.GetStringAsync(new Uri(lakou.Gateway, "/hello"), Cancelled));
    }

    [Fact]
    public async Task The_reload_verb_prints_the_problems_and_the_old_file_serves_on()
    {
        await using var lakou = await RunningLakou.StartAsync("run", Write("one"), "--no-watch");
        var file = _folder.Write("lakou.yaml", "routes: { hello: { to: nobody } }\n");

        var ended = await Binary.RunAsync("reload", "--admin", $"{lakou.Admin}");

        Assert.Equal((3, ""), (ended.Code, ended.Out));
        Assert.Contains($"{file}:1:24 routes.hello.to: unknown upstream 'nobody'\n", ended.Error, StringComparison.Ordinal);
        Assert.Equal("one", await Http.GetStringAsync(new Uri(lakou.Gateway, "/hello"), Cancelled));
    }

    [Fact]
    public async Task The_token_of_the_admin_listener_comes_from_the_option_or_the_environment()
    {
        await using var lakou = await RunningLakou.StartAsync("run", Write("one", "token: s3cret-token-of-tests"), "--no-watch");
        var fromEnvironment = Binary.Start("reload", "--admin", $"{lakou.Admin}");
        fromEnvironment.Environment["LAKOU_ADMIN_TOKEN"] = "s3cret-token-of-tests";

        var without = await Binary.RunAsync("reload", "--admin", $"{lakou.Admin}");
        var option = await Binary.RunAsync("reload", "--admin", $"{lakou.Admin}", "--token", "s3cret-token-of-tests");
        var environment = await Programs.RunAsync(fromEnvironment);

        Assert.Equal(1, without.Code);
        Assert.StartsWith($"lakou: {lakou.Admin}: 401 ", without.Error, StringComparison.Ordinal);
        Assert.Equal((0, 0), (option.Code, environment.Code));
    }

    [Fact]
    public async Task Nobody_at_the_admin_address_is_a_failure()
    {
        var ended = await Binary.RunAsync("reload", "--admin", "http://127.0.0.1:1");

        Assert.Equal(new Ended(1, "", "lakou: no answer from http://127.0.0.1:1/: Connection refused\n"), ended);
    }

    [Theory]
    [InlineData("TERM")]
    [InlineData("INT")]
    public async Task A_signal_lets_what_runs_finish(string signal)
    {
        await using var service = await Service.StartAsync();
        await using var lakou = await RunningLakou.StartAsync("proxy", "--from", "127.0.0.1:0", "--to", $"{service.Address}");
        var slow = Http.GetAsync(new Uri(lakou.Gateway, "/held"), Cancelled);
        await service.Arrived;

        await lakou.SignalAsync(signal);
        await NotReadyAsync(lakou);
        service.Release();

        using var answer = await slow;
        Assert.Equal("GET /held\n", await answer.Content.ReadAsStringAsync(Cancelled));
        Assert.Equal(0, await lakou.ExitCodeAsync());
    }

    [Fact]
    public async Task A_second_signal_ends_it_at_once()
    {
        await using var service = await Service.StartAsync();
        await using var lakou = await RunningLakou.StartAsync("proxy", "--from", "127.0.0.1:0", "--to", $"{service.Address}");
        var slow = Http.GetAsync(new Uri(lakou.Gateway, "/held"), Cancelled);
        await service.Arrived;

        await lakou.SignalAsync("TERM");
        await NotReadyAsync(lakou);
        await lakou.SignalAsync("TERM");

        Assert.Equal(1, await lakou.ExitCodeAsync());
        await Assert.ThrowsAsync<HttpRequestException>(() => slow);
    }

    /// <summary>Until the process has seen the signal: it answers so on its admin listener while it drains.</summary>
    private static async Task NotReadyAsync(RunningLakou lakou)
    {
        while (true)
        {
            using var ready = await Http.GetAsync(new Uri(lakou.Admin, "/readyz"), Cancelled);
            if (ready.StatusCode == HttpStatusCode.ServiceUnavailable)
            {
                return;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, Cancelled);
        }
    }

    private string Write(string says, string admin = "") => _folder.Write("lakou.yaml", $$"""
        listeners: { web: { address: "127.0.0.1:0" } }
        routes: { hello: { match: { path: /hello }, respond: { body: {{says}} } } }
        admin: { address: "127.0.0.1:0", {{admin}} }
        """);
}
