namespace Lakou.Http.Tests.Server;

/// <summary>Heads that no two recipients must read differently: each is answered, and is the last thing that the connection does.</summary>
public sealed class RefusalTests
{
    public static TheoryData<string, int> Refused => new()
    {
        { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501 },
        { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 501 },
        { "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n 2\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\rX-B: 2\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nHost: a\nX-A: 1\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nHost: a\r\nX-A : 1\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\0\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nHost: a\r\nX(A: 1\r\n\r\n", 400 },
        { "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400 },
        { "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400 },
        { "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505 },
        { "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505 },
        { "GET /" + new string('a', 9000) + " HTTP/1.1\r\nHost: a\r\n\r\n", 414 },
        { "GET / HTTP/1.1\r\nHost: a\r\nX-A: " + new string('a', 33 * 1024) + "\r\n\r\n", 431 },
        { "GET / HTTP/1.1\r\nHost: a\r\n" + string.Concat(Enumerable.Repeat("X: 1\r\n", 100)) + "\r\n", 431 },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public async Task A_refused_head_is_answered_with_a_problem_and_the_connection_ends(string head, int status)
    {
        var requests = 0;
        await using var server = await TestServer.StartAsync(context =>
        {
            Interlocked.Increment(ref requests);
            return Task.CompletedTask;
        });
        using var client = await server.ConnectAsync();
        await client.SendAsync(head + "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");

        var answer = await client.ReadToEndAsync();
        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
        Assert.Contains("Content-Type: application/problem+json\r\n", answer, StringComparison.Ordinal);
        Assert.Equal(1, answer.Split("Connection: close\r\n").Length - 1);
        Assert.Equal(status, Assert.Single(server.Refused).Code.Status);
        Assert.Equal(0, requests);
    }

    [Fact]
    public async Task A_refused_head_behind_a_good_one_leaves_the_good_answer_whole()
    {
        await using var server = await TestServer.StartAsync(TestServer.EchoAsync);
        using var client = await server.ConnectAsync();
        await client.SendAsync("GET /good HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nX-A : 1\r\n\r\n");

        var (head, body) = await client.ReadResponseAsync();
        Assert.StartsWith("HTTP/1.1 200 OK\r\n", head, StringComparison.Ordinal);
        Assert.Equal("GET /good ", body);
        Assert.StartsWith("HTTP/1.1 400 ", await client.ReadToEndAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task People_read_a_refusal_as_text_and_HEAD_reads_only_its_head()
    {
        await using var server = await TestServer.StartAsync(TestServer.EchoAsync);
        using var person = await server.ConnectAsync();
        await person.SendAsync("GET / HTTP/1.1\r\nAccept: text/html\r\nHost: a b\r\n\r\n");
        Assert.Contains("Content-Type: text/plain; charset=utf-8\r\n", await person.ReadToEndAsync(), StringComparison.Ordinal);

        using var head = await server.ConnectAsync();
        await head.SendAsync("HEAD / HTTP/1.1\r\nHost: a b\r\n\r\n");
        Assert.EndsWith("\r\n\r\n", await head.ReadToEndAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_answer_to_a_refused_upload_survives_what_the_client_still_sends()
    {
        await using var server = await TestServer.StartAsync(TestServer.EchoAsync);
        using var client = await server.ConnectAsync();
        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\n");
        for (var i = 0; i < 64; i++)
        {
            await client.SendAsync(new string('x', 16 * 1024));
        }

        client.ShutdownSend();
        Assert.StartsWith("HTTP/1.1 400 ", await client.ReadToEndAsync(), StringComparison.Ordinal);
    }
}
