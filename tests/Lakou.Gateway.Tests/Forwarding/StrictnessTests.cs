using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Forwarding;

/// <summary>What an endpoint may not do to a client, or to the next one.</summary>
public sealed class StrictnessTests
{
    [Theory]
    [InlineData("HTTP/1.1 200 OK\nContent-Length: 2\n\nok")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nX-A : 1\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nX-A: 1\r\n folded\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nX-A: 1\rX-B: 2\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nX-A: 1\0\r\n\r\n")]
    [InlineData("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello")]
    [InlineData("HTTP/1.1 999 Strange\r\n\r\n")]
    [InlineData("HTTP/2.0 200 OK\r\n\r\n")]
    [InlineData("220 smtp.example.org\r\n")]
    public async Task A_malformed_answer_is_a_bad_gateway_and_the_connection_is_closed(string response)
    {
        await using var passage = await Passage.OpenAsync();
        var (client, endpoint, _) = await passage.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        await endpoint.SendAsync(response);
        var head = await client.ReadHeadAsync();
        Assert.StartsWith("HTTP/1.1 502 ", head, StringComparison.Ordinal);
        Assert.Contains("\r\nContent-Type: application/problem+json\r\n", head, StringComparison.Ordinal);
        Assert.True(await endpoint.ClosesAsync());
        Assert.Equal("upstream/bad-response", await passage.FaultAsync());
        await passage.AssertNotReusedAsync();
    }

    [Fact]
    public async Task A_head_beyond_the_limit_is_a_bad_gateway()
    {
        await using var passage = await Passage.OpenAsync();
        var client = await passage.AnswerAsync($"HTTP/1.1 200 OK\r\nX-Long: {new string('x', 40_000)}\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 502 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_head_that_fills_several_receives_passes()
    {
        await using var passage = await Passage.OpenAsync();
        var (client, endpoint, _) = await passage.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        var value = new string('x', 30_000);
        foreach (var part in $"HTTP/1.1 200 OK\r\nX-Long: {value}\r\nContent-Length: 2\r\n\r\nok".Chunk(7_000))
        {
            await endpoint.SendAsync(new string(part));
        }

        Assert.Contains(value, await client.ReadHeadAsync(), StringComparison.Ordinal);
        Assert.Equal("ok", await client.ReadAsync(2));
    }

    [Fact]
    public async Task Bytes_behind_an_answer_in_the_same_packet_never_reach_the_next_request()
    {
        await using var passage = await Passage.OpenAsync();
        var client = await passage.AnswerAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
        await client.ReadHeadAsync();
        Assert.Equal("ok", await client.ReadAsync(2));
        await passage.AssertNotReusedAsync();
    }

    [Fact]
    public async Task Bytes_sent_on_an_idle_connection_never_reach_the_next_request()
    {
        await using var passage = await Passage.OpenAsync();
        var (client, endpoint, _) = await passage.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        await endpoint.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        await client.ReadHeadAsync();
        await client.ReadAsync(2);
        await passage.FaultsAsync(1); // the connection is in the pool before the line is in the log
        await endpoint.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
        await passage.AssertNotReusedAsync();
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel")]
    public async Task A_truncated_body_breaks_the_clients_connection(string response)
    {
        await using var passage = await Passage.OpenAsync();
        var client = await passage.AnswerAsync(response, close: true);
        var received = await client.ReadToResetAsync();
        Assert.DoesNotContain("0\r\n\r\n", received, StringComparison.Ordinal);
        Assert.Equal("upstream/truncated", await passage.FaultAsync());
    }

    [Fact]
    public async Task A_truncated_body_breaks_the_connection_of_an_HTTP_1_0_client_too()
    {
        await using var passage = await Passage.OpenAsync();
        var client = await passage.AnswerAsync(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", close: true, request: "GET / HTTP/1.0\r\nHost: a\r\n\r\n");
        await client.ReadToResetAsync();
    }

    [Fact]
    public async Task A_close_delimited_body_cut_by_a_reset_breaks_the_clients_connection()
    {
        await using var passage = await Passage.OpenAsync();
        var (client, endpoint, _) = await passage.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        await endpoint.SendAsync("HTTP/1.1 200 OK\r\n\r\nhello");
        await client.ReadHeadAsync();
        await client.ReadToAsync("hello");
        endpoint.Reset();
        await client.ReadToResetAsync();
        Assert.Equal("upstream/truncated", await passage.FaultAsync());
    }

    [Fact]
    public async Task Broken_chunks_break_the_clients_connection()
    {
        await using var passage = await Passage.OpenAsync();
        var client = await passage.AnswerAsync("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0x1\r\n");
        await client.ReadToResetAsync();
        Assert.Equal("upstream/bad-response", await passage.FaultAsync());
    }

    [Theory]
    [InlineData("", "GET")]
    [InlineData("", "POST")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Le", "GET")]
    public async Task An_endpoint_that_closes_before_its_head_is_whole_is_a_bad_gateway(string before, string method)
    {
        await using var passage = await Passage.OpenAsync();
        var client = await passage.AnswerAsync(before, close: true, request: $"{method} / HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 502 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        Assert.Equal("upstream/closed", await passage.FaultAsync());
        Assert.Equal(1, passage.Upstream.Accepted);
    }

    [Fact]
    public async Task A_refused_connection_is_a_bad_gateway()
    {
        var gone = new RawUpstream();
        gone.Dispose();
        await using var passage = await Passage.OpenAsync(endpoint: gone);
        var client = await passage.ClientAsync();
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 502 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        Assert.Equal("upstream/connect-failed", await passage.FaultAsync());
    }
}
