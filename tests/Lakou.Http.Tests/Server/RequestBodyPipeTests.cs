using System.Buffers;
using System.IO.Pipelines;
using Lakou.Http.Server;

namespace Lakou.Http.Tests.Server;

/// <summary>The request body as a pipe.</summary>
public sealed class RequestBodyPipeTests
{
    private const string Next = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("Content-Length: 11\r\n\r\nhello world")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n")]
    public async Task A_body_is_gathered_whole_whatever_follows_it(string rest)
    {
        await using var server = await TestServer.StartAsync(async context =>
        {
            var reader = context.Request.BodyReader;
            ReadResult result;
            while (!(result = await reader.ReadAsync(Stop)).IsCompleted)
            {
                reader.AdvanceTo(result.Buffer.Start, result.Buffer.End);
            }

            var body = result.Buffer.ToArray();
            reader.AdvanceTo(result.Buffer.End);
            Assert.True((await reader.ReadAsync(Stop)).IsCompleted);
            context.Response.ContentLength = body.Length;
            await context.Response.Body.WriteAsync(body);
        });
        foreach (var piece in (int[])[1, 7, 1000])
        {
            using var client = await server.ConnectAsync();
            foreach (var part in ("POST / HTTP/1.1\r\nHost: a\r\n" + rest + Next).Chunk(piece))
            {
                await client.SendAsync(new string(part));
            }

            Assert.Equal("hello world", (await client.ReadResponseAsync()).Body);
            Assert.Equal("", (await client.ReadResponseAsync()).Body);
        }
    }

    [Fact]
    public async Task A_body_may_be_taken_in_any_portions_and_through_the_stream_in_between()
    {
        var body = string.Concat(Enumerable.Range(0, 20_000).Select(static i => (char)('a' + (i % 26))));
        await using var server = await TestServer.StartAsync(async context =>
        {
            var reader = context.Request.BodyReader;
            var seen = new MemoryStream();
            var one = new byte[1];
            for (var portion = 1; ; portion = (portion * 3 % 1009) + 1)
            {
                if (!reader.TryRead(out var result))
                {
                    result = await reader.ReadAsync(Stop);
                }

                var taken = result.Buffer.Slice(0, Math.Min(portion, result.Buffer.Length));
                seen.Write(taken.ToArray());
                reader.AdvanceTo(taken.End);
                if (result.IsCompleted && taken.Length == result.Buffer.Length)
                {
                    break;
                }

                seen.Write(one.AsSpan(0, await context.Request.Body.ReadAsync(one, Stop)));
            }

            context.Response.ContentLength = seen.Length;
            await context.Response.Body.WriteAsync(seen.ToArray());
        });
        using var client = await server.ConnectAsync();
        await client.SendAsync($"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {body.Length}\r\n\r\n{body}");
        Assert.Equal(body, (await client.ReadResponseAsync()).Body);
    }

