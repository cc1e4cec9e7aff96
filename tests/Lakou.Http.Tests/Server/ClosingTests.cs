namespace Lakou.Http.Tests.Server;

/// <summary>A listener that stops: what runs is finished, nothing new is begun.</summary>
public sealed class ClosingTests
{
    private const string Get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    [Fact]
    public async Task An_idle_connection_ends_at_once()
    {
        await using var server = await TestServer.StartAsync(TestServer.EchoAsync, time: new ManualTime());
        using var client = await server.ConnectAsync();
        await client.SendAsync(Get);
        await client.ReadResponseAsync();
        server.RequestClose();
        Assert.Equal("", await client.ReadToEndAsync());
    }

    [Fact]
    public async Task A_running_request_is_finished_and_says_that_the_connection_ends()
    {
        var arrived = new SemaphoreSlim(0);
        var go = new SemaphoreSlim(0);
        await using var server = await TestServer.StartAsync(async context =>
        {
            arrived.Release();
            await go.WaitAsync();
            await TestServer.EchoAsync(context);
        });
        using var client = await server.ConnectAsync();
        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
        await arrived.WaitAsync(TestContext.Current.CancellationToken);
        server.RequestClose();
        await client.SendAsync("llo");
        go.Release();
        var (head, body) = await client.ReadResponseAsync();
        Assert.Contains("Connection: close\r\n", head, StringComparison.Ordinal);
        Assert.Equal("POST / hello", body);
        Assert.Equal("", await client.ReadToEndAsync());
    }

    [Fact]
    public async Task A_connection_opened_just_before_still_gets_its_first_request_through()
    {
        var time = new ManualTime();
        await using var server = await TestServer.StartAsync(TestServer.EchoAsync, time: time);
        using var client = await server.ConnectAsync();
        using var silent = await server.ConnectAsync();
        server.RequestClose();
        await client.SendAsync("GET / HT");
        await client.SendAsync("TP/1.1\r\nHost: a\r\n\r\n");
        Assert.Contains("Connection: close\r\n", (await client.ReadResponseAsync()).Head, StringComparison.Ordinal);
        var end = silent.ReadToEndAsync();
        Assert.InRange(await time.PassUntilAsync(end), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(25));
        Assert.Equal("", await end);
    }
}
