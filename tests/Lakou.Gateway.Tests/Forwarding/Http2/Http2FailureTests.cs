using System.Net;
using Lakou.Gateway.Tests.Harness;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Tests.Forwarding.Http2;

/// <summary>What ends a request to an endpoint over HTTP/2 before its time, on either side.</summary>
public sealed class Http2FailureTests
{
    private const uint InternalError = 2;
    private const uint RefusedStream = 7;
    private const uint Cancel = 8;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Requests_that_wait_for_a_connection_fail_with_it()
    {
        using var nobody = new RawUpstream();
        nobody.Dispose();
        await using var world = await Http2World.ConnectAsync(nobody.Url);
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => world.Client.GetAsync("/", Stop)));
        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.BadGateway, answer.StatusCode));
        Assert.Equal("upstream/connect-failed", await world.FaultAsync());
        Assert.Contains("connection refused", (await world.Gateway.LogAsync(1))[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_endpoint_that_speaks_HTTP_1_is_named_as_such()
    {
        await using var server = await KestrelUpstream.StartAsync(context => context.Response.WriteAsync("ok"));
        await using var world = await Http2World.ConnectAsync(server.Url);
        using var answer = await world.Client.GetAsync("/", Stop);
        Assert.Equal(HttpStatusCode.BadGateway, answer.StatusCode);
        var line = (await world.Gateway.LogAsync(1))[0];
        Assert.True(line.Contains("write protocol: http1", StringComparison.Ordinal), line);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    public async Task A_refused_stream_is_sent_again(int bytes)
    {
        using var upstream = new RawUpstream();
        await using var world = await Http2World.ConnectAsync(upstream.Url);
        var asked = AskAsync(world, bytes);
        using var endpoint = await Http2Peer.AcceptAsync(await upstream.AcceptAsync());
        await endpoint.ResetAsync(await endpoint.AcceptStreamAsync(), RefusedStream);
        var stream = await endpoint.AcceptStreamAsync();
        if (bytes > 0)
        {
            Assert.Equal(bytes, (await endpoint.ReadToAsync(0)).Length);
        }

        await endpoint.RequestAsync(stream, true, (":status", "201"));
        using var answer = await asked;
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
    }

    [Fact]
    public async Task A_refused_stream_whose_body_has_gone_is_503()
    {
        using var upstream = new RawUpstream();
        await using var world = await Http2World.ConnectAsync(upstream.Url);
        var asked = AskAsync(world, 20_000);
        using var endpoint = await Http2Peer.AcceptAsync(await upstream.AcceptAsync());
        var stream = await endpoint.AcceptStreamAsync();
        await endpoint.ReadToAsync(0);
        await endpoint.ResetAsync(stream, RefusedStream);
        using var answer = await asked;
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Equal("upstream/refused", await world.FaultAsync());
    }

    [Fact]
    public async Task What_a_connection_did_not_process_goes_to_another()
    {
        using var upstream = new RawUpstream();
        await using var world = await Http2World.ConnectAsync(upstream.Url);
        var asked = AskAsync(world, 10);
        using var first = await Http2Peer.AcceptAsync(await upstream.AcceptAsync());
        await first.AcceptStreamAsync();
        await first.GoAwayAsync(last: 0, error: 0);
        using var second = await Http2Peer.AcceptAsync(await upstream.AcceptAsync());
        await second.RequestAsync(await second.AcceptStreamAsync(), true, (":status", "200"));
        using var answer = await asked;
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task A_reset_before_the_answer_is_502()
    {
        using var upstream = new RawUpstream();
        await using var world = await Http2World.ConnectAsync(upstream.Url);
        var asked = AskAsync(world, 10);
        using var endpoint = await Http2Peer.AcceptAsync(await upstream.AcceptAsync());
        await endpoint.ResetAsync(await endpoint.AcceptStreamAsync(), InternalError);
        using var answer = await asked;
        Assert.Equal(HttpStatusCode.BadGateway, answer.StatusCode);
        Assert.Equal("upstream/closed", await world.FaultAsync());
        Assert.Contains("INTERNAL_ERROR", (await world.Gateway.LogAsync(1))[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_answer_that_breaks_off_is_seen_as_cut(bool reset)
    {
        using var upstream = new RawUpstream();
        await using var world = await Http2World.ConnectAsync(upstream.Url);
        var asked = AskAsync(world, 0);
        using var connection = await upstream.AcceptAsync();
        using var endpoint = await Http2Peer.AcceptAsync(connection);
        var stream = await endpoint.AcceptStreamAsync();
        await endpoint.RequestAsync(stream, false, (":status", "200"));
        await endpoint.DataAsync(stream, false, "hello");
        using var answer = await asked;
        if (reset)
        {
            await endpoint.ResetAsync(stream, InternalError);
        }
        else
        {
            connection.Reset();
        }

        await Assert.ThrowsAnyAsync<Exception>(() => answer.Content.ReadAsByteArrayAsync(Stop));
        Assert.Equal("upstream/truncated", await world.FaultAsync());
    }

    [Theory]
    [InlineData("content-length", "3")]
    [InlineData("content-length", "9")]
    [InlineData("content-length", "x")]
    [InlineData("x-field", "a\u0001b")]
    public async Task An_answer_that_is_none_is_not_passed_on(string name, string value)
    {
        using var upstream = new RawUpstream();
        await using var world = await Http2World.ConnectAsync(upstream.Url);
        var asked = AskAsync(world, 0);
        using var endpoint = await Http2Peer.AcceptAsync(await upstream.AcceptAsync());
        var stream = await endpoint.AcceptStreamAsync();
        await endpoint.RequestAsync(stream, false, (":status", "200"), (name, value));
        await endpoint.DataAsync(stream, true, "hello");
        try
        {
            using var answer = await asked;
            Assert.Equal(answer.StatusCode == HttpStatusCode.BadGateway, (await answer.Content.ReadAsByteArrayAsync(Stop)).Length > 5);
        }
        catch (HttpRequestException)
        {
            // Cut, as its head had gone.
        }

        Assert.Equal("upstream/bad-response", await world.FaultAsync());
    }

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task A_client_that_leaves_ends_the_work(string version)
    {
        var begun = new TaskCompletionSource();
        var ended = new TaskCompletionSource();
        await using var world = await Http2World.StartAsync(
            async context =>
            {
                await using var end = context.RequestAborted.Register(ended.SetResult);
                begun.SetResult();
                await ended.Task;
            },
            version);
        using var cancel = new CancellationTokenSource();
        var asked = world.Client.GetAsync("/", cancel.Token);
        await begun.Task.WaitAsync(TimeSpan.FromSeconds(30), Stop);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked);
        await ended.Task.WaitAsync(TimeSpan.FromSeconds(30), Stop);
        Assert.Equal("client/gone", await world.FaultAsync());
        Assert.Equal(0, world.Gateway.State.Upstreams["app"].Endpoints[0].Health.FailuresInRow);
    }

    [Fact]
    public async Task A_body_that_breaks_off_is_reset_at_the_endpoint()
    {
        using var upstream = new RawUpstream();
        await using var world = await Http2World.ConnectAsync(upstream.Url);
        using var client = await RawPeer.ConnectAsync(world.Gateway.Address);
        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
        using var endpoint = await Http2Peer.AcceptAsync(await upstream.AcceptAsync());
        var stream = await endpoint.AcceptStreamAsync();
        await endpoint.ReadToAsync(0);
        await client.SendAsync("nonsense\r\n");
        Assert.Equal(Cancel, await endpoint.ReadResetAsync(stream));
        Assert.StartsWith("HTTP/1.1 400 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("response: 5s, idle: 1h", "upstream/response-timeout")]
    [InlineData("response: 1h, idle: 5s", "upstream/idle-timeout")]
    public async Task Each_wait_ends_in_its_own_fault(string timeouts, string fault)
    {
        using var upstream = new RawUpstream();
        var time = new ManualTime();
        await using var world = await Http2World.ConnectAsync(upstream.Url, $"protocol: h2c, timeouts: {{ {timeouts} }}", time);
        var asked = AskAsync(world, 0);
        using var endpoint = await Http2Peer.AcceptAsync(await upstream.AcceptAsync());
        var stream = await endpoint.AcceptStreamAsync();
        if (fault == "upstream/idle-timeout")
        {
            await endpoint.RequestAsync(stream, false, (":status", "200"));
            await endpoint.DataAsync(stream, false, "hello");
            await asked;
        }

        var reset = endpoint.ReadResetAsync(stream);
        Assert.InRange(await time.PassUntilAsync(reset, TimeSpan.FromMilliseconds(200)), TimeSpan.FromSeconds(4.5), TimeSpan.MaxValue);
        Assert.Equal(Cancel, await reset);
        Assert.Equal(fault, await world.FaultAsync());
    }

    [Fact]
    public async Task The_routes_time_is_kept()
    {
        using var upstream = new RawUpstream();
        var time = new ManualTime();
        await using var world = await Http2World.ConnectAsync(upstream.Url, time: time, route: "filters: { timeout: 5s }");
        var asked = AskAsync(world, 10);
        using var endpoint = await Http2Peer.AcceptAsync(await upstream.AcceptAsync());
        await endpoint.AcceptStreamAsync();
        await time.PassUntilAsync(asked, TimeSpan.FromMilliseconds(200));
        Assert.Equal(HttpStatusCode.GatewayTimeout, (await asked).StatusCode);
        Assert.Equal("upstream/total-timeout", await world.FaultAsync());
    }

    [Fact]
    public async Task No_protocol_is_switched()
    {
        await using var world = await Http2World.StartAsync(context => context.Response.WriteAsync("ok"));
        using var client = await RawPeer.ConnectAsync(world.Gateway.Address);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 501 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        Assert.Equal("upstream/no-upgrade", await world.FaultAsync());
    }

    [Fact]
    public async Task Another_protocol_is_another_client_and_requests_on_the_former_finish()
    {
        var begun = new TaskCompletionSource();
        var go = new TaskCompletionSource();
        await using var server = await KestrelUpstream.StartAsync(
            async context =>
            {
                if (context.Request.Path == "/slow")
                {
                    begun.SetResult();
                    await go.Task;
                }

                await context.Response.WriteAsync(context.Request.Protocol);
            },
            Microsoft.AspNetCore.Server.Kestrel.Core.HttpProtocols.Http2);
        var yaml = $$"""
            upstreams: { app: { endpoints: [ "{{server.Url}}" ], protocol: h2c, pool: { idle: 30s } } }
            routes: { all: { match: { path: "/**" }, to: app } }
            """;
        await using var gateway = await TestGateway.StartAsync(yaml);
        using var client = new HttpClient { BaseAddress = gateway.Uri };
        var slow = client.GetStringAsync("/slow", Stop);
        await begun.Task;
        var before = gateway.State.Upstreams["app"].Endpoints[0];
        await gateway.ApplyAsync(yaml.Replace("30s", "40s", StringComparison.Ordinal));
        Assert.Same(before, gateway.State.Upstreams["app"].Endpoints[0]);
        Assert.Equal("HTTP/2", await client.GetStringAsync("/", Stop));
        Assert.Equal(2, before.OpenConnections);
        await gateway.ApplyAsync(yaml.Replace("protocol: h2c, ", "", StringComparison.Ordinal));
        Assert.NotSame(before, gateway.State.Upstreams["app"].Endpoints[0]);
        using var answer = await client.GetAsync("/", Stop);
        Assert.NotEqual(HttpStatusCode.OK, answer.StatusCode);
        Assert.False(slow.IsCompleted);
        go.SetResult();
        Assert.Equal("HTTP/2", await slow);
        await Waiting.UntilAsync(() => before.OpenConnections == 0);
    }

    private static async Task<HttpResponseMessage> AskAsync(Http2World world, int bytes)
    {
        using var request = new HttpRequestMessage(bytes == 0 ? HttpMethod.Get : HttpMethod.Post, "/") { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        request.Content = bytes == 0 ? null : new ByteArrayContent(new byte[bytes]);
        return await world.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Stop);
    }
}
