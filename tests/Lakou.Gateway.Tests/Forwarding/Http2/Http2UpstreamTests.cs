using System.Net;
using System.Security.Cryptography;
using Lakou.Gateway.Tests.Harness;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Lakou.Gateway.Tests.Forwarding.Http2;

/// <summary>What passes to an endpoint over HTTP/2, and back, for clients of both versions.</summary>
public sealed class Http2UpstreamTests : IDisposable
{
    private readonly Certificates _certificates = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task A_request_passes_with_its_fields_and_our_account(string version)
    {
        await using var world = await Http2World.StartAsync(
            async context => await context.Response.WriteAsync(string.Join('\n', context.Request.Headers.Select(field => $"{field.Key}: {field.Value}").Append($"{context.Request.Protocol} {context.Request.Method} {context.Request.Path}{context.Request.QueryString} {context.Request.Host} {context.Request.Scheme}"))),
            version);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/a%20b/c?x=%20y") { Version = Version.Parse(version), VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        request.Headers.Host = "example.org";
        request.Headers.Add("X-One", ["1", "2"]);
        request.Headers.Add("Cookie", ["a=1", "b=2"]);
        request.Headers.Add("TE", "trailers");
        request.Headers.TryAddWithoutValidation("X-Forwarded-For", "6.6.6.6");
        request.Headers.TryAddWithoutValidation("X-Forwarded-Prefix", "/evil");
        using var answer = await world.Client.SendAsync(request, Stop);
        Assert.True(answer.IsSuccessStatusCode, (await world.Gateway.LogAsync(1))[0]);
        var got = (await answer.Content.ReadAsStringAsync(Stop)).Split('\n');
        Assert.EndsWith(" example.org http", got[^1], StringComparison.Ordinal);
        Assert.StartsWith("HTTP/2 GET /a%20b/c?x=%20y example.org", got[^1], StringComparison.Ordinal);
        Assert.Contains("X-One: 1, 2", got, StringComparer.OrdinalIgnoreCase);
        Assert.Contains("Cookie: a=1; b=2", got, StringComparer.OrdinalIgnoreCase);
        Assert.Contains("TE: trailers", got, StringComparer.OrdinalIgnoreCase);
        Assert.Contains("X-Forwarded-For: 127.0.0.1", got, StringComparer.OrdinalIgnoreCase);
        Assert.Contains("X-Forwarded-Host: example.org", got, StringComparer.OrdinalIgnoreCase);
        Assert.Contains("X-Forwarded-Proto: http", got, StringComparer.OrdinalIgnoreCase);
        Assert.Contains($"Via: {version.TrimEnd('0').TrimEnd('.')} lakou", got, StringComparer.OrdinalIgnoreCase);
        Assert.Contains(got, line => line.StartsWith("traceparent: 00-", StringComparison.OrdinalIgnoreCase));
        Assert.DoesNotContain(got, line => line.Contains("evil", StringComparison.Ordinal) || line.Contains("6.6.6.6", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("trailers", true)]
    [InlineData("gzip, trailers", true)]
    [InlineData("gzip", false)]
    public async Task TE_says_trailers_or_nothing(string te, bool passes)
    {
        await using var world = await Http2World.StartAsync(context => context.Response.WriteAsync(context.Request.Headers.TE.ToString()), "1.1");
        using var client = await RawPeer.ConnectAsync(world.Gateway.Address);
        await client.SendAsync($"GET / HTTP/1.0\r\nHost: a\r\nConnection: TE, X-Hop\r\nTE: {te}\r\nX-Hop: 1\r\n\r\n");
        Assert.EndsWith(passes ? "\r\n\r\ntrailers" : "\r\n\r\n", await client.ReadToEndAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_host_may_be_the_endpoints()
    {
        await using var world = await Http2World.StartAsync(context => context.Response.WriteAsync(context.Request.Host.Value!), upstream: "host: endpoint");
        var endpoint = world.Gateway.State.Upstreams["app"].Endpoints[0].Address.Authority;
        Assert.Equal(endpoint, await world.Client.GetStringAsync("/", Stop));
    }

    [Theory]
    [InlineData("1.1", true)]
    [InlineData("1.1", false)]
    [InlineData("2.0", true)]
    [InlineData("2.0", false)]
    public async Task A_large_body_passes_both_ways_whole(string version, bool hasLength)
    {
        await using var world = await Http2World.StartAsync(
            async context =>
            {
                context.Response.Headers["X-Length"] = context.Request.ContentLength?.ToString() ?? "none";
                var copy = new MemoryStream();
                await context.Request.Body.CopyToAsync(copy);
                await context.Response.Body.WriteAsync(copy.ToArray());
            },
            version);
        var body = new byte[5_000_000];
        new Random(7).NextBytes(body);
        using HttpContent content = hasLength ? new ByteArrayContent(body) : new StreamContent(new Unseekable(body));
        using var answer = await world.Client.PostAsync("/", content, Stop);
        Assert.Equal(hasLength ? "5000000" : "none", Assert.Single(answer.Headers.GetValues("X-Length")));
        Assert.Equal(body, await answer.Content.ReadAsByteArrayAsync(Stop));
    }

    [Fact]
    public async Task Each_message_passes_while_both_sides_still_speak()
    {
        await using var world = await Http2World.StartAsync(EchoAsync);
        using var content = new Duplex();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/") { Content = content, Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        using var answer = await world.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Stop);
        await using var stream = await answer.Content.ReadAsStreamAsync(Stop);
        var up = await content.Stream.WaitAsync(Stop);
        var one = new byte[1];
        for (var i = 0; i < 20; i++)
        {
            await up.WriteAsync(new[] { (byte)i }, Stop);
            await up.FlushAsync(Stop);
            Assert.Equal((1, i), (await stream.ReadAsync(one, Stop), one[0]));
        }

        content.End();
        Assert.Equal(0, await stream.ReadAsync(one, Stop));
    }

    [Fact]
    public async Task So_it_does_for_a_client_of_HTTP_1()
    {
        await using var world = await Http2World.StartAsync(EchoAsync);
        using var client = await RawPeer.ConnectAsync(world.Gateway.Address);
        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        await client.ReadHeadAsync();
        for (var i = 0; i < 20; i++)
        {
            await client.SendAsync("1\r\nx\r\n");
            Assert.Equal("1\r\nx\r\n", await client.ReadAsync(6));
        }

        await client.SendAsync("0\r\n\r\n");
        Assert.Equal("0\r\n\r\n", await client.ReadAsync(5));
    }

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task Trailers_pass(string version)
    {
        await using var world = await Http2World.StartAsync(
            async context =>
            {
                context.Response.DeclareTrailer("X-Sum");
                await context.Response.WriteAsync("ok");
                context.Response.AppendTrailer("X-Sum", "7");
                context.Response.AppendTrailer("Content-Length", "7"); // has no place there
            },
            version);
        using var answer = await world.Client.GetAsync("/", Stop);
        Assert.Equal("ok", await answer.Content.ReadAsStringAsync(Stop));
        Assert.Equal("7", Assert.Single(answer.TrailingHeaders.GetValues("X-Sum")));
        Assert.False(answer.TrailingHeaders.Contains("Content-Length"));
    }

    [Fact]
    public async Task An_answer_of_trailers_only_ends_with_its_head()
    {
        await using var world = await Http2World.StartAsync(context =>
        {
            context.Response.Headers["grpc-status"] = "5";
            return Task.CompletedTask;
        });
        using var peer = await Http2Peer.ConnectAsync(world.Gateway.Address);
        await peer.GetAsync(1);
        Assert.Equal((200, true), await peer.ReadAnswerAsync());
    }

    [Theory]
    [InlineData("GET", 204, null)]
    [InlineData("GET", 304, 70)]
    [InlineData("HEAD", 200, 70)]
    [InlineData("GET", 404, 0)]
    public async Task Answers_without_a_body_pass(string method, int status, int? length)
    {
        await using var world = await Http2World.StartAsync(context =>
        {
            context.Response.StatusCode = status;
            context.Response.ContentLength = length;
            return Task.CompletedTask;
        });
        using var request = new HttpRequestMessage(new HttpMethod(method), "/") { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        using var answer = await world.Client.SendAsync(request, Stop);
        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal(length ?? 0, answer.Content.Headers.ContentLength ?? 0);
        Assert.Empty(await answer.Content.ReadAsByteArrayAsync(Stop));
    }

    [Fact]
    public async Task Many_requests_share_a_connection()
    {
        await using var world = await Http2World.StartAsync(async context => await context.Response.Body.WriteAsync(await SHA256.HashDataAsync(context.Request.Body)));
        await Task.WhenAll(Enumerable.Range(0, 80).Select(async i =>
        {
            var body = new byte[i * 1000];
            new Random(i).NextBytes(body);
            using var content = new ByteArrayContent(body);
            using var answer = await world.Client.PostAsync("/", content, Stop);
            Assert.Equal(SHA256.HashData(body), await answer.Content.ReadAsByteArrayAsync(Stop));
        }));
        Assert.Equal(1, world.Gateway.State.Upstreams["app"].Endpoints[0].OpenConnections);
        await Waiting.UntilAsync(() => world.Gateway.State.Upstreams["app"].Endpoints[0].InFlight == 0);
    }

    [Fact]
    public async Task A_client_that_does_not_read_holds_the_endpoint_back()
    {
        long sent = 0;
        await using var world = await Http2World.StartAsync(
            async context =>
            {
                var block = new byte[16 * 1024];
                while (!context.RequestAborted.IsCancellationRequested)
                {
                    await context.Response.Body.WriteAsync(block);
                    Interlocked.Add(ref sent, block.Length);
                }
            },
            "1.1");
        using var client = await RawPeer.ConnectAsync(world.Gateway.Address);
        client.Socket.ReceiveBufferSize = 4096;
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        await client.ReadHeadAsync();
        for (long before = -1, now; (now = Interlocked.Read(ref sent)) != before; before = now)
        {
            Assert.InRange(now, 0, 32 << 20); // the kernel's buffers of both connections are most of it
            await Task.Delay(300, Stop);
        }
    }

    [Fact]
    public async Task A_unix_socket_speaks_it_too()
    {
        using var folder = new TemporaryDirectory();
        await using var server = await KestrelUpstream.StartAsync(context => context.Response.WriteAsync(context.Request.Protocol), HttpProtocols.Http2, socket: folder.Path + "/s");
        await using var world = await Http2World.ConnectAsync($"unix:{folder.Path}/s");
        Assert.Equal("HTTP/2", await world.Client.GetStringAsync("/", Stop));
    }

    [Fact]
    public async Task Over_TLS_the_name_and_the_roots_are_the_upstreams()
    {
        var path = _certificates.Write("app.test");
        await using var server = await KestrelUpstream.StartAsync(context => context.Response.WriteAsync($"{context.Request.Protocol} {context.Request.Scheme}"), HttpProtocols.Http2, path);
        await using (var world = await Http2World.ConnectAsync(server.Url, $"protocol: http2, tls: {{ ca: \"{path}.pem\", server-name: app.test }}"))
        {
            Assert.Equal("HTTP/2 https", await world.Client.GetStringAsync("/", Stop));
        }

        await using var other = await Http2World.ConnectAsync(server.Url, $"protocol: http2, tls: {{ ca: \"{_certificates.Write("app.test")}.pem\", server-name: app.test }}");
        using var answer = await other.Client.GetAsync("/", Stop);
        Assert.Equal(HttpStatusCode.BadGateway, answer.StatusCode);
        Assert.Equal("upstream/tls-failed", await other.FaultAsync());
        Assert.Contains("is not trusted (", (await other.Gateway.LogAsync(1))[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_TLS_endpoint_that_does_not_agree_to_it_is_named()
    {
        var path = _certificates.Write("app.test");
        await using var server = await KestrelUpstream.StartAsync(context => context.Response.WriteAsync("ok"), HttpProtocols.Http1, path);
        await using var world = await Http2World.ConnectAsync(server.Url, $"protocol: http2, tls: {{ ca: \"{path}.pem\", server-name: app.test }}");
        using var answer = await world.Client.GetAsync("/", Stop);
        Assert.Equal(HttpStatusCode.BadGateway, answer.StatusCode);
        var line = (await world.Gateway.LogAsync(1))[0];
        Assert.True(line.Contains("no ALPN h2", StringComparison.Ordinal), line);
    }

    [Theory]
    [InlineData("http2", "http://127.0.0.1:1", "upstreams.app.protocol: http2 is spoken over TLS, and these endpoints are plain text; write h2c, or their addresses as https://host:port")]
    [InlineData("http2", "unix:/run/app.sock", "upstreams.app.protocol: http2 is spoken over TLS, and these endpoints are plain text; write h2c, or their addresses as https://host:port")]
    [InlineData("h2c", "https://127.0.0.1:1", "upstreams.app.protocol: h2c is plain text, and these endpoints speak TLS; write http2")]
    [InlineData("h2c", "tcp://127.0.0.1:1", "upstreams.app.protocol: what tcp and udp endpoints speak passes as it is; remove it")]
    public void What_cannot_be_meant_is_a_problem(string protocol, string endpoint, string expected)
    {
        var (_, problems) = TestGateway.Plan($"upstreams: {{ app: {{ endpoints: [ \"{endpoint}\" ], protocol: {protocol} }} }}");
        Assert.Contains(problems, problem => problem.ToString().EndsWith(expected, StringComparison.Ordinal));
    }

    [Fact]
    public void Parts_of_a_composed_answer_are_not_asked_for_over_it()
    {
        var (_, problems) = TestGateway.Plan("upstreams: { app: { endpoints: [ \"http://127.0.0.1:1\" ], protocol: h2c } }\nroutes: { all: { match: { path: /a }, compose: { parts: { one: { to: app, path: /x } } } } }");
        Assert.Contains(problems, problem => problem.ToString().Contains("routes.all.compose.parts.one.to: parts are asked for over HTTP/1.1", StringComparison.Ordinal));
    }

    public void Dispose() => _certificates.Dispose();

    private static async Task EchoAsync(HttpContext context)
    {
        await context.Response.Body.FlushAsync();
        var buffer = new byte[100];
        int count;
        while ((count = await context.Request.Body.ReadAsync(buffer)) > 0)
        {
            await context.Response.Body.WriteAsync(buffer.AsMemory(0, count));
            await context.Response.Body.FlushAsync();
        }
    }

    private sealed class Unseekable(byte[] bytes) : MemoryStream(bytes)
    {
        public override bool CanSeek => false;
    }

    private sealed class TemporaryDirectory : IDisposable
    {
        private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("lakou-h2-");

        public string Path => _folder.FullName;

        public void Dispose() => _folder.Delete(recursive: true);
    }
}

/// <summary>A body that the test writes while the answer comes.</summary>
internal sealed class Duplex : HttpContent
{
    private readonly TaskCompletionSource<Stream> _stream = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _end = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<Stream> Stream => _stream.Task;

    public void End() => _end.TrySetResult();

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
    {
        await stream.FlushAsync();
        _stream.SetResult(stream);
        await _end.Task;
    }

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }
}
