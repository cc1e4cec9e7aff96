using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Forwarding;

public sealed class ForwardingTests
{
    [Fact]
    public async Task A_request_and_its_answer_pass_through()
    {
        using var upstream = new RawUpstream();
        await using var gateway = await TestGateway.ForwardAsync(upstream.Url);
        using var client = await RawPeer.ConnectAsync(gateway.Address);
        await client.SendAsync("GET /a?b=c HTTP/1.1\r\nHost: example.org\r\nX-One: 1\r\n\r\n");

        using var endpoint = await upstream.AcceptAsync();
        var head = await endpoint.ReadHeadAsync();
        Assert.StartsWith("GET /a?b=c HTTP/1.1\r\nHost: example.org\r\nX-One: 1\r\n", head, StringComparison.Ordinal);
        await endpoint.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Two: 2\r\n\r\nhello");

        var answer = await client.ReadHeadAsync();
        Assert.StartsWith("HTTP/1.1 200 OK\r\n", answer, StringComparison.Ordinal);
        Assert.Contains("X-Two: 2\r\n", answer, StringComparison.Ordinal);
        Assert.Contains("Content-Length: 5\r\n", answer, StringComparison.Ordinal);
        Assert.Equal("hello", await client.ReadAsync(5));
    }

    [Fact]
    public async Task A_connection_serves_one_request_after_another_on_both_sides()
    {
        using var upstream = new RawUpstream().Answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        await using var gateway = await TestGateway.ForwardAsync(upstream.Url);
        using var client = await RawPeer.ConnectAsync(gateway.Address);
        for (var i = 0; i < 10; i++)
        {
            await client.SendAsync($"GET /{i} HTTP/1.1\r\nHost: a\r\n\r\n");
            await client.ReadHeadAsync();
            Assert.Equal("ok", await client.ReadAsync(2));
        }

        Assert.Equal(1, upstream.Accepted);
    }
}
