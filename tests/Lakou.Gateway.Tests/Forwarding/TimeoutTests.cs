using System.Net;
using System.Net.Sockets;
using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Forwarding;

/// <summary>Each wait ends in its own fault.</summary>
public sealed class TimeoutTests
{
    private const string Get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    [Fact]
    public async Task An_endpoint_that_does_not_accept_in_time_is_504()
    {
        // A backlog of one that is full: the kernel drops further handshakes.
        using var full = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        full.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        full.Listen(0);
        var fillers = new List<Socket>();
        try
        {
            for (var i = 0; i < 8; i++)
            {
                var filler = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { Blocking = false };
                fillers.Add(filler);
                try
                {
                    await filler.ConnectAsync(full.LocalEndPoint!, new CancellationTokenSource(TimeSpan.FromMilliseconds(100)).Token);
                }
                catch (OperationCanceledException)
                {
                    break;
                }
            }

            var time = new ManualTime();
            await using var gateway = await TestGateway.ForwardAsync($"http://{full.LocalEndPoint}", time: time);
            using var client = await RawPeer.ConnectAsync(gateway.Address);
            await client.SendAsync(Get);
            var answer = client.ReadHeadAsync();
            Assert.InRange(await time.PassUntilAsync(answer, TimeSpan.FromMilliseconds(100)), TimeSpan.FromSeconds(2), TimeSpan.MaxValue);
            Assert.StartsWith("HTTP/1.1 504 ", await answer, StringComparison.Ordinal);
            Assert.Contains("\"fault\":\"upstream/connect-timeout\"", (await gateway.LogAsync(1))[0], StringComparison.Ordinal);
        }
        finally
        {
            fillers.ForEach(filler => filler.Dispose());
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nX-Half")]
    public async Task An_endpoint_that_does_not_answer_in_time_is_504(string before)
    {
        await using var passage = await Passage.OpenAsync(upstream: "timeouts: { response: 5s, idle: 1h }");
        var (client, endpoint, _) = await passage.SendAsync("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
        await endpoint.SendAsync(before);
        var answer = client.ReadHeadAsync();
        Assert.InRange(await passage.Time.PassUntilAsync(answer, TimeSpan.FromMilliseconds(200)), TimeSpan.FromSeconds(5), TimeSpan.MaxValue);
        Assert.StartsWith("HTTP/1.1 504 ", await answer, StringComparison.Ordinal);
        Assert.True(await endpoint.ClosesAsync());
        Assert.Equal("upstream/response-timeout", await passage.FaultAsync());
    }

    [Fact]
    public async Task The_time_for_the_answer_begins_with_the_end_of_the_request()
    {
        await using var passage = await Passage.OpenAsync(upstream: "timeouts: { response: 5s, idle: 1h }");
        var (client, endpoint, _) = await passage.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30000\r\n\r\n");
        for (var i = 0; i < 3; i++)
        {
            await client.SendAsync(new string('x', 10_000));
            await endpoint.ReadAsync(10_000);
            passage.Time.Advance(TimeSpan.FromSeconds(4));
        }

        await endpoint.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 200 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_endpoint_that_stops_in_the_middle_of_its_answer_breaks_the_clients_connection()
    {
        await using var passage = await Passage.OpenAsync(upstream: "timeouts: { idle: 5s }");
        var (client, endpoint, _) = await passage.SendAsync(Get);
        await endpoint.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        await client.ReadHeadAsync();
        await client.ReadAsync(4);
        var end = client.ReadToResetAsync();
        Assert.InRange(await passage.Time.PassUntilAsync(end, TimeSpan.FromMilliseconds(200)), TimeSpan.FromSeconds(5), TimeSpan.MaxValue);
        await end;
        Assert.True(await endpoint.ClosesAsync());
        Assert.Equal("upstream/idle-timeout", await passage.FaultAsync());
    }

    [Fact]
    public async Task An_endpoint_that_speaks_now_and_then_is_not_idle()
    {
        await using var passage = await Passage.OpenAsync(upstream: "timeouts: { idle: 5s, response: 5s }");
        var (client, endpoint, _) = await passage.SendAsync(Get);
        await endpoint.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
        await client.ReadHeadAsync();
        for (var i = 0; i < 10; i++)
        {
            passage.Time.Advance(TimeSpan.FromSeconds(4));
            await endpoint.SendAsync("x");
            await client.ReadAsync(1);
        }

        Assert.Equal("-", await passage.FaultAsync());
    }

    [Fact]
    public async Task An_endpoint_that_does_not_read_is_504()
    {
        await using var passage = await Passage.OpenAsync(upstream: "timeouts: { idle: 5s }", listener: "body-rate: 1");
        var (client, endpoint, _) = await passage.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 90000000\r\n\r\n");
        Assert.InRange(await client.FloodAsync(90_000_000), 1, 89_000_000);
        var answer = client.ReadHeadAsync();
        await passage.Time.PassUntilAsync(answer, TimeSpan.FromMilliseconds(200));
        Assert.StartsWith("HTTP/1.1 504 ", await answer, StringComparison.Ordinal);
        Assert.Equal("upstream/idle-timeout", await passage.FaultAsync());
    }

    [Fact]
    public async Task The_total_timeout_of_a_route_is_504_before_the_answer()
    {
        await using var passage = await Passage.OpenAsync(route: "filters: { timeout: 3s }");
        var (client, _, _) = await passage.SendAsync(Get);
        var answer = client.ReadHeadAsync();
        Assert.InRange(await passage.Time.PassUntilAsync(answer, TimeSpan.FromMilliseconds(100)), TimeSpan.FromSeconds(2.5), TimeSpan.MaxValue);
        Assert.StartsWith("HTTP/1.1 504 ", await answer, StringComparison.Ordinal);
        Assert.Equal("upstream/total-timeout", await passage.FaultAsync());
    }

    [Fact]
    public async Task The_total_timeout_cuts_an_answer_under_way_however_busy()
    {
        await using var passage = await Passage.OpenAsync(route: "filters: { timeout: 3s }");
        var (client, endpoint, _) = await passage.SendAsync(Get);
        await endpoint.SendAsync("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
        await client.ReadToAsync("x\r\n");
        for (var i = 0; i < 2; i++)
        {
            passage.Time.Advance(TimeSpan.FromSeconds(1));
            await endpoint.SendAsync("1\r\ny\r\n");
            await client.ReadToAsync("y\r\n");
        }

        var end = client.ReadToResetAsync();
        await passage.Time.PassUntilAsync(end, TimeSpan.FromMilliseconds(100));
        await end;
        Assert.Equal("upstream/total-timeout", await passage.FaultAsync());
    }

    [Fact]
    public async Task The_total_timeout_counts_while_the_client_does_not_read()
    {
        await using var passage = await Passage.OpenAsync(route: "filters: { timeout: 3s }");
        var (client, endpoint, _) = await passage.SendAsync(Get);
        await endpoint.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
        await client.ReadHeadAsync();
        Assert.InRange(await endpoint.FloodAsync(100_000_000), 1, 99_000_000);
        var end = passage.FaultAsync();
        await passage.Time.PassUntilAsync(end, TimeSpan.FromMilliseconds(500));
        Assert.Equal("upstream/total-timeout", await end);
    }

    [Fact]
    public async Task The_total_timeout_counts_while_the_client_uploads()
    {
        await using var passage = await Passage.OpenAsync(route: "filters: { timeout: 3s }", listener: "body-rate: 1");
        var (client, _, _) = await passage.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n");
        var answer = client.ReadHeadAsync();
        await passage.Time.PassUntilAsync(answer, TimeSpan.FromMilliseconds(100));
        Assert.StartsWith("HTTP/1.1 504 ", await answer, StringComparison.Ordinal);
        Assert.Equal("upstream/total-timeout", await passage.FaultAsync());
    }

    [Fact]
    public async Task A_total_timeout_does_not_outlive_its_request_on_the_connection()
    {
        using var upstream = new RawUpstream();
        var time = new ManualTime();
        await using var gateway = await TestGateway.StartAsync($$"""
            upstreams: { app: { endpoints: [ "{{upstream.Url}}" ] } }
            routes:
              short: { match: { path: "/short" }, to: app, filters: { timeout: 1s } }
              all: { match: { path: "/**" }, to: app }
            """, time);
        using var client = await RawPeer.ConnectAsync(gateway.Address);
        await client.SendAsync("GET /short HTTP/1.1\r\nHost: a\r\n\r\n");
        using var endpoint = await upstream.AcceptAsync();
        await endpoint.ReadHeadAsync();
        await endpoint.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        await client.ReadHeadAsync();
        await client.ReadAsync(2);
        await client.SendAsync("GET /long HTTP/1.1\r\nHost: a\r\n\r\n");
        await endpoint.ReadHeadAsync();
        time.Advance(TimeSpan.FromSeconds(20));
        await endpoint.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate");
        await client.ReadHeadAsync();
        Assert.Equal("late", await client.ReadAsync(4));
    }

    [Fact]
    public async Task No_deadline_hits_a_connection_after_its_return_to_the_pool()
    {
        // Every answer comes while the clock runs against its deadline; whatever wins, no later request may pay for it.
        using var upstream = new RawUpstream().Answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        var time = new ManualTime();
        await using var gateway = await TestGateway.ForwardAsync(upstream.Url, "timeouts: { response: 50ms, connect: 5m }", listener: "timeouts: { head: 1h, idle: 1d }", time: time);
        using var http = new HttpClient();
        for (var i = 0; i < 300; i++)
        {
            var request = http.GetAsync(gateway.Uri, TestContext.Current.CancellationToken);
            while (!request.IsCompleted)
            {
                time.Advance(TimeSpan.FromMilliseconds(50));
                await Task.Yield();
            }

            using var answer = await request;
            Assert.True(answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.GatewayTimeout, (await gateway.LogAsync(i + 1))[i]);
        }

        time.Advance(TimeSpan.FromMilliseconds(1));
        using var last = await http.GetAsync(gateway.Uri, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, last.StatusCode);
    }
}
