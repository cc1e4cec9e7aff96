using Lakou.Gateway.Tests.Harness;
using Lakou.Gateway.Upstreams.Health;

namespace Lakou.Gateway.Tests.Upstreams.Health;

/// <summary>What requests over real sockets tell of endpoints.</summary>
public sealed class TrafficTests
{
    private const string Passive = "passive: { failures: 2, eject-for: 10s }";
    private const string Ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    [Fact]
    public async Task A_dead_endpoint_costs_some_requests_and_then_none()
    {
        using var good = new RawUpstream().Answer(Ok);
        var dead = new RawUpstream();
        dead.Dispose();
        await using var world = await HealthWorld.OpenAsync("", dead.Url, good.Url);
        var answers = new List<string>();
        for (var i = 0; i < 10; i++)
        {
            answers.Add(await world.AskAsync());
        }

        await world.BecomesAsync(0, HealthState.Ejected);
        for (var i = 0; i < 20; i++)
        {
            answers.Add(await world.AskAsync());
        }

        Assert.Equal(5, answers.Count(status => status == "502"));
        Assert.Equal("5 failures in a row, the last upstream/connect-failed; for 30s", world.Endpoint(0).Health.Status.Reason);
        Assert.Equal(25, answers.Count(status => status == "200"));
    }

    [Theory]
    [InlineData("", "upstream/closed")]
    [InlineData("SSH-2.0-OpenSSH\r\n", "upstream/bad-response")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "upstream/truncated")]
    public async Task A_broken_answer_is_a_failure(string answer, string what)
    {
        using var bad = new Moody { Answer = answer };
        using var good = new RawUpstream().Answer(Ok);
        await using var world = await HealthWorld.OpenAsync(Passive, bad.Url, good.Url);
        for (var i = 0; i < 4; i++)
        {
            await world.AskAsync();
        }

        await world.BecomesAsync(0, HealthState.Ejected);
        Assert.Equal($"2 failures in a row, the last {what}; for 10s", world.Endpoint(0).Health.Status.Reason);
    }

    [Theory]
    [InlineData("timeouts: { response: 3s }", "", "upstream/response-timeout")]
    [InlineData("", "filters: { timeout: 3s }", "upstream/total-timeout")]
    public async Task An_endpoint_that_hangs_is_ejected_while_requests_on_it_go_on(string upstream, string route, string what)
    {
        using var bad = new RawUpstream();
        using var good = new RawUpstream().Answer(Ok);
        var yaml = HealthWorld.Yaml(Passive, bad.Url, good.Url)
            .Replace("health:", (upstream.Length > 0 ? upstream + ", " : "") + "health:", StringComparison.Ordinal)
            .Replace("to: app", (route.Length > 0 ? route + ", " : "") + "to: app", StringComparison.Ordinal);
        await using var world = await HealthWorld.OpenYamlAsync(yaml);
        var (first, second, third) = (world.AskAsync(), default(Task<string>)!, default(Task<string>)!);
        using var one = await bad.AcceptAsync();
        await one.ReadHeadAsync();
        Assert.Equal("200", await world.AskAsync());
        second = world.AskAsync();
        using var two = await bad.AcceptAsync();
        await two.ReadHeadAsync();
        await world.Time.PassUntilAsync(Task.WhenAll(first, second), TimeSpan.FromMilliseconds(200));
        Assert.Equal("504", await first);
        await world.BecomesAsync(0, HealthState.Ejected);
        Assert.Contains(what, world.Endpoint(0).Health.Status.Reason, StringComparison.Ordinal);
        third = world.AskAsync();
        Assert.Equal("200", await third);
    }

    [Theory]
    [InlineData("Content-Length: 9", "half", 1)]
    [InlineData("Transfer-Encoding: chunked", "4\r\nhalf\r\n", 0)] // a stream of events, say, of which there are none just now
    public async Task A_stall_within_an_answer_is_a_failure_where_its_length_is_known(string framing, string body, int failures)
    {
        using var upstream = new RawUpstream();
        await using var world = await HealthWorld.OpenYamlAsync(HealthWorld.Yaml("", upstream.Url).Replace("health:", "timeouts: { idle: 3s }, health:", StringComparison.Ordinal));
        var asking = world.AskAsync();
        using var endpoint = await upstream.AcceptAsync();
        await endpoint.ReadHeadAsync();
        await endpoint.SendAsync($"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n{body}");
        await world.Time.PassUntilAsync(asking, TimeSpan.FromMilliseconds(200));
        Assert.Equal("cut", await asking);
        await Waiting.UntilAsync(() => world.Endpoint(0).InFlight == 0);
        await world.Gateway.LogAsync(1);
        Assert.Equal(failures, world.Endpoint(0).Health.FailuresInRow);
    }

    [Fact]
    public async Task A_request_in_flight_on_an_ejected_endpoint_is_answered_and_does_not_take_it_back()
    {
        using var upstream = new RawUpstream();
        using var good = new RawUpstream().Answer(Ok);
        await using var world = await HealthWorld.OpenAsync(Passive, upstream.Url, good.Url);
        var asking = world.AskAsync();
        using var slow = await upstream.AcceptAsync();
        await slow.ReadHeadAsync();
        await world.FailAsync(0, 2, 2);
        await world.BecomesAsync(0, HealthState.Ejected);
        world.Upstream.Health.SetByHand(world.Endpoint(0), HealthState.Disabled);
        await slow.SendAsync(Ok);
        Assert.Equal("200", await asking);
        Assert.Equal(HealthState.Disabled, world.State(0));
        await Waiting.UntilAsync(() => world.Endpoint(0).InFlight == 0);
    }

    [Theory]
    [InlineData("", false)]
    [InlineData(", statuses: [ 500, 502-504 ]", true)]
    public async Task Statuses_count_only_where_they_are_named(string statuses, bool ejects)
    {
        using var bad = new RawUpstream().Answer("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
        using var good = new RawUpstream().Answer(Ok);
        await using var world = await HealthWorld.OpenAsync($"passive: {{ failures: 2{statuses} }}", bad.Url, good.Url);
        var answers = new List<string>();
        for (var i = 0; i < 4; i++)
        {
            answers.Add(await world.AskAsync()); // an answer of the endpoint's own is passed on
        }

        Assert.Equal(["500", "200", "500", "200"], answers);
        if (ejects)
        {
            await world.BecomesAsync(0, HealthState.Ejected);
            Assert.Equal("2 failures in a row, the last status 500; for 30s", world.Endpoint(0).Health.Status.Reason);
        }

        Assert.Equal((ejects ? HealthState.Ejected : HealthState.Healthy, 0), (world.State(0), world.Endpoint(0).Health.FailuresInRow));
    }

    [Fact]
    public async Task What_clients_break_is_not_held_against_the_endpoint()
    {
        using var upstream = new RawUpstream();
        await using var world = await HealthWorld.OpenAsync(Passive, upstream.Url, "http://127.0.0.1:1");
        world.Upstream.Health.SetByHand(world.Endpoint(1), HealthState.Disabled);
        string[] requests =
        [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n", // and leaves
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf", // and leaves within its body
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
        ];
        for (var i = 0; i < requests.Length; i++)
        {
            using var client = await RawPeer.ConnectAsync(world.Gateway.Address);
            await client.SendAsync(requests[i]);
            using var endpoint = await upstream.AcceptAsync();
            client.Dispose();
            await world.Gateway.LogAsync(i + 1);
            Assert.Equal(0, world.Endpoint(0).Health.FailuresInRow);
        }
    }

    [Fact]
    public async Task An_idle_connection_that_closes_as_it_is_used_is_not_held_against_the_endpoint()
    {
        await using var passage = await Passage.OpenAsync();
        var (client, endpoint, _) = await passage.SendAsync("GET /first HTTP/1.1\r\nHost: a\r\n\r\n");
        await endpoint.SendAsync(Ok);
        await client.ReadHeadAsync();
        await client.ReadAsync(2);
        await passage.FaultsAsync(1);
        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        await endpoint.ReadHeadAsync();
        endpoint.Dispose();
        Assert.StartsWith("HTTP/1.1 502 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        await passage.FaultsAsync(2);
        Assert.Equal(0, passage.Gateway.State.Upstreams["app"].Endpoints[0].Health.FailuresInRow);
    }

    [Fact]
    public async Task Requests_succeed_while_endpoints_come_and_go_by_hand()
    {
        using var first = new RawUpstream().Answer(Ok);
        using var second = new RawUpstream().Answer(Ok);
        using var third = new RawUpstream().Answer(Ok);
        await using var world = await HealthWorld.OpenAsync("", first.Url, second.Url, third.Url);
        var stop = false;
        var clients = Enumerable.Range(0, 4).Select(async _ =>
        {
            using var client = await RawPeer.ConnectAsync(world.Gateway.Address);
            var count = 0;
            while (!Volatile.Read(ref stop))
            {
                await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
                Assert.StartsWith("HTTP/1.1 200 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
                Assert.Equal("ok", await client.ReadAsync(2));
                count++;
            }

            return count;
        }).ToArray();
        for (var i = 0; i < 100; i++)
        {
            var endpoint = world.Endpoint(i % 3);
            world.Upstream.Health.SetByHand(endpoint, i % 2 == 0 ? HealthState.Draining : HealthState.Disabled);
            await world.AskAsync();
            world.Upstream.Health.SetByHand(endpoint, HealthState.Healthy);
        }

        Volatile.Write(ref stop, true);
        Assert.All(await Task.WhenAll(clients), count => Assert.True(count > 0));
        Assert.Equal(0, world.Upstream.Endpoints.Sum(endpoint => endpoint.InFlight));
    }
}
