using Lakou.Http.Server;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Http.Tests.Server;

public sealed class UpgradeTests
{
    private const string Upgrade = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n";

    [Fact]
    public async Task After_101_every_byte_is_the_applications_and_each_half_ends_on_its_own()
    {
        await using var server = await TestServer.StartAsync(async context =>
        {
            context.Response.Headers.Connection = "Upgrade";
            context.Response.Headers.Upgrade = "raw";
            await using var stream = await context.Features.GetRequiredFeature<IHttpUpgradeFeature>().UpgradeAsync();
            var received = new MemoryStream();
            await stream.CopyToAsync(received);
            await stream.WriteAsync(received.ToArray());
            await ((IHalfClosable)stream).ShutdownSendAsync(CancellationToken.None);
        });
        using var client = await server.ConnectAsync();
        await client.SendAsync(Upgrade + "first ");
        var head = await client.ReadHeadAsync();
        Assert.StartsWith("HTTP/1.1 101 Switching Protocols\r\n", head, StringComparison.Ordinal);
        Assert.Contains("Connection: Upgrade\r\n", head, StringComparison.Ordinal);
        Assert.DoesNotContain("Content-Length", head, StringComparison.Ordinal);
        Assert.DoesNotContain("Transfer-Encoding", head, StringComparison.Ordinal);
        await client.SendAsync("second");
        client.ShutdownSend();
        Assert.Equal("first second", await client.ReadToEndAsync());
        await server.DrainedAsync();
        Assert.Null(Assert.Single(server.Ended));
    }

    [Fact]
    public async Task A_tunnel_may_be_silent_for_as_long_as_the_application_likes()
    {
        var time = new ManualTime();
        await using var server = await TestServer.StartAsync(
            async context =>
            {
                await using var stream = await context.Features.GetRequiredFeature<IHttpUpgradeFeature>().UpgradeAsync();
                var one = new byte[1];
                while (await stream.ReadAsync(one) > 0)
                {
                    await stream.WriteAsync(one);
                }
            },
            time: time);
        using var client = await server.ConnectAsync();
        await client.SendAsync(Upgrade);
        await client.ReadHeadAsync();
        for (var i = 0; i < 3; i++)
        {
            time.Advance(TimeSpan.FromHours(1));
            await client.SendAsync("x");
            Assert.Equal("x", await client.ReadAsync(1));
        }
    }

    [Fact]
    public async Task A_request_that_asks_for_nothing_cannot_be_upgraded()
    {
        await using var server = await TestServer.StartAsync(context =>
        {
            Assert.Null(context.Features.Get<IHttpUpgradeFeature>());
            return TestServer.EchoAsync(context);
        });
        using var client = await server.ConnectAsync();
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: raw\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 200 OK\r\n", await client.ReadHeadAsync(), StringComparison.Ordinal);
    }
}