    [Theory]
    [InlineData("Content-Length: 11\r\n\r\nhello world", "http/body-too-large")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n", "http/body-too-large")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\nz\r\n", "http/bad-framing")]
    [InlineData("Content-Length: 5\r\n\r\nhell", "http/body-truncated")]
    [InlineData("Content-Length: 5\r\n\r\n", "http/body-truncated")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "http/body-truncated")]
    public async Task A_body_that_is_too_large_or_not_whole_never_completes(string rest, string code)
    {
        var seen = new TaskCompletionSource<string>();
        await using var server = await TestServer.StartAsync(
            async context =>
            {
                var failure = await Assert.ThrowsAsync<RequestBodyException>(async () =>
                {
                    for (ReadResult result; !(result = await context.Request.BodyReader.ReadAsync(Stop)).IsCompleted;)
                    {
                        context.Request.BodyReader.AdvanceTo(result.Buffer.Start, result.Buffer.End);
                    }
                });
                await Assert.ThrowsAsync<RequestBodyException>(async () => await context.Request.BodyReader.ReadAsync(Stop));
                seen.SetResult(failure.Fault.Code.Name);
            },
            options => options with { BodyBytesMax = 10 });
        using var client = await server.ConnectAsync();
        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\n" + rest);
        client.ShutdownSend();
        Assert.Equal(code, await seen.Task.WaitAsync(TimeSpan.FromSeconds(30), Stop));
    }

    [Fact]
    public async Task A_read_that_waits_can_be_canceled_and_begun_anew()
    {
        var canceled = new TaskCompletionSource();
        await using var server = await TestServer.StartAsync(async context =>
        {
            var reader = context.Request.BodyReader;
            var reading = reader.ReadAsync(Stop);
            Assert.False(reading.IsCompleted);
            reader.CancelPendingRead();
            var result = await reading;
            Assert.True(result.IsCanceled);
            Assert.False(result.IsCompleted);
            reader.AdvanceTo(result.Buffer.Start, result.Buffer.End);
            canceled.SetResult();
            result = await reader.ReadAtLeastAsync(5, Stop);
            context.Response.ContentLength = result.Buffer.Length;
            await context.Response.Body.WriteAsync(result.Buffer.ToArray());
            reader.AdvanceTo(result.Buffer.End);
        });
        using var client = await server.ConnectAsync();
        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
        await canceled.Task.WaitAsync(TimeSpan.FromSeconds(30), Stop);
        await client.SendAsync("hello");
        Assert.Equal("hello", (await client.ReadResponseAsync()).Body);
    }

    [Fact]
    public async Task What_the_application_does_not_give_back_is_read_away()
    {
        await using var server = await TestServer.StartAsync(async context =>
        {
            if (context.Request.ContentLength > 0)
            {
                await context.Request.BodyReader.ReadAsync(Stop);
            }

            context.Response.ContentLength = 0;
        });
        using var client = await server.ConnectAsync();
        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
        Assert.StartsWith("HTTP/1.1 200 OK\r\n", (await client.ReadResponseAsync()).Head, StringComparison.Ordinal);
        await client.SendAsync("llo" + Next);
        Assert.StartsWith("HTTP/1.1 200 OK\r\n", (await client.ReadResponseAsync()).Head, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Continue_is_said_to_who_waits_and_not_to_who_looks()
    {
        await using var server = await TestServer.StartAsync(async context =>
        {
            Assert.False(context.Request.BodyReader.TryRead(out _));
            if (context.Request.Path == "/wait")
            {
                var result = await context.Request.BodyReader.ReadAtLeastAsync(5, Stop);
                context.Request.BodyReader.AdvanceTo(result.Buffer.End);
            }

            context.Response.ContentLength = 0;
        });
        using var client = await server.ConnectAsync();
        const string Rest = " HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
        await client.SendAsync("POST /wait" + Rest);
        Assert.Equal("HTTP/1.1 100 Continue\r\n\r\n", await client.ReadHeadAsync());
        await client.SendAsync("helloPOST /look" + Rest);
        Assert.StartsWith("HTTP/1.1 200 OK\r\n", (await client.ReadResponseAsync()).Head, StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 200 OK\r\n", (await client.ReadResponseAsync()).Head, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_body_that_was_put_in_its_place_is_what_the_pipe_gives()
    {
        await using var server = await TestServer.StartAsync(async context =>
        {
            _ = context.Request.BodyReader;
            context.Request.Body = new MemoryStream("other"u8.ToArray());
            var result = await context.Request.BodyReader.ReadAtLeastAsync(5, Stop);
            context.Response.ContentLength = result.Buffer.Length;
            await context.Response.Body.WriteAsync(result.Buffer.ToArray());
            context.Request.BodyReader.AdvanceTo(result.Buffer.End);
        });
        using var client = await server.ConnectAsync();
        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
        Assert.Equal("other", (await client.ReadResponseAsync()).Body);
    }
}
