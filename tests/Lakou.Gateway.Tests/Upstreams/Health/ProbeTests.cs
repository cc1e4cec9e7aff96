using Lakou.Gateway.Tests.Harness;
using Lakou.Gateway.Upstreams;
using Lakou.Gateway.Upstreams.Health;
using Lakou.Transport;

namespace Lakou.Gateway.Tests.Upstreams.Health;

/// <summary>One probe against endpoints of every sort.</summary>
public sealed class ProbeTests
{
    private const string Ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    [Theory]
    [InlineData(Ok, "pass")]
    [InlineData("HTTP/1.0 302 Found\r\n\r\n", "pass")]
    [InlineData("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + Ok, "pass")]
    [InlineData("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", "status")]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", "status")]
    [InlineData("SSH-2.0-OpenSSH_9.2\r\n", "answer")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "answer")]
    [InlineData("HTTP/1.1 200", "answer")]
    [InlineData("", "answer")]
    public async Task An_answer_has_its_outcome(string answer, string outcome)
    {
        var (result, head) = await AskAsync(answer, new() { Path = "/healthz?deep=1" });
        Assert.Equal(outcome, result.Outcome);
        Assert.StartsWith("GET /healthz?deep=1 HTTP/1.1\r\nHost: 127.0.0.1:", head, StringComparison.Ordinal);
        Assert.Equal(result.IsPass, result.Detail.Length == 0);
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{\"status\": \"up\"}", "pass")]
    [InlineData("HTTP/1.1 200 OK\r\n\r\n{\"status\": \"up\"}", "pass")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{\"st\r\nc\r\natus\": \"up\"}\r\n0\r\n\r\n", "pass")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{\"status\": \"down\"}", "body")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n", "answer")]
    [InlineData("HTTP/1.1 204 No Content\r\n\r\n", "body")]
    public async Task A_body_is_searched_for_a_text(string answer, string outcome)
        => Assert.Equal(outcome, (await AskAsync(answer, new() { Path = "/", Contains = "\"status\": \"up\"" })).Result.Outcome);

    [Theory]
    [InlineData(64 * 1024, "pass")]
    [InlineData((64 * 1024) + 1, "body")]
    public async Task Only_the_first_64_KiB_of_a_body_are_searched(int end, string outcome)
    {
        var body = new string('x', end - 2) + "ok" + new string('x', 100_000);
        Assert.Equal(outcome, (await AskAsync($"HTTP/1.1 200 OK\r\nContent-Length: {body.Length}\r\n\r\n{body}", new() { Path = "/", Contains = "ok" })).Result.Outcome);
    }

    [Fact]
    public async Task The_host_of_a_probe_may_be_another()
        => Assert.Contains("\r\nHost: app.example.org\r\n", (await AskAsync(Ok, new() { Path = "/", Host = "app.example.org" })).Head, StringComparison.Ordinal);

    [Fact]
    public async Task Without_a_path_a_connection_is_enough()
    {
        using var upstream = new RawUpstream();
        var accepted = upstream.AcceptAsync();
        Assert.Equal(ProbeResult.Pass, await RunAsync(upstream.Url, new()));
        using var endpoint = await accepted;
        Assert.True(await endpoint.ClosesAsync());
    }

    [Fact]
    public async Task A_probe_does_not_wait_for_an_endpoint_to_close()
    {
        using var upstream = new RawUpstream();
        var running = RunAsync(upstream.Url, new() { Path = "/" }, transportTime: new ManualTime()); // in which a linger never passes
        using var endpoint = await upstream.AcceptAsync();
        await endpoint.ReadHeadAsync();
        await endpoint.SendAsync(Ok);
        Assert.True((await running.WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System, TestContext.Current.CancellationToken)).IsPass);
    }

    [Fact]
    public async Task A_closed_port_is_no_connection()
    {
        string url;
        using (var gone = new RawUpstream())
        {
            url = gone.Url;
        }

        Assert.Equal(("connect", "connection refused"), Parts(await RunAsync(url, new() { Path = "/" })));
        Assert.Equal("connect", (await RunAsync("unix:/nowhere/app.sock", new())).Outcome);
    }

    [Theory]
    [InlineData("")]
    [InlineData("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX-Half")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")]
    public async Task An_endpoint_that_hangs_ends_the_probe_in_time_and_sees_its_end(string before)
    {
        using var upstream = new RawUpstream();
        var time = new ManualTime();
        var running = RunAsync(upstream.Url, new() { Path = "/", Contains = "whole" }, time);
        using var endpoint = await upstream.AcceptAsync();
        await endpoint.ReadHeadAsync();
        await endpoint.SendAsync(before);
        Assert.InRange(await time.PassUntilAsync(running, TimeSpan.FromSeconds(0.1)), TimeSpan.FromSeconds(2), TimeSpan.MaxValue);
        Assert.Equal(("timeout", "no whole answer within 2s"), Parts(await running));
        Assert.True(await endpoint.ClosesAsync());
    }

    [Theory]
    [InlineData("HTTP/1.1 100 Continue\r\n\r\n")] // answers that are none
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n")] // a body of crumbs
    [InlineData("X-Long: yes\r\n")]
    public async Task An_answer_without_end_is_read_no_further_than_its_bound(string piece)
    {
        using var upstream = new RawUpstream();
        var time = new ManualTime(); // which does not pass: what ends the probe is the number of bytes
        var running = RunAsync(upstream.Url, new() { Path = "/", Contains = "ok" }, time);
        using var endpoint = await upstream.AcceptAsync();
        await endpoint.ReadHeadAsync();
        var sending = FloodAsync();
        var result = await running;
        Assert.True(result.Outcome == (piece.Contains("chunked", StringComparison.Ordinal) ? "body" : "answer"), result.Detail);
        await Assert.ThrowsAsync<System.Net.Sockets.SocketException>(() => sending);

        async Task FloodAsync()
        {
            await endpoint.SendAsync(piece.StartsWith('X') ? "HTTP/1.1 200 OK\r\n" : piece);
            var rest = piece.Contains("chunked", StringComparison.Ordinal) ? "1\r\nx\r\n" : piece;
            var block = string.Concat(Enumerable.Repeat(rest, 2000));
            while (true)
            {
                await endpoint.SendAsync(block);
            }
        }
    }

    [Fact]
    public async Task A_probe_that_nobody_wants_any_more_ends()
    {
        using var upstream = new RawUpstream();
        using var end = new CancellationTokenSource();
        var running = RunAsync(upstream.Url, new() { Path = "/" }, end: end);
        using var endpoint = await upstream.AcceptAsync();
        await endpoint.ReadHeadAsync();
        await end.CancelAsync();
        Assert.False((await running).IsPass);
        Assert.True(await endpoint.ClosesAsync());
    }

    private static (string Outcome, string Detail) Parts(ProbeResult result) => (result.Outcome, result.Detail);

    /// <summary>What came of a probe that got this answer, after which the endpoint closes.</summary>
    private static async Task<(ProbeResult Result, string Head)> AskAsync(string answer, ActiveOptions options)
    {
        using var upstream = new RawUpstream();
        var running = RunAsync(upstream.Url, options);
        using var endpoint = await upstream.AcceptAsync();
        var head = await endpoint.ReadHeadAsync();
        try
        {
            await endpoint.SendAsync(answer);
            endpoint.ShutdownSend();
        }
        catch (System.Net.Sockets.SocketException)
        {
            // The probe has read enough, and closed.
        }

        return (await running, head);
    }

    private static async Task<ProbeResult> RunAsync(string url, ActiveOptions options, TimeProvider? time = null, CancellationTokenSource? end = null, TimeProvider? transportTime = null)
    {
        await using var transport = LakouTransport.Start(new TransportOptions { Loops = 1, Time = transportTime ?? TimeProvider.System });
        return await new Probe(transport, EndpointAddress.TryParse(url, out _)!, options, time ?? new ManualTime()).RunAsync(end?.Token ?? CancellationToken.None);
    }
}
