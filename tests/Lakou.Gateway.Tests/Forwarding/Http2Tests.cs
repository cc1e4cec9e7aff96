using System.Net;
using System.Security.Cryptography;
using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Forwarding;

/// <summary>HTTP/2 clients (prior knowledge) in front of HTTP/1.1 endpoints.</summary>
public sealed class Http2Tests
{
    private static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_request_passes_with_its_fields_and_our_account()
    {
        await using var passage = await Passage.OpenAsync();
        using var http = Client();
        using var request = Request(HttpMethod.Get, passage);
        request.Headers.Add("X-One", ["1", "2"]);
        request.Headers.Add("Cookie", ["a=1", "b=2"]);
        request.Headers.TryAddWithoutValidation("under_score", "1");
        request.Headers.TryAddWithoutValidation("x-forwarded-prefix", "/evil");
        request.Headers.TryAddWithoutValidation(new string('n', 300), "long name");
        request.Headers.Host = "example.org";
        var answer = http.SendAsync(request, Stop);
        var endpoint = await passage.EndpointAsync();
        var head = await endpoint.ReadHeadAsync();
        Assert.StartsWith("GET /x?y HTTP/1.1\r\nHost: example.org\r\n", head, StringComparison.Ordinal);
        Assert.Matches("\r\ncookie: a=1; b=2\r\n".Replace("c", "[cC]", StringComparison.Ordinal), head);
        Assert.DoesNotContain("under_score", head, StringComparison.Ordinal);
        Assert.DoesNotContain("evil", head, StringComparison.Ordinal);
        Assert.Contains($"\r\n{new string('n', 300)}: long name\r\n", head, StringComparison.Ordinal);
        Assert.Contains("\r\nVia: 2 lakou\r\n", head, StringComparison.Ordinal);
        Assert.Contains("\r\nX-Forwarded-For: 127.0.0.1\r\n", head, StringComparison.Ordinal);
        Assert.DoesNotContain("Content-Length", head, StringComparison.Ordinal);
        Assert.DoesNotContain("Transfer-Encoding", head, StringComparison.Ordinal);
        await endpoint.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: x\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\nok");
        using var response = await answer;
        Assert.Equal(HttpVersion.Version20, response.Version);
        Assert.Equal("ok", await response.Content.ReadAsStringAsync(Stop));
        Assert.Equal(["a=1", "b=2"], response.Headers.GetValues("Set-Cookie"));
        Assert.False(response.Headers.Contains("X-Hop"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_body_passes_with_or_without_a_length(bool length)
    {
        await using var passage = await Passage.OpenAsync();
        using var http = Client();
        using var request = Request(HttpMethod.Post, passage);
        request.Content = new ByteArrayContent("hello"u8.ToArray());
        request.Content.Headers.ContentLength = length ? 5 : null;
        if (!length)
        {
            request.Content = new StreamContent(new Unseekable("hello"u8.ToArray()));
        }

        var answer = http.SendAsync(request, Stop);
        var endpoint = await passage.EndpointAsync();
        var head = await endpoint.ReadHeadAsync();
        Assert.Equal(length, head.Contains("\r\nContent-Length: 5\r\n", StringComparison.Ordinal));
        Assert.Equal("hello", length ? await endpoint.ReadAsync(5) : (await endpoint.ReadChunkedAsync()).Body);
        await endpoint.SendAsync("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
        using var response = await answer;
        Assert.Equal(HttpStatusCode.Created, response.StatusCode);
    }

    [Fact]
    public async Task Trailers_of_the_answer_pass()
    {
        await using var passage = await Passage.OpenAsync();
        using var http = Client();
        using var request = Request(HttpMethod.Get, passage);
        var answer = http.SendAsync(request, Stop);
        var endpoint = await passage.EndpointAsync();
        await endpoint.ReadHeadAsync();
        await endpoint.SendAsync("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n");
        using var response = await answer;
        Assert.Equal("ok", await response.Content.ReadAsStringAsync(Stop));
        Assert.Equal("7", response.TrailingHeaders.GetValues("X-Sum").Single());
        Assert.False(response.Headers.Contains("Link"));
    }

    [Theory]
    [InlineData("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", 204)]
    [InlineData("HTTP/1.1 304 Not Modified\r\nContent-Length: 70\r\n\r\n", 304)]
    [InlineData("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404)]
    public async Task Answers_without_a_body_pass(string bytes, int status)
    {
        await using var passage = await Passage.OpenAsync();
        using var http = Client();
        using var request = Request(HttpMethod.Get, passage);
        var answer = http.SendAsync(request, Stop);
        var endpoint = await passage.EndpointAsync();
        await endpoint.ReadHeadAsync();
        await endpoint.SendAsync(bytes);
        using var response = await answer;
        Assert.Equal(status, (int)response.StatusCode);
        Assert.Empty(await response.Content.ReadAsByteArrayAsync(Stop));
    }

    [Fact]
    public async Task An_answer_to_HEAD_passes()
    {
        await using var passage = await Passage.OpenAsync();
        using var http = Client();
        using var request = Request(HttpMethod.Head, passage);
        var answer = http.SendAsync(request, Stop);
        var endpoint = await passage.EndpointAsync();
        await endpoint.ReadHeadAsync();
        await endpoint.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 70\r\n\r\n");
        using var response = await answer;
        Assert.Equal(70, response.Content.Headers.ContentLength);
    }

    [Fact]
    public async Task A_truncated_body_resets_the_stream()
    {
        await using var passage = await Passage.OpenAsync();
        using var http = Client();
        using var request = Request(HttpMethod.Get, passage);
        var answer = http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Stop);
        var endpoint = await passage.EndpointAsync();
        await endpoint.ReadHeadAsync();
        await endpoint.SendAsync("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
        using var response = await answer;
        endpoint.ShutdownSend();
        await Assert.ThrowsAnyAsync<Exception>(() => response.Content.ReadAsByteArrayAsync(Stop));
        Assert.Equal("upstream/truncated", await passage.FaultAsync());
    }

    [Fact]
    public async Task A_client_that_cancels_its_stream_ends_the_work()
    {
        await using var passage = await Passage.OpenAsync();
        using var http = Client();
        using var request = Request(HttpMethod.Get, passage);
        using var cancel = new CancellationTokenSource();
        var answer = http.SendAsync(request, cancel.Token);
        var endpoint = await passage.EndpointAsync();
        await endpoint.ReadHeadAsync();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => answer);
        Assert.True(await endpoint.ClosesAsync());
        Assert.Equal("client/gone", await passage.FaultAsync());
    }

    [Fact]
    public async Task Many_streams_of_one_connection_go_to_the_endpoint_side_by_side()
    {
        await using var server = await KestrelUpstream.StartAsync(async context =>
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            var buffer = new byte[8192];
            int count;
            while ((count = await context.Request.Body.ReadAsync(buffer)) > 0)
            {
                hash.AppendData(buffer, 0, count);
            }

            await context.Response.Body.WriteAsync(hash.GetHashAndReset());
        });
        await using var gateway = await TestGateway.ForwardAsync(server.Url);
        using var http = Client();
        await Task.WhenAll(Enumerable.Range(0, 60).Select(async i =>
        {
            var body = new byte[i * 1000];
            new Random(i).NextBytes(body);
            using var request = new HttpRequestMessage(HttpMethod.Post, gateway.Uri) { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact, Content = new ByteArrayContent(body) };
            using var response = await http.SendAsync(request, Stop);
            Assert.Equal(SHA256.HashData(body), await response.Content.ReadAsByteArrayAsync(Stop));
        }));
    }

    private static HttpClient Client() => new(new SocketsHttpHandler { UseCookies = false, ActivityHeadersPropagator = null });

    private static HttpRequestMessage Request(HttpMethod method, Passage passage)
        => new(method, new Uri(passage.Gateway.Uri, "/x?y")) { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact };

    private sealed class Unseekable(byte[] bytes) : MemoryStream(bytes)
    {
        public override bool CanSeek => false;
    }
}
