using Lakou.Http.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Http.Tests.Server;

public sealed class RequestBodyTests
{
    private const string Next = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";

    [Theory]
    [InlineData("Content-Length: 11\r\n\r\nhello world")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n")]
    public async Task A_body_is_read_exactly_whatever_follows_it(string rest)
    {
        await using var server = await TestServer.StartAsync(TestServer.EchoAsync);
        using var client = await server.ConnectAsync();
        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\n" + rest + Next);
        Assert.Equal("POST / hello world", (await client.ReadResponseAsync()).Body);
        Assert.Equal("GET /next ", (await client.ReadResponseAsync()).Body);
    }

    [Fact]
    public async Task Bytes_may_come_and_be_read_one_at_a_time()
    {
        await using var server = await TestServer.StartAsync(async context =>
        {
            var body = new List<byte>();
            var one = new byte[1];
            while (await context.Request.Body.ReadAsync(one) == 1)
            {
                body.Add(one[0]);
            }

            context.Response.ContentLength = body.Count;
            foreach (var octet in body)
            {
                await context.Response.Body.WriteAsync(new[] { octet });
            }
        });
        using var client = await server.ConnectAsync();
        foreach (var octet in "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n")
        {
            await client.SendAsync(octet.ToString());
        }

        Assert.Equal("abcde", (await client.ReadResponseAsync()).Body);
    }

    [Fact]
    public async Task Trailers_are_there_once_the_body_is_read()
    {
        await using var server = await TestServer.StartAsync(async context =>
        {
            Assert.False(context.Request.CheckTrailersAvailable());
            await context.Request.Body.CopyToAsync(Stream.Null, TestContext.Current.CancellationToken);
            context.Response.Headers["X-Trailer"] = context.Request.GetTrailer("X-T");
            context.Response.Headers["X-Forbidden"] = context.Features.Get<IHttpRequestTrailersFeature>()!.Trailers.ContainsKey("Content-Length").ToString();
        });
        using var client = await server.ConnectAsync();
        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-T: yes\r\nContent-Length: 7\r\n\r\n");
        var head = await client.ReadHeadAsync();
        Assert.Contains("X-Trailer: yes\r\n", head, StringComparison.Ordinal);
        Assert.Contains("X-Forbidden: False\r\n", head, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Content-Length: 11\r\n\r\n", "http/body-too-large")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n", "http/body-too-large")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\nz\r\n", "http/bad-framing")]
    public async Task A_body_beyond_the_limit_or_of_bad_framing_is_the_applications_to_answer_and_the_last(string rest, string code)
    {
        await using var server = await TestServer.StartAsync(
            async context =>
            {
                var failure = await Assert.ThrowsAsync<RequestBodyException>(() => context.Request.Body.CopyToAsync(Stream.Null, TestContext.Current.CancellationToken));
                context.Response.StatusCode = failure.Fault.Code.Status;
                context.Response.Headers["X-Fault"] = failure.Fault.Code.Name;
            },
            options => options with { BodyBytesMax = 10 });
        using var client = await server.ConnectAsync();
        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\n" + rest);
        var answer = await client.ReadHeadAsync();
        Assert.Contains($"X-Fault: {code}\r\n", answer, StringComparison.Ordinal);
        Assert.Contains("Connection: close\r\n", answer, StringComparison.Ordinal);
        Assert.Equal("", await client.ReadToEndAsync());
    }

    [Fact]
    public async Task A_limit_may_be_raised_for_one_request()
    {
        await using var server = await TestServer.StartAsync(
            context =>
            {
                context.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = context.Request.Path == "/more" ? null : 3;
                return TestServer.EchoAsync(context);
            },
            options => options with { BodyBytesMax = 10 });
        using var client = await server.ConnectAsync();
        await client.SendAsync("POST /more HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world");
        Assert.Equal("POST /more hello world", (await client.ReadResponseAsync()).Body);
        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nhell");
        Assert.StartsWith("HTTP/1.1 413 ", await client.ReadToEndAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Content-Length: 5\r\n\r\nhell")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")]
    public async Task A_truncated_body_never_looks_whole(string rest)
    {
        var seen = new TaskCompletionSource<Exception>();
        await using var server = await TestServer.StartAsync(async context =>
        {
            try
            {
                await context.Request.Body.CopyToAsync(Stream.Null, TestContext.Current.CancellationToken);
                seen.SetException(new InvalidOperationException("The body ended."));
            }
            catch (RequestBodyException e)
            {
                seen.SetResult(e);
                throw;
            }
        });
        using var client = await server.ConnectAsync();
        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\n" + rest);
        client.ShutdownSend();
        Assert.Equal(ServerFaults.BodyTruncated, Assert.IsType<RequestBodyException>(await seen.Task.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken)).Fault.Code);
    }

    [Fact]
    public async Task A_small_unread_body_is_read_away_and_the_connection_goes_on()
    {
        await using var server = await TestServer.StartAsync(AnswerWithoutReadingAsync);
        using var client = await server.ConnectAsync();
        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
        Assert.DoesNotContain("Connection: close", (await client.ReadResponseAsync()).Head, StringComparison.Ordinal);
        await client.SendAsync(new string('x', 1000) + Next);
        Assert.StartsWith("HTTP/1.1 200 OK\r\n", (await client.ReadResponseAsync()).Head, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Content-Length: 10000000\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n1000000\r\n")]
    public async Task A_large_unread_body_ends_the_connection_and_the_answer_arrives(string rest)
    {
        await using var server = await TestServer.StartAsync(AnswerWithoutReadingAsync);
        using var client = await server.ConnectAsync();
        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\n" + rest);
        for (var i = 0; i < 100; i++)
        {
            await client.SendAsync(new string('x', 10_000));
        }

        client.ShutdownSend();
        var (head, body) = await client.ReadResponseAsync();
        Assert.Contains("Connection: close\r\n", head, StringComparison.Ordinal);
        Assert.Equal("no", body);
        Assert.Equal("", await client.ReadToEndAsync());
    }

    [Fact]
    public async Task Continue_is_said_when_the_application_reads()
    {
        await using var server = await TestServer.StartAsync(TestServer.EchoAsync);
        using var client = await server.ConnectAsync();
        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
        Assert.Equal("HTTP/1.1 100 Continue\r\n\r\n", await client.ReadHeadAsync());
        await client.SendAsync("hello" + Next);
        Assert.Equal("POST / hello", (await client.ReadResponseAsync()).Body);
        Assert.Equal("GET /next ", (await client.ReadResponseAsync()).Body);
    }

    [Fact]
    public async Task A_final_answer_without_reading_ends_the_connection_of_a_client_that_waits_for_Continue()
    {
        await using var server = await TestServer.StartAsync(AnswerWithoutReadingAsync);
        using var client = await server.ConnectAsync();
        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
        var (head, _) = await client.ReadResponseAsync();
        Assert.StartsWith("HTTP/1.1 200 OK\r\n", head, StringComparison.Ordinal);
        Assert.Contains("Connection: close\r\n", head, StringComparison.Ordinal);
        Assert.Equal("", await client.ReadToEndAsync());
    }

    private static async Task AnswerWithoutReadingAsync(HttpContext context)
    {
        context.Response.ContentLength = 2;
        await context.Response.Body.WriteAsync("no"u8.ToArray());
    }
}
