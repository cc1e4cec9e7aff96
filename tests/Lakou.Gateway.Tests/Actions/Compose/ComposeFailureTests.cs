using System.Text.Json;
using Lakou.Gateway.Upstreams.Health;
using static Lakou.Gateway.Tests.Actions.Compose.ComposeWorld;

namespace Lakou.Gateway.Tests.Actions.Compose;

/// <summary>A required part that fails is the end of the answer, and each end has its own fault.</summary>
public sealed class ComposeFailureTests
{
    private const string Two = "parts: { order: { to: a, path: /1, timeout: 1s }, stock: { to: b, path: /2, optional: true } }, timeout: 3s";

    [Theory]
    [InlineData(400, 400)]
    [InlineData(401, 401)]
    [InlineData(403, 403)]
    [InlineData(404, 404)]
    [InlineData(410, 410)]
    [InlineData(429, 429)]
    [InlineData(405, 502)]
    [InlineData(407, 502)]
    [InlineData(416, 502)]
    [InlineData(304, 502)]
    [InlineData(500, 502)]
    [InlineData(503, 502)]
    public async Task What_is_the_clients_passes_as_its_status_and_all_else_is_502(int status, int answered)
    {
        await using var world = await OpenAsync(Two);
        world.A.Answer($"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nRetry-After: 9\r\nWWW-Authenticate: Bearer realm=\"x\"\r\n\r\n");
        world.B.Answer(Ok("2"));
        var answer = await world.GetAsync();
        Assert.Equal(answered, answer.Status);
        Assert.Equal(answered == 502 ? "compose/part-status" : "compose/part-refused", answer.Fault);
        Assert.Contains("part order", answer.Body, StringComparison.Ordinal);
        Assert.Contains($"\"status\":{answered}", answer.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("127.0.0.1", answer.Body, StringComparison.Ordinal);
        Assert.Equal(answered == 502 ? null : "9", answer.Field("Retry-After"));
        Assert.Equal(status == 401 ? "Bearer realm=\"x\"" : null, answer.Field("WWW-Authenticate"));
        Assert.Equal("no-store", answer.Field("Cache-Control"));
        Assert.Equal("application/problem+json", answer.Field("Content-Type"));
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("{")]
    [InlineData("{}x")]
    [InlineData("{} {}")]
    [InlineData("NaN")]
    [InlineData("[1,]")]
    [InlineData("{'a':1}")]
    [InlineData("// no\n1")]
    [InlineData("\u00ef\u00bb\u00bf1")]
    [InlineData("\"\u00ff\"")]
    [InlineData("\"\u00c0\u00af\"")]
    [InlineData("\"\u00ed\u00a0\u0080\"")]
    [InlineData("\"a\nb\"")]
    [InlineData("<html>")]
    public async Task What_is_not_one_JSON_value_never_gets_into_an_answer(string body)
    {
        await using var world = await OpenAsync(Two);
        world.A.Answer(Ok(body));
        world.B.Answer(Ok("2"));
        var answer = await world.GetAsync();
        Assert.Equal((502, "compose/part-invalid"), (answer.Status, answer.Fault));
    }

    [Theory]
    [InlineData(63, 200)]
    [InlineData(64, 502)]
    [InlineData(100_000, 502)]
    public async Task An_answer_is_at_most_64_deep_as_a_whole(int depth, int status)
    {
        await using var world = await OpenAsync(Two);
        world.A.Answer(Ok(new string('[', depth) + new string(']', depth)));
        world.B.Answer(Ok("2"));
        var answer = await world.GetAsync();
        Assert.Equal(status, answer.Status);
        if (status == 200)
        {
            using var read = JsonDocument.Parse(answer.Body); // at most 64 deep is its default too
        }
    }

    [Fact]
    public async Task When_a_required_part_fails_nobody_waits_for_the_others()
    {
        await using var world = await OpenAsync(Two);
        var client = await world.AskAsync();
        var (order, _) = await world.AskedAsync(world.A);
        var (stock, _) = await world.AskedAsync(world.B);
        await order.SendAsync("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
        Assert.Equal("compose/part-status", (await ReadAsync(client)).Fault);
        Assert.True(await stock.ClosesAsync());
    }

    [Fact]
    public async Task When_one_fails_before_another_has_begun_that_is_never_asked()
    {
        await using var world = await OpenAsync("parts: { order: { to: a, path: /1 }, stock: { to: b, path: /2 } }");
        world.Gateway.State.Upstreams["a"].Health.SetByHand(world.Gateway.State.Upstreams["a"].Endpoints[0], HealthState.Disabled);
        var answer = await world.GetAsync();
        Assert.Equal((503, "upstream/no-endpoint"), (answer.Status, answer.Fault));
        Assert.Equal(0, world.B.Accepted);
    }

    [Fact]
    public async Task An_endpoint_that_cannot_be_reached_is_the_fault_of_forwarding_with_the_part_named()
    {
        await using var world = await OpenAsync(Two);
        world.A.Dispose();
        world.B.Answer(Ok("2"));
        var answer = await world.GetAsync();
        Assert.Equal((502, "upstream/connect-failed"), (answer.Status, answer.Fault));
        Assert.Contains("part order", answer.Body, StringComparison.Ordinal);
        Assert.Contains("part order: ", (await world.Gateway.LogAsync(1))[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{\"a\":")]
    public async Task A_required_part_that_is_late_is_504(string begun)
    {
        await using var world = await OpenAsync(Two);
        world.B.Answer(Ok("2"));
        var client = await world.AskAsync();
        var (order, _) = await world.AskedAsync(world.A);
        await order.SendAsync(begun);
        var answer = ReadAsync(client);
        Assert.InRange(await world.Time.PassUntilAsync(answer, TimeSpan.FromMilliseconds(100)), TimeSpan.FromSeconds(1), TimeSpan.MaxValue);
        Assert.Equal((504, "compose/part-timeout"), ((await answer).Status, (await answer).Fault));
        Assert.True(await order.ClosesAsync());
        Assert.Contains("to the end after 1s", (await world.Gateway.LogAsync(1))[0], StringComparison.Ordinal); // its own time, not that of all
    }

    [Fact]
    public async Task An_optional_part_that_is_late_is_left_out_when_its_own_time_has_passed()
    {
        await using var world = await OpenAsync("parts: { order: { to: a, path: /1 }, stock: { to: b, path: /2, optional: true, timeout: 500ms } }, timeout: 5m");
        world.A.Answer(Ok("1"));
        var client = await world.AskAsync();
        var (stock, _) = await world.AskedAsync(world.B);
        await world.HasInFlightAsync("a", 0);
        var answer = ReadAsync(client);
        Assert.InRange(await world.Time.PassUntilAsync(answer, TimeSpan.FromMilliseconds(50)), TimeSpan.FromMilliseconds(500), TimeSpan.FromMinutes(4));
        Assert.Equal("""{"order":1,"stock":null}""", (await answer).Body);
        Assert.True(await stock.ClosesAsync());
    }

    [Fact]
    public async Task The_time_of_all_ends_optional_parts_however_busy()
    {
        await using var world = await OpenAsync("parts: { order: { to: a, path: /1 }, stock: { to: b, path: /2, optional: true } }, timeout: 1s");
        world.A.Answer(Ok("1"));
        var client = await world.AskAsync();
        var (stock, _) = await world.AskedAsync(world.B);
        await stock.SendAsync("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        await world.HasInFlightAsync("a", 0);
        var answer = ReadAsync(client);
        for (var i = 0; i < 9; i++)
        {
            await stock.SendAsync("1\r\n1\r\n");
            world.Time.Advance(TimeSpan.FromMilliseconds(100));
        }

        Assert.False(answer.IsCompleted);
        await world.Time.PassUntilAsync(answer, TimeSpan.FromMilliseconds(100));
        Assert.Equal("""{"order":1,"stock":null}""", (await answer).Body);
    }

    [Fact]
    public async Task The_time_of_the_route_is_stronger_and_leaves_no_answer()
    {
        await using var world = await OpenAsync("parts: { order: { to: a, path: /1, optional: true } }, timeout: 5m", route: "filters: { timeout: 2s }");
        var client = await world.AskAsync();
        await world.AskedAsync(world.A);
        var answer = ReadAsync(client);
        Assert.InRange(await world.Time.PassUntilAsync(answer, TimeSpan.FromMilliseconds(100)), TimeSpan.FromSeconds(1.5), TimeSpan.FromMinutes(4));
        Assert.Equal((504, "upstream/total-timeout"), ((await answer).Status, (await answer).Fault));
    }

    [Fact]
    public async Task The_time_of_the_route_goes_on_while_the_client_does_not_read()
    {
        await using var world = await OpenAsync("parts: { order: { to: a, path: /1 } }, size: 64MiB", route: "filters: { timeout: 3s }", listener: "body-rate: 1");
        world.A.Serve(async peer =>
        {
            // More than kernels keep; in pieces, because other tests look at what this process holds.
            await peer.ReadHeadAsync();
            await peer.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 24000002\r\n\r\n\"");
            var piece = Enumerable.Repeat((byte)'x', 60_000).ToArray();
            for (var i = 0; i < 400; i++)
            {
                await peer.SendAsync(piece);
            }

            await peer.SendAsync("\"");
        });
        var client = await world.AskAsync();
        await client.ReadHeadAsync();
        var line = world.Gateway.LogAsync(1);
        await world.Time.PassUntilAsync(line, TimeSpan.FromMilliseconds(500));
        Assert.Contains("\"fault\":\"upstream/total-timeout\"", (await line)[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Steps_have_the_times_of_their_upstream()
    {
        // 'idle' is 4 s in both: a part that has begun waits for no other.
        foreach (var (timeouts, begun, fault) in new[] { ("response: 2s", "", "upstream/response-timeout"), ("response: 1h", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[", "upstream/idle-timeout") })
        {
            await using var world = await OpenAsync("parts: { order: { to: a, path: /1 } }, timeout: 5m", upstream: $"timeouts: {{ idle: 4s, {timeouts} }}");
            var client = await world.AskAsync();
            var (order, _) = await world.AskedAsync(world.A);
            await order.SendAsync(begun);
            var answer = ReadAsync(client);
            await world.Time.PassUntilAsync(answer, TimeSpan.FromMilliseconds(100));
            Assert.Equal(fault, (await answer).Fault);
        }
    }

    [Fact]
    public async Task A_client_that_leaves_ends_all_parts()
    {
        await using var world = await OpenAsync(Two);
        var client = await world.AskAsync();
        var (order, _) = await world.AskedAsync(world.A);
        var (stock, _) = await world.AskedAsync(world.B);
        client.Reset();
        Assert.True(await order.ClosesAsync());
        Assert.True(await stock.ClosesAsync());
        Assert.Contains("\"fault\":\"client/gone\"", (await world.Gateway.LogAsync(1))[0], StringComparison.Ordinal);
        Assert.All(world.Gateway.State.Upstreams.Values, upstream => Assert.Equal(0, upstream.Endpoints[0].Health.FailuresInRow));
    }

    [Fact]
    public async Task A_stream_of_HTTP_2_that_is_reset_ends_all_parts()
    {
        await using var world = await OpenAsync(Two);
        using var http = new HttpClient { DefaultRequestVersion = new Version(2, 0), DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };
        using var leave = new CancellationTokenSource();
        var answer = http.GetStringAsync(new Uri(world.Gateway.Uri, "/page/7"), leave.Token);
        var (order, _) = await world.AskedAsync(world.A);
        var (stock, _) = await world.AskedAsync(world.B);
        await leave.CancelAsync();
        Assert.True(await order.ClosesAsync());
        Assert.True(await stock.ClosesAsync());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => answer);
    }

    [Fact]
    public async Task What_cannot_answer_is_held_against_the_endpoint_and_what_was_cancelled_is_not()
    {
        await using var world = await OpenAsync(Two);
        for (var i = 1; i <= 3; i++)
        {
            var client = await world.AskAsync();
            var (order, _) = await world.AskedAsync(world.A);
            await world.AskedAsync(world.B);
            order.ShutdownSend();
            Assert.Equal("upstream/closed", (await ReadAsync(client)).Fault);
            Assert.Equal(i, world.Gateway.State.Upstreams["a"].Endpoints[0].Health.FailuresInRow);
        }

        Assert.Equal(0, world.Gateway.State.Upstreams["b"].Endpoints[0].Health.FailuresInRow);
    }

    [Fact]
    public async Task An_endpoint_that_is_late_is_held_against_it()
    {
        await using var world = await OpenAsync(Two);
        world.B.Answer(Ok("2"));
        var client = await world.AskAsync();
        await world.AskedAsync(world.A);
        var answer = ReadAsync(client);
        await world.Time.PassUntilAsync(answer, TimeSpan.FromMilliseconds(100));
        Assert.Equal("compose/part-timeout", (await answer).Fault);
        Assert.Equal(1, world.Gateway.State.Upstreams["a"].Endpoints[0].Health.FailuresInRow);
    }
}
