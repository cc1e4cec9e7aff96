using System.Buffers;
using System.Text;
using Lakou.Http.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Http.Tests.Server;

public sealed class ResponseTests
{
    private const string Get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    [Fact]
    public async Task An_unflushed_body_gets_its_length()
        => Assert.EndsWith("\r\n\r\nhello", await AnswerAsync(Get, context => Write(context, "hello"), "Content-Length: 5\r\n"), StringComparison.Ordinal);

    [Fact]
    public async Task An_empty_answer_has_length_0()
        => Assert.EndsWith("\r\n\r\n", await AnswerAsync(Get, _ => Task.CompletedTask, "Content-Length: 0\r\n"), StringComparison.Ordinal);

    [Fact]
    public async Task A_flushed_body_is_chunked()
        => Assert.EndsWith("\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", await AnswerAsync(Get, async context =>
        {
            await context.Response.Body.WriteAsync("hel"u8.ToArray());
            await context.Response.Body.WriteAsync("lo"u8.ToArray());
        }, "Transfer-Encoding: chunked\r\n"), StringComparison.Ordinal);

    [Fact]
    public async Task A_flushed_body_to_HTTP_1_0_ends_with_the_connection()
    {
        var answer = await AnswerAsync("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", context => context.Response.Body.WriteAsync("hello"u8.ToArray()).AsTask(), "Connection: close\r\n");
        Assert.EndsWith("\r\n\r\nhello", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("Transfer-Encoding", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("HEAD", 200)]
    [InlineData("GET", 204)]
    [InlineData("GET", 304)]
    public async Task What_has_no_body_sends_none(string method, int status)
    {
        var answer = await AnswerAsync($"{method} / HTTP/1.1\r\nHost: a\r\n\r\n", async context =>
        {
            context.Response.StatusCode = status;
            context.Response.ContentLength = 5;
            await context.Response.Body.WriteAsync("hello"u8.ToArray());
            await context.Response.BodyWriter.WriteAsync("hello"u8.ToArray());
        }, $"HTTP/1.1 {status} ");
        Assert.EndsWith("\r\n\r\n", answer, StringComparison.Ordinal);
        Assert.Equal(status != 204, answer.Contains("Content-Length: 5\r\n", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Content-Length", "five")]
    [InlineData("Content-Length", "5, 5")]
    [InlineData("Transfer-Encoding", "gzip")]
    public async Task Framing_that_the_application_wrote_wrongly_is_not_sent(string name, string value)
    {
        var answer = await AnswerAsync(Get, async context =>
        {
            context.Response.Headers.Append(name, value);
            await context.Response.Body.WriteAsync("hello"u8.ToArray());
        }, "Transfer-Encoding: chunked\r\n");
        Assert.DoesNotContain(value, answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(6)]
    public async Task A_body_of_another_length_than_declared_breaks_the_connection(int length)
    {
        await using var server = await TestServer.StartAsync(async context =>
        {
            context.Response.ContentLength = 5;
            await context.Response.StartAsync();
            await context.Response.Body.WriteAsync(new byte[length]);
        });
        using var client = await server.ConnectAsync();
        await client.SendAsync(Get + Get);
        Assert.True(await client.IsResetAsync());
    }

    [Fact]
    public async Task Callbacks_run_in_reverse_before_and_after_and_the_head_is_fixed_between()
    {
        var order = new StringBuilder();
        var ended = new TaskCompletionSource();
        await using var server = await TestServer.StartAsync(async context =>
        {
            foreach (var i in new[] { 1, 2 })
            {
                context.Response.OnStarting(() => Log($"s{i}"));
                context.Response.OnCompleted(() => Log($"c{i}"));
            }

            context.Response.OnCompleted(() => throw new InvalidOperationException("one that fails"));
            context.Response.OnStarting(() =>
            {
                context.Response.Headers["X-Late"] = "1";
                return Log("s3");
            });
            await context.Response.Body.WriteAsync("hello"u8.ToArray());
            Assert.True(context.Response.HasStarted);
            Assert.Throws<InvalidOperationException>(() => context.Response.Headers["X-B"] = "1");
            Assert.Throws<InvalidOperationException>(() => context.Response.StatusCode = 201);
            Assert.Throws<InvalidOperationException>(() => context.Response.OnStarting(() => Task.CompletedTask));
            await Log("w");

            Task Log(string what)
            {
                order.Append(what);
                if (what == "c1")
                {
                    ended.SetResult();
                }

                return Task.CompletedTask;
            }
        });
        using var client = await server.ConnectAsync();
        await client.SendAsync(Get);
        Assert.Contains("X-Late: 1\r\n", await client.ReadHeadAsync(), StringComparison.Ordinal);
        await client.ReadToAsync("0\r\n\r\n");
        await ended.Task.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Assert.Equal("s3s2s1wc2c1", order.ToString());

        await client.SendAsync(Get);
        Assert.StartsWith("HTTP/1.1 200 OK\r\n", await client.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_callback_may_start_the_response_itself()
        => Assert.EndsWith("\r\n\r\n0\r\n\r\n", await AnswerAsync(Get, context =>
        {
            context.Response.OnStarting(() => context.Response.StartAsync());
            return Task.CompletedTask;
        }, "HTTP/1.1 200 OK\r\n"), StringComparison.Ordinal);

    [Fact]
    public async Task A_failure_before_the_response_is_500_and_one_within_it_is_seen()
    {
        await using var server = await TestServer.StartAsync(async context =>
        {
            context.Response.Headers["X-A"] = "1";
            context.Response.OnStarting(() => throw new InvalidOperationException("too early"));
            if (context.Request.Path == "/within")
            {
                context.Response.Clear();
                await context.Response.Body.WriteAsync("hel"u8.ToArray());
            }
        });
        using var before = await server.ConnectAsync();
        await before.SendAsync(Get);
        var answer = await before.ReadToEndAsync();
        Assert.StartsWith("HTTP/1.1 500 ", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("X-A", answer, StringComparison.Ordinal);

        await using var other = await TestServer.StartAsync(async context =>
        {
            await context.Response.Body.WriteAsync("hel"u8.ToArray());
            throw new InvalidOperationException("within");
        });
        using var within = await other.ConnectAsync();
        await within.SendAsync(Get);
        Assert.True(await within.IsResetAsync());
    }

    [Fact]
    public async Task Nothing_can_be_written_behind_the_end()
    {
        await using var server = await TestServer.StartAsync(async context =>
        {
            await context.Response.Body.WriteAsync("a"u8.ToArray());
            await context.Response.CompleteAsync();
            await context.Response.Body.FlushAsync();
            await Assert.ThrowsAsync<InvalidOperationException>(() => context.Response.Body.WriteAsync("b"u8.ToArray(), TestContext.Current.CancellationToken).AsTask());
            Assert.Throws<InvalidOperationException>(() => context.Response.BodyWriter.GetMemory(1));
        });
        using var client = await server.ConnectAsync();
        await client.SendAsync(Get);
        await client.ReadHeadAsync();
        Assert.Equal("1\r\na\r\n0\r\n\r\n", await client.ReadAsync(11));
        await client.SendAsync(Get);
        Assert.StartsWith("HTTP/1.1 200 OK\r\n", await client.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Memory_taken_before_the_start_keeps_its_place(bool declared)
    {
        var answer = await AnswerAsync(Get, async context =>
        {
            var writer = context.Response.BodyWriter;
            writer.Write("a"u8);
            var memory = writer.GetMemory(1);
            context.Response.ContentLength = declared ? 3 : null;
            await context.Response.StartAsync();
            memory.Span[0] = (byte)'b';
            writer.Advance(1);
            writer.Write("c"u8);
            await writer.FlushAsync();
        }, "HTTP/1.1 200 OK\r\n");
        var body = answer[(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..];
        Assert.Equal("abc", declared ? body : string.Concat(body.Split("\r\n").Where((_, i) => i % 2 == 1)));
    }

    [Theory]
    [InlineData(1, 3000, false)]
    [InlineData(1, 3000, true)]
    [InlineData(1_000_000, 5, false)]
    [InlineData(1_000_000, 5, true)]
    public async Task Tiny_and_large_writes_arrive_byte_for_byte(int size, int count, bool declared)
    {
        var expected = new byte[size * count];
        new Random(7).NextBytes(expected);
        await using var server = await TestServer.StartAsync(async context =>
        {
            context.Response.ContentLength = declared ? expected.Length : null;
            for (var i = 0; i < count; i++)
            {
                var part = expected.AsMemory(i * size, size);
                switch (i % 3)
                {
                    case 0:
                        await context.Response.Body.WriteAsync(part);
                        break;
                    case 1:
                        context.Response.BodyWriter.Write(part.Span);
                        break;
                    default:
                        part.CopyTo(context.Response.BodyWriter.GetMemory(size));
                        context.Response.BodyWriter.Advance(size);
                        await context.Response.BodyWriter.FlushAsync();
                        break;
                }
            }
        });
        using var client = new HttpClient();
        Assert.Equal(expected, await client.GetByteArrayAsync(new Uri($"http://{server.Address}/"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_file_is_sent_in_part()
    {
        var path = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(path, "0123456789", TestContext.Current.CancellationToken);
            Assert.EndsWith("\r\n\r\n2345", await AnswerAsync(Get, context =>
            {
                context.Response.ContentLength = 4;
                return context.Response.SendFileAsync(path, 2, 4);
            }, "Content-Length: 4\r\n"), StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public async Task Trailers_follow_the_last_chunk()
        => Assert.EndsWith("1\r\na\r\n0\r\nX-T: 1\r\n\r\n", await AnswerAsync(Get, async context =>
        {
            await context.Response.Body.WriteAsync("a"u8.ToArray());
            context.Response.AppendTrailer("X-T", "1");
        }, "Transfer-Encoding: chunked\r\n"), StringComparison.Ordinal);

    [Theory]
    [InlineData("HTTP/1.1", true)]
    [InlineData("HTTP/1.0", false)]
    public async Task Early_hints_come_ahead_of_the_answer_but_not_to_HTTP_1_0(string version, bool sent)
    {
        var answer = await AnswerAsync($"GET / {version}\r\nHost: a\r\n\r\n", async context =>
        {
            var feature = context.Features.GetRequiredFeature<IHttpInformationalFeature>();
            Assert.Equal(sent, feature.CanSend);
            var fields = new FieldTable();
            fields.Append("Link", "</a.css>; rel=preload");
            fields.Append("Connection", "x");
            await feature.SendAsync(103, fields, CancellationToken.None);
        }, "HTTP/1.1 200 OK\r\n");
        Assert.Equal(sent, answer.StartsWith("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\n", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_reason_cannot_split_the_response_and_a_status_is_one()
    {
        await using var server = await TestServer.StartAsync(context =>
        {
            var response = context.Features.GetRequiredFeature<IHttpResponseFeature>();
            Assert.Throws<ArgumentException>(() => response.ReasonPhrase = "OK\r\nX: 1");
            Assert.Throws<ArgumentOutOfRangeException>(() => response.StatusCode = 1000);
            response.ReasonPhrase = "Fine";
            return Task.CompletedTask;
        });
        using var client = await server.ConnectAsync();
        await client.SendAsync(Get);
        Assert.StartsWith("HTTP/1.1 200 Fine\r\n", await client.ReadHeadAsync(), StringComparison.Ordinal);
    }

    private static Task Write(HttpContext context, string text)
    {
        context.Response.BodyWriter.Write(Encoding.ASCII.GetBytes(text));
        return Task.CompletedTask;
    }

    /// <summary>The whole answer on a connection that the client half-ends only after it has come, with what its head must hold.</summary>
    private static async Task<string> AnswerAsync(string request, RequestDelegate application, string expected)
    {
        await using var server = await TestServer.StartAsync(application);
        using var client = await server.ConnectAsync();
        var ended = request.Contains("HTTP/1.0", StringComparison.Ordinal) ? "" : "GET /end HTTP/1.2\r\n\r\n";
        await client.SendAsync(request + ended);
        var answer = await client.ReadToEndAsync();
        client.Dispose();
        var refusal = answer.IndexOf("HTTP/1.1 505", StringComparison.Ordinal);
        answer = refusal < 0 ? answer : answer[..refusal];
        Assert.Null(await EndOfAsync(server));
        Assert.Contains(expected, answer, StringComparison.Ordinal);
        return answer;
    }

    private static async Task<Exception?> EndOfAsync(TestServer server)
    {
        await server.DrainedAsync();
        return server.Ended.FirstOrDefault(failure => failure is not null);
    }
}
