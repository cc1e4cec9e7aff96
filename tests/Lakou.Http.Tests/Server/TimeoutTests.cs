using Lakou.Http.Server;

namespace Lakou.Http.Tests.Server;

/// <summary>Every wait for a client is bounded; the clock is the test's.</summary>
public sealed class TimeoutTests
{
    private const string Get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    [Fact]
    public async Task A_silent_connection_is_closed_without_a_byte_after_the_time_of_a_head()
    {
        var time = new ManualTime();
        await using var server = await TestServer.StartAsync(TestServer.EchoAsync, time: time);
        using var client = await server.ConnectAsync();
        var end = client.ReadToEndAsync();
        Assert.InRange(await time.PassUntilAsync(end), TimeSpan.FromSeconds(30), TimeSpan.MaxValue);
        Assert.Equal("", await end);
    }

    [Fact]
    public async Task Half_a_head_is_answered_408_after_its_time()
    {
        var time = new ManualTime();
        await using var server = await TestServer.StartAsync(TestServer.EchoAsync, time: time);
        using var client = await server.ConnectAsync();
        await client.SendAsync("GET / HTTP/1.1\r\nHost:");
        var end = client.ReadHeadAsync();
        Assert.InRange(await time.PassUntilAsync(end), TimeSpan.FromSeconds(30), TimeSpan.MaxValue);
        Assert.StartsWith("HTTP/1.1 408 ", await end, StringComparison.Ordinal);
        await client.ReadToEndAsync(); // the end comes after the application has heard of it
        Assert.Equal(ServerFaults.HeadTimeout, Assert.Single(server.Refused).Code);
    }

    [Fact]
    public async Task A_pause_between_requests_may_take_a_minute()
    {
        var time = new ManualTime();
        await using var server = await TestServer.StartAsync(TestServer.EchoAsync, time: time);
        using var client = await server.ConnectAsync();
        for (var i = 0; i < 5; i++)
        {
            await client.SendAsync(Get);
            await client.ReadResponseAsync();
            time.Advance(TimeSpan.FromSeconds(59));
        }

        await client.SendAsync(Get);
        await client.ReadResponseAsync();
        var end = client.ReadToEndAsync();
        Assert.InRange(await time.PassUntilAsync(end), TimeSpan.FromSeconds(59), TimeSpan.MaxValue); // less what passed before the idle time began
        Assert.Equal("", await end);
    }

    [Fact]
    public async Task A_request_that_takes_long_is_nobodys_deadline()
    {
        var time = new ManualTime();
        var arrived = new SemaphoreSlim(0);
        var go = new SemaphoreSlim(0);
        await using var server = await TestServer.StartAsync(
            async context =>
            {
                arrived.Release();
                await go.WaitAsync(context.RequestAborted);
                await TestServer.EchoAsync(context);
            },
            time: time);
        using var client = await server.ConnectAsync();
        for (var i = 0; i < 5; i++)
        {
            await client.SendAsync($"GET /{i} HTTP/1.1\r\nHost: a\r\n\r\n");
            await arrived.WaitAsync(TestContext.Current.CancellationToken);
            for (var minute = 0; minute < 60; minute++)
            {
                time.Advance(TimeSpan.FromMinutes(1));
            }

            go.Release();
            Assert.Equal($"GET /{i} ", (await client.ReadResponseAsync()).Body);
        }
    }

    [Fact]
    public async Task A_body_below_the_rate_is_answered_408_and_the_answer_arrives()
    {
        var time = new ManualTime();
        await using var server = await TestServer.StartAsync(
            async context =>
            {
                var failure = await Assert.ThrowsAsync<RequestBodyException>(() => context.Request.Body.CopyToAsync(Stream.Null, TestContext.Current.CancellationToken));
                context.Response.StatusCode = failure.Fault.Code.Status;
            },
            time: time);
        using var client = await server.ConnectAsync();
        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nfew");
        var answer = client.ReadHeadAsync();
        Assert.InRange(await time.PassUntilAsync(answer), TimeSpan.FromSeconds(5), TimeSpan.MaxValue);
        Assert.StartsWith("HTTP/1.1 408 ", await answer, StringComparison.Ordinal);
        client.ShutdownSend();
        Assert.Equal("", await client.ReadToEndAsync());
    }

    [Fact]
    public async Task Time_in_which_the_application_does_not_read_is_not_the_clients()
    {
        var time = new ManualTime();
        var arrived = new SemaphoreSlim(0);
        var go = new SemaphoreSlim(0);
        await using var server = await TestServer.StartAsync(
            async context =>
            {
                await context.Request.Body.ReadExactlyAsync(new byte[1]);
                arrived.Release();
                await go.WaitAsync();
                await TestServer.EchoAsync(context);
            },
            time: time);
        using var client = await server.ConnectAsync();
        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nh");
        await arrived.WaitAsync(TestContext.Current.CancellationToken);
        time.Advance(TimeSpan.FromHours(1));
        await client.SendAsync("ello!");
        go.Release();
        Assert.Equal("POST / ello!", (await client.ReadResponseAsync()).Body);
    }

    [Fact]
    public async Task A_client_that_does_not_read_its_answer_loses_the_connection()
    {
        var time = new ManualTime();
        await using var server = await TestServer.StartAsync(
            async context =>
            {
                var block = new byte[1 << 20];
                while (!context.RequestAborted.IsCancellationRequested)
                {
                    await context.Response.Body.WriteAsync(block);
                }
            },
            time: time);
        using var client = await server.ConnectAsync();
        await client.SendAsync(Get);
        await client.ReadHeadAsync();
        await time.PassUntilAsync(server.DrainedAsync());
        Assert.True(await client.IsResetAsync());
    }

    [Fact]
    public async Task A_client_that_never_stops_sending_after_the_answer_is_cut_off()
    {
        var time = new ManualTime();
        await using var server = await TestServer.StartAsync(_ => Task.CompletedTask, time: time);
        using var client = await server.ConnectAsync();
        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n");
        Assert.Contains("Connection: close\r\n", await client.ReadHeadAsync(), StringComparison.Ordinal);
        Assert.Equal("", await client.ReadToEndAsync());
        Assert.InRange(await time.PassUntilAsync(server.DrainedAsync()), TimeSpan.FromSeconds(4), TimeSpan.MaxValue); // 5 s less what passed while the answer travelled
    }
}
