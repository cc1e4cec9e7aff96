using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Http.Tests.Server;

/// <summary>A client that leaves is told to the request that runs, and to no other.</summary>
public sealed class LeavingTests
{
    private const string Get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_request_is_aborted_when_its_client_leaves(bool byReset)
    {
        var arrived = new SemaphoreSlim(0);
        var aborted = new TaskCompletionSource();
        await using var server = await TestServer.StartAsync(async context =>
        {
            arrived.Release();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted).ContinueWith(_ => aborted.SetResult(), TaskScheduler.Default);
        });
        using var client = await server.ConnectAsync();
        await client.SendAsync(Get);
        await arrived.WaitAsync(TestContext.Current.CancellationToken);
        if (byReset)
        {
            client.Reset();
        }
        else
        {
            client.ShutdownSend();
        }

        await aborted.Task.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        await server.DrainedAsync();
    }

    [Fact]
    public async Task Asking_after_the_client_has_left_gets_a_cancelled_token()
    {
        var arrived = new SemaphoreSlim(0);
        var seen = new TaskCompletionSource();
        await using var server = await TestServer.StartAsync(async context =>
        {
            arrived.Release();
            var left = new TaskCompletionSource();
            context.Features.GetRequiredFeature<IConnectionLifetimeFeature>().ConnectionClosed.Register(left.SetResult);
            await left.Task;
            context.RequestAborted.Register(seen.SetResult);
            await seen.Task;
        });
        using var client = await server.ConnectAsync();
        await client.SendAsync(Get);
        await arrived.WaitAsync(TestContext.Current.CancellationToken);
        client.Reset();
        await seen.Task.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_finished_request_is_never_aborted_and_a_failing_callback_ends_nothing()
    {
        var late = 0;
        await using var server = await TestServer.StartAsync(context =>
        {
            // Left behind by a careless application.
            context.RequestAborted.Register(() =>
            {
                Interlocked.Increment(ref late);
                throw new InvalidOperationException("A callback that fails.");
            });
            return TestServer.EchoAsync(context);
        });
        for (var i = 0; i < 200; i++)
        {
            using var client = await server.ConnectAsync();
            await client.SendAsync(Get + Get + Get);
            await client.ReadResponseAsync();
            await client.ReadResponseAsync();
            await client.ReadResponseAsync();
            if (i % 2 == 0)
            {
                client.Reset();
            }
        }

        await server.DrainedAsync();
        Assert.Equal(600, server.Ended.Count);

        // The last request may still have been finishing when its client had its answer and left.
        Assert.InRange(late, 0, 200);
    }

    [Fact]
    public async Task Each_request_has_a_token_of_its_own_time()
    {
        var tokens = new List<CancellationToken>();
        await using var server = await TestServer.StartAsync(context =>
        {
            tokens.Add(context.RequestAborted);
            if (context.Request.Path == "/override")
            {
                context.RequestAborted = new CancellationToken(canceled: true);
            }

            return TestServer.EchoAsync(context);
        });
        using var client = await server.ConnectAsync();
        await client.SendAsync("GET /override HTTP/1.1\r\nHost: a\r\n\r\n" + Get);
        await client.ReadResponseAsync();
        await client.ReadResponseAsync();
        Assert.All(tokens, token => Assert.False(token.IsCancellationRequested));
    }
}
