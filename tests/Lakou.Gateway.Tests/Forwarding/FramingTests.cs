using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Forwarding;

/// <summary>Where messages end, on both sides (RFC 9112 §6).</summary>
public sealed class FramingTests
{
    private const string Get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    [Theory]
    [InlineData("GET", "", "")]
    [InlineData("DELETE", "", "")]
    [InlineData("POST", "", "Content-Length: 0\r\n")]
    [InlineData("PUT", "", "Content-Length: 0\r\n")]
    [InlineData("GET", "Content-Length: 0\r\n", "Content-Length: 0\r\n")]
    [InlineData("DELETE", "Content-Length: 0\r\n", "Content-Length: 0\r\n")]
    public async Task A_request_without_a_body_says_so_when_its_method_expects_one(string method, string sent, string received)
    {
        await using var passage = await Passage.OpenAsync();
        var (client, endpoint, head) = await passage.SendAsync($"{method} / HTTP/1.1\r\nHost: a\r\n{sent}\r\n");
        Assert.Equal(received.Length > 0, head.Contains("Content-Length: 0\r\n", StringComparison.Ordinal));
        Assert.DoesNotContain("Transfer-Encoding", head, StringComparison.Ordinal);
        await endpoint.SendAsync("HTTP/1.1 204 No Content\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 204 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_body_of_known_length_passes_both_ways_with_its_length()
    {
        await using var passage = await Passage.OpenAsync();
        var (client, endpoint, head) = await passage.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nping");
        Assert.Contains("\r\nContent-Length: 4\r\n", head, StringComparison.Ordinal);
        Assert.Equal("ping", await endpoint.ReadAsync(4));
        await endpoint.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npong\r\n");
        Assert.Contains("\r\nContent-Length: 6\r\n", await client.ReadHeadAsync(), StringComparison.Ordinal);
        Assert.Equal("pong\r\n", await client.ReadAsync(6));
    }

    [Fact]
    public async Task Chunks_and_trailers_pass_both_ways()
    {
        await using var passage = await Passage.OpenAsync();
        var (client, endpoint, head) = await passage.SendAsync(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n");
        Assert.Contains("\r\nTransfer-Encoding: chunked\r\n", head, StringComparison.Ordinal);
        Assert.Contains("\r\nTrailer: X-Sum\r\n", head, StringComparison.Ordinal);
        Assert.Equal(("abcde", "X-Sum: 5\r\n"), await endpoint.ReadChunkedAsync());

        await endpoint.SendAsync("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-End\r\n\r\n5\r\nhello\r\n0\r\nX-End: yes\r\nX-End: really\r\n\r\n");
        var answer = await client.ReadHeadAsync();
        Assert.Contains("\r\nTransfer-Encoding: chunked\r\n", answer, StringComparison.Ordinal);
        Assert.Contains("\r\nTrailer: X-End\r\n", answer, StringComparison.Ordinal);
        Assert.Equal(("hello", "X-End: yes\r\nX-End: really\r\n"), await client.ReadChunkedAsync());
    }

    [Theory]
    [InlineData("Content-Length: 5\r\n\r\n", "Content-Length: 5\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n", "")]
    [InlineData("X-None: 1\r\n\r\n", "X-None: 1\r\n")]
    public async Task An_answer_to_HEAD_has_no_body_and_the_connection_goes_on(string fields, string kept)
    {
        await using var passage = await Passage.OpenAsync();
        var (client, endpoint, _) = await passage.SendAsync("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
        for (var i = 0; i < 2; i++)
        {
            await endpoint.SendAsync("HTTP/1.1 200 OK\r\n" + fields);
            Assert.Contains(kept, await client.ReadHeadAsync(), StringComparison.Ordinal);
            await client.SendAsync("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
            await endpoint.ReadHeadAsync();
        }

        Assert.Equal(1, passage.Upstream.Accepted);
    }

    [Theory]
    [InlineData("HTTP/1.1 204 No Content\r\n\r\n")]
    [InlineData("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")]
    [InlineData("HTTP/1.1 304 Not Modified\r\nContent-Length: 700\r\nETag: \"x\"\r\n\r\n")]
    [InlineData("HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n")]
    public async Task No_body_follows_204_and_304_and_the_connection_goes_on(string response)
    {
        await using var passage = await Passage.OpenAsync();
        var (client, endpoint, _) = await passage.SendAsync(Get);
        for (var i = 0; i < 2; i++)
        {
            await endpoint.SendAsync(response);
            var head = await client.ReadHeadAsync();
            Assert.StartsWith(response[..12], head, StringComparison.Ordinal);
            Assert.DoesNotContain("Transfer-Encoding", head, StringComparison.Ordinal);
            await client.SendAsync(Get);
            await endpoint.ReadHeadAsync();
        }

        Assert.Equal(1, passage.Upstream.Accepted);
    }

    [Fact]
    public async Task A_304_keeps_the_length_that_its_200_would_have()
    {
        await using var passage = await Passage.OpenAsync();
        var client = await passage.AnswerAsync("HTTP/1.1 304 Not Modified\r\nContent-Length: 700\r\n\r\n");
        Assert.Contains("\r\nContent-Length: 700\r\n", await client.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_close_delimited_answer_becomes_chunked()
    {
        await using var passage = await Passage.OpenAsync();
        var client = await passage.AnswerAsync("HTTP/1.1 200 OK\r\n\r\nuntil the end", close: true);
        Assert.Contains("\r\nTransfer-Encoding: chunked\r\n", await client.ReadHeadAsync(), StringComparison.Ordinal);
        Assert.Equal("until the end", (await client.ReadChunkedAsync()).Body);
        await passage.AssertNotReusedAsync();
    }

    [Fact]
    public async Task An_HTTP_1_0_client_gets_a_chunked_answer_delimited_by_the_close()
    {
        await using var passage = await Passage.OpenAsync();
        var client = await passage.AnswerAsync(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-End: 1\r\n\r\n",
            request: "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
        var head = await client.ReadHeadAsync();
        Assert.DoesNotContain("Transfer-Encoding", head, StringComparison.Ordinal);
        Assert.Contains("\r\nConnection: close\r\n", head, StringComparison.Ordinal);
        Assert.Equal("hello", await client.ReadToEndAsync());
    }

    [Fact]
    public async Task An_HTTP_1_0_client_keeps_its_connection_when_the_length_is_known()
    {
        await using var passage = await Passage.OpenAsync();
        var (client, endpoint, head) = await passage.SendAsync("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
        Assert.StartsWith("GET / HTTP/1.1\r\n", head, StringComparison.Ordinal);
        Assert.Contains("\r\nVia: 1.0 lakou\r\n", head, StringComparison.Ordinal);
        await endpoint.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        Assert.Contains("\r\nConnection: keep-alive\r\n", await client.ReadHeadAsync(), StringComparison.Ordinal);
        Assert.Equal("ok", await client.ReadAsync(2));
        await client.SendAsync("GET /2 HTTP/1.0\r\nHost: a\r\n\r\n");
        Assert.StartsWith("GET /2 ", await endpoint.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_without_Host_names_the_endpoint()
    {
        await using var passage = await Passage.OpenAsync();
        var (_, _, head) = await passage.SendAsync("GET / HTTP/1.0\r\n\r\n");
        Assert.Contains($"\r\nHost: {passage.Upstream.Url["http://".Length..]}\r\n", head, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", true)]
    [InlineData("Connection: keep-alive\r\n", false)]
    public async Task An_HTTP_1_0_endpoint_keeps_its_connection_only_when_it_says_so(string fields, bool closes)
    {
        await using var passage = await Passage.OpenAsync();
        var client = await passage.AnswerAsync($"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n{fields}\r\nok");
        await client.ReadHeadAsync();
        await client.ReadAsync(2);
        if (closes)
        {
            await passage.AssertNotReusedAsync();
        }
        else
        {
            await client.SendAsync(Get);
            await passage.FaultsAsync(1);
            Assert.Equal(1, passage.Upstream.Accepted);
        }
    }

    [Fact]
    public async Task Connection_close_of_the_endpoint_ends_its_connection_and_not_the_clients()
    {
        await using var passage = await Passage.OpenAsync();
        var client = await passage.AnswerAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
        Assert.DoesNotContain("Connection:", await client.ReadHeadAsync(), StringComparison.Ordinal);
        await client.ReadAsync(2);
        await client.SendAsync(Get);
        var second = await passage.EndpointAsync();
        await second.ReadHeadAsync();
    }

    [Fact]
    public async Task An_answer_before_the_end_of_an_upload_reaches_the_client()
    {
        await using var passage = await Passage.OpenAsync();
        var (client, endpoint, _) = await passage.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nfirst");
        await endpoint.ReadAsync(5);
        await endpoint.SendAsync("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
        Assert.StartsWith("HTTP/1.1 403 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        Assert.Equal("no", await client.ReadAsync(2));
        Assert.True(await endpoint.ClosesAsync());
        Assert.Equal("", await client.ReadToEndAsync());
        await passage.AssertNotReusedAsync();
    }

    [Theory]
    [InlineData("Content-Length: 10\r\n\r\nabc")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\nab")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")]
    public async Task An_upload_that_ends_early_never_looks_complete_to_the_endpoint(string rest)
    {
        await using var passage = await Passage.OpenAsync();
        var (client, endpoint, _) = await passage.SendAsync("POST / HTTP/1.1\r\nHost: a\r\n" + rest);
        client.ShutdownSend();
        string received;
        try
        {
            received = await endpoint.ReadToEndAsync();
        }
        catch (System.Net.Sockets.SocketException)
        {
            received = "";
        }

        Assert.DoesNotContain("0\r\n\r\n", received, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_upload_with_broken_chunks_is_refused_and_breaks_off_at_the_endpoint()
    {
        await using var passage = await Passage.OpenAsync();
        var (client, endpoint, _) = await passage.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
        await endpoint.ReadToAsync("hello\r\n");
        await client.SendAsync("zz\r\n");
        Assert.True(await endpoint.ClosesAsync());
        Assert.StartsWith("HTTP/1.1 400 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        Assert.StartsWith("http/", await passage.FaultAsync(), StringComparison.Ordinal);
    }
}
