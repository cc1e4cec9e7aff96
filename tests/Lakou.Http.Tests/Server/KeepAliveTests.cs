namespace Lakou.Http.Tests.Server;

public sealed class KeepAliveTests
{
    [Fact]
    public async Task Pipelined_requests_are_answered_in_order()
    {
        await using var server = await TestServer.StartAsync(TestServer.EchoAsync);
        using var client = await server.ConnectAsync();
        await client.SendAsync(string.Concat(Enumerable.Range(0, 50).Select(i => $"POST /{i} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{i:00}")));
        for (var i = 0; i < 50; i++)
        {
            Assert.Equal($"POST /{i} {i:00}", (await client.ReadResponseAsync()).Body);
        }
    }

    [Theory]
    [InlineData("HTTP/1.1", "", true)]
    [InlineData("HTTP/1.1", "Connection: close\r\n", false)]
    [InlineData("HTTP/1.1", "Connection: x, CLOSE\r\n", false)]
    [InlineData("HTTP/1.0", "", false)]
    [InlineData("HTTP/1.0", "Connection: keep-alive\r\n", true)]
    public async Task The_connection_goes_on_as_version_and_Connection_say(string version, string field, bool goesOn)
    {
        await using var server = await TestServer.StartAsync(TestServer.EchoAsync);
        using var client = await server.ConnectAsync();
        await client.SendAsync($"GET / {version}\r\nHost: a\r\n{field}\r\n");
        var (head, _) = await client.ReadResponseAsync();
        Assert.Equal(!goesOn, head.Contains("Connection: close\r\n", StringComparison.Ordinal));
        Assert.Equal(goesOn && version == "HTTP/1.0", head.Contains("Connection: keep-alive\r\n", StringComparison.Ordinal));
        if (goesOn)
        {
            await client.SendAsync("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
            Assert.Equal("GET /2 ", (await client.ReadResponseAsync()).Body);
        }
        else
        {
            Assert.Equal("", await client.ReadToEndAsync());
        }
    }

    [Fact]
    public async Task The_application_ends_the_connection_by_the_field()
    {
        await using var server = await TestServer.StartAsync(context =>
        {
            context.Response.Headers.Connection = "close";
            return Task.CompletedTask;
        });
        using var client = await server.ConnectAsync();
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
        var all = await client.ReadToEndAsync();
        Assert.Equal(1, all.Split("Connection: close\r\n").Length - 1);
        Assert.Equal(1, all.Split("HTTP/1.1 200").Length - 1);
    }

    [Fact]
    public async Task Nothing_set_on_one_request_is_seen_by_the_next()
    {
        await using var server = await TestServer.StartAsync(async context =>
        {
            var seen = $"{context.Request.Scheme} {context.Request.PathBase}{context.Request.Path} {context.Items.Count} {context.Response.StatusCode} {context.Features.Get<string>()}";
            context.Request.Scheme = "gopher";
            context.Request.PathBase = "/base";
            context.Items["x"] = 1;
            context.Features.Set("set");
            context.Response.StatusCode = 201;
            context.Response.Headers["X-A"] = "1";
            context.Response.ContentLength = seen.Length;
            await context.Response.Body.WriteAsync(System.Text.Encoding.ASCII.GetBytes(seen));
        });
        using var client = await server.ConnectAsync();
        await client.SendAsync("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.Equal("http /1 0 200 ", (await client.ReadResponseAsync()).Body);
        Assert.Equal("http /2 0 200 ", (await client.ReadResponseAsync()).Body);
    }
}
