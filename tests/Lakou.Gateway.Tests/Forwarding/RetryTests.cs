using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Forwarding;

/// <summary>RFC 9112 §9.3.1: once more, on a fresh connection, when a pooled one died before any byte of an answer.</summary>
public sealed class RetryTests
{
    [Theory]
    [InlineData("GET", "")]
    [InlineData("HEAD", "")]
    [InlineData("OPTIONS", "")]
    [InlineData("GET", "Content-Length: 0\r\n")]
    public async Task A_safe_request_without_a_body_is_sent_again(string method, string fields)
    {
        await using var passage = await Passage.OpenAsync();
        var (client, pooled) = await PooledAsync(passage);
        await client.SendAsync($"{method} /once HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        await pooled.ReadHeadAsync();
        pooled.Dispose();
        var fresh = await passage.EndpointAsync();
        Assert.StartsWith($"{method} /once ", await fresh.ReadHeadAsync(), StringComparison.Ordinal);
        await fresh.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 200 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        Assert.Equal(["-", "-"], await passage.FaultsAsync(2));
    }

    [Fact]
    public async Task It_is_sent_again_once_only()
    {
        await using var passage = await Passage.OpenAsync();
        var (client, pooled) = await PooledAsync(passage);
        await client.SendAsync("GET /once HTTP/1.1\r\nHost: a\r\n\r\n");
        await pooled.ReadHeadAsync();
        pooled.Dispose();
        var fresh = await passage.EndpointAsync();
        await fresh.ReadHeadAsync();
        fresh.Dispose();
        Assert.StartsWith("HTTP/1.1 502 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        Assert.Equal(2, passage.Upstream.Accepted);
        Assert.Equal("upstream/closed", (await passage.FaultsAsync(2))[1]);
    }

    [Theory]
    [InlineData("POST", "")]
    [InlineData("DELETE", "")]
    [InlineData("PUT", "Content-Length: 2\r\n")]
    [InlineData("GET", "Content-Length: 2\r\n")]
    public async Task A_request_that_may_change_something_or_has_a_body_is_never_sent_again(string method, string fields)
    {
        await using var passage = await Passage.OpenAsync();
        var (client, pooled) = await PooledAsync(passage);
        await client.SendAsync($"{method} / HTTP/1.1\r\nHost: a\r\n{fields}\r\n{(fields.Length > 0 ? "ab" : "")}");
        await pooled.ReadHeadAsync();
        pooled.Dispose();
        Assert.StartsWith("HTTP/1.1 502 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        Assert.Equal(1, passage.Upstream.Accepted);
    }

    [Fact]
    public async Task A_byte_of_an_answer_forbids_another_try()
    {
        await using var passage = await Passage.OpenAsync();
        var (client, pooled) = await PooledAsync(passage);
        await client.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        await pooled.ReadHeadAsync();
        await pooled.SendAsync("H");
        pooled.ShutdownSend();
        Assert.StartsWith("HTTP/1.1 502 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        Assert.Equal(1, passage.Upstream.Accepted);
    }

    [Fact]
    public async Task A_fresh_connection_that_dies_is_no_reason_for_another_try()
    {
        await using var passage = await Passage.OpenAsync();
        var (client, endpoint, _) = await passage.SendAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        endpoint.Reset();
        Assert.StartsWith("HTTP/1.1 502 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
        Assert.Equal(1, passage.Upstream.Accepted);
    }

    [Fact]
    public async Task A_pooled_connection_that_was_closed_is_not_used_even_for_POST()
    {
        await using var passage = await Passage.OpenAsync();
        var (client, pooled) = await PooledAsync(passage);
        pooled.Dispose();
        await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok");
        var fresh = await passage.EndpointAsync();
        Assert.StartsWith("POST / ", await fresh.ReadHeadAsync(), StringComparison.Ordinal);
        await fresh.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 200 ", await client.ReadHeadAsync(), StringComparison.Ordinal);
    }

    private static async Task<(RawPeer Client, RawPeer Pooled)> PooledAsync(Passage passage)
    {
        var (client, endpoint, _) = await passage.SendAsync("GET /first HTTP/1.1\r\nHost: a\r\n\r\n");
        await endpoint.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        await client.ReadHeadAsync();
        await client.ReadAsync(2);
        await passage.FaultsAsync(1);
        return (client, endpoint);
    }
}
