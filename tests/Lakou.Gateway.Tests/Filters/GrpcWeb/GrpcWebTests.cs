using System.IO.Pipelines;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Lakou.Gateway.Filters.GrpcWeb;
using Lakou.Gateway.Tests.Forwarding.Http2;
using Lakou.Gateway.Tests.Harness;
using Lakou.Http.Server;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Tests.Filters.GrpcWeb;

public sealed class GrpcWebTests
{
    private const string Web = "filters: { grpc-web: {} }";

    // Two messages, "hello" and none.
    private static readonly byte[] Frames = [0, 0, 0, 0, 5, .. "hello"u8, 0, 0, 0, 0, 0];

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("1.1", "application/grpc-web+proto")]
    [InlineData("2.0", "application/grpc-web")]
    [InlineData("1.1", "application/grpc-web-text+proto")]
    [InlineData("2.0", "application/grpc-web-text")]
    public async Task A_call_passes_and_its_trailers_are_its_last_frame(string version, string type)
    {
        await using var world = await Http2World.StartAsync(EchoAsync, version, route: Web);
        using var answer = await PostAsync(world, type, IsText(type) ? TextOf(Frames[..10]) + TextOf(Frames[10..]) : Encoding.Latin1.GetString(Frames));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(type, answer.Content.Headers.ContentType!.ToString());
        Assert.Equal(type.Replace("-web", "", StringComparison.Ordinal).Replace("-text", "", StringComparison.Ordinal) + " trailers", Assert.Single(answer.Headers.GetValues("x-got")));
        var body = await answer.Content.ReadAsByteArrayAsync(Stop);
        var all = IsText(type) ? BytesOf(Encoding.ASCII.GetString(body)) : body;
        var trailers = "grpc-status: 0\r\nx-sum-bin: AQI=\r\n";
        Assert.Equal(Encoding.Latin1.GetString(Frames) + $"\u0080\0\0\0{(char)trailers.Length}{trailers}", Encoding.Latin1.GetString(all));
    }

    [Fact]
    public async Task Each_message_of_a_stream_comes_when_it_is_sent()
    {
        var next = new SemaphoreSlim(0);
        await using var world = await Http2World.StartAsync(
            async context =>
            {
                context.Response.ContentType = "application/grpc";
                for (var i = 0; i < 5; i++)
                {
                    await context.Response.Body.WriteAsync(Frames.AsMemory(0, 10));
                    await context.Response.Body.FlushAsync();
                    await next.WaitAsync();
                }

                context.Response.AppendTrailer("grpc-status", "0");
            },
            route: Web);
        using var answer = await PostAsync(world, "application/grpc-web-text", TextOf(Frames[10..]));
        await using var body = await answer.Content.ReadAsStreamAsync(Stop);
        var message = new byte[TextOf(Frames[..10]).Length];
        for (var i = 0; i < 5; i++)
        {
            await body.ReadExactlyAsync(message, Stop);
            Assert.Equal(TextOf(Frames[..10]), Encoding.ASCII.GetString(message));
            next.Release();
        }

        using var rest = new StreamReader(body);
        Assert.EndsWith("grpc-status: 0\r\n", Encoding.Latin1.GetString(BytesOf(await rest.ReadToEndAsync(Stop))), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_answer_of_trailers_only_stays_one()
    {
        await using var world = await Http2World.StartAsync(
            context =>
            {
                context.Response.ContentType = "application/grpc";
                context.Response.Headers["grpc-status"] = "5";
                return Task.CompletedTask;
            },
            route: Web);
        using var answer = await PostAsync(world, "application/grpc-web", "\0\0\0\0\0");
        Assert.Equal("application/grpc-web", answer.Content.Headers.ContentType!.ToString());
        Assert.Equal("5", Assert.Single(answer.Headers.GetValues("grpc-status")));
        Assert.Empty(await answer.Content.ReadAsByteArrayAsync(Stop));
    }

    [Theory]
    [InlineData("application/grpc-web", "\u0002\0\0\0\0", "A frame begins with 2")]
    [InlineData("application/grpc-web", "\0\0\0\0\u0005hell", "The body ends within a frame")]
    [InlineData("application/grpc-web", "\0\0\0", "The body ends within a frame")]
    [InlineData("application/grpc-web-text", "AAA", "ends within a group")]
    [InlineData("application/grpc-web-text", "AA\r\nAAA=", "not in base64")]
    [InlineData("application/grpc-web-text", "A===", "not in base64")]
    public async Task A_body_that_is_none_ends_the_call(string type, string body, string why)
    {
        await using var world = await Http2World.StartAsync(EchoAsync, "1.1", route: Web);
        using var answer = await PostAsync(world, type, body);
        Assert.Equal("13", Assert.Single(answer.Headers.GetValues("grpc-status")));
        Assert.Contains(why, Assert.Single(answer.Headers.GetValues("grpc-message")), StringComparison.Ordinal);
        Assert.Equal("grpc-web/bad-body", await world.FaultAsync());
    }

    [Fact]
    public async Task What_fails_here_ends_the_call_with_its_status()
    {
        using var nobody = new RawUpstream();
        nobody.Dispose();
        await using var world = await Http2World.ConnectAsync(nobody.Url, route: Web);
        using var answer = await PostAsync(world, "application/grpc-web+proto", "\0\0\0\0\0");
        Assert.Equal((HttpStatusCode.OK, "application/grpc-web+proto"), (answer.StatusCode, answer.Content.Headers.ContentType!.ToString()));
        Assert.Equal("14", Assert.Single(answer.Headers.GetValues("grpc-status")));
    }

    [Fact]
    public async Task Other_requests_pass_untouched()
    {
        await using var world = await Http2World.StartAsync(context => context.Request.Body.CopyToAsync(context.Response.Body), route: Web);
        using var answer = await PostAsync(world, "application/grpc-websocket", "as it is");
        Assert.Equal("as it is", await answer.Content.ReadAsStringAsync(Stop));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_body_may_be_cut_anywhere_on_its_way(bool isText)
    {
        byte[] sent = isText ? Encoding.ASCII.GetBytes(TextOf(Frames[..10]) + TextOf(Frames[10..])) : Frames;
        for (var cut = 0; cut <= sent.Length; cut++)
        {
            var pipe = new Pipe();
            var body = new GrpcWebRequestBody(pipe.Reader, isText);
            var read = ReadAllAsync(body.Reader);
            await pipe.Writer.WriteAsync(sent.AsMemory(0, cut), Stop);
            await pipe.Writer.WriteAsync(sent.AsMemory(cut), Stop);
            await pipe.Writer.CompleteAsync();
            Assert.Equal(Frames, await read);

            // Every prefix is whole messages or refused.
            pipe = new Pipe();
            body = new GrpcWebRequestBody(pipe.Reader, isText);
            await pipe.Writer.WriteAsync(sent.AsMemory(0, cut), Stop);
            await pipe.Writer.CompleteAsync();
            if (Array.IndexOf([0, isText ? 16 : 10, sent.Length], cut) >= 0)
            {
                await ReadAllAsync(body.Reader);
            }
            else
            {
                await Assert.ThrowsAsync<RequestBodyException>(() => ReadAllAsync(body.Reader));
            }
        }
    }

    private static async Task<byte[]> ReadAllAsync(PipeReader reader)
    {
        using var all = new MemoryStream();
        await reader.CopyToAsync(all, Stop);
        return all.ToArray();
    }

    private static async Task EchoAsync(HttpContext context)
    {
        context.Response.ContentType = context.Request.ContentType;
        context.Response.Headers["x-got"] = $"{context.Request.ContentType} {context.Request.Headers.TE}";
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        await context.Response.Body.WriteAsync(body.ToArray());
        context.Response.AppendTrailer("grpc-status", "0");
        context.Response.AppendTrailer("X-Sum-Bin", "AQI=");
    }

    private static Task<HttpResponseMessage> PostAsync(Http2World world, string type, string body)
    {
        var content = new ByteArrayContent(Encoding.Latin1.GetBytes(body));
        content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        var request = new HttpRequestMessage(HttpMethod.Post, "/shop.Orders/Get") { Version = world.Client.DefaultRequestVersion, VersionPolicy = HttpVersionPolicy.RequestVersionExact, Content = content };
        return world.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Stop);
    }

    private static bool IsText(string type) => type.Contains("-text", StringComparison.Ordinal);

    private static string TextOf(byte[] bytes) => Convert.ToBase64String(bytes);

    /// <summary>Pieces, each with its padding.</summary>
    private static byte[] BytesOf(string text) => [.. text.Chunk(4).SelectMany(group => Convert.FromBase64CharArray(group, 0, group.Length))];
}
