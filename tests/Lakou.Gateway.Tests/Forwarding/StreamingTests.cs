using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Forwarding;

/// <summary>Bodies flow as they come, at the pace of the slower side, and stop with the first who leaves.</summary>
public sealed class StreamingTests
{
    private const string Get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    // What kernel and gateway buffers of a connection may hold together; far below what a test sends.
    private const long Buffers = 32 << 20;

    [Theory]
    [InlineData("Transfer-Encoding: chunked\r\n", true)]
    [InlineData("", false)]
    public async Task Each_event_arrives_before_the_next_is_written(string framing, bool chunked)
    {
        await using var passage = await Passage.OpenAsync();
        var (client, endpoint, _) = await passage.SendAsync(Get);
        await endpoint.SendAsync($"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{framing}\r\n");
        Assert.Contains("text/event-stream", await client.ReadHeadAsync(), StringComparison.Ordinal);
        for (var i = 0; i < 20; i++)
        {
            var line = $"data: {i:00}\n\n";
            await endpoint.SendAsync(chunked ? $"{line.Length:x}\r\n{line}\r\n" : line);
            Assert.Contains(line, await client.ReadToAsync(line), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Each_part_of_an_upload_arrives_before_the_next_is_sent()
    {
        await using var passage = await Passage.OpenAsync();
        var (client, endpoint, _) = await passage.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (var i = 0; i < 20; i++)
        {
            await client.SendAsync($"4\r\nab{i:00}\r\n");
            await endpoint.ReadToAsync($"ab{i:00}\r\n");
        }
    }

    [Fact]
    public async Task Answer_and_upload_may_flow_at_the_same_time()
    {
        await using var passage = await Passage.OpenAsync();
        var (client, endpoint, _) = await passage.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        await endpoint.SendAsync("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        await client.ReadHeadAsync();
        for (var i = 0; i < 20; i++)
        {
            await client.SendAsync($"4\r\nup{i:00}\r\n");
            await endpoint.ReadToAsync($"up{i:00}\r\n");
            await endpoint.SendAsync($"4\r\ndn{i:00}\r\n");
            await client.ReadToAsync($"dn{i:00}\r\n");
        }

        await client.SendAsync("0\r\n\r\n");
        await endpoint.ReadToAsync("0\r\n\r\n");
        await endpoint.SendAsync("0\r\n\r\n");
        await client.ReadToAsync("0\r\n\r\n");
        await client.SendAsync("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
        Assert.StartsWith("GET /next ", await endpoint.ReadHeadAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Content-Length: 200000000\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\nbebc200\r\n")]
    [InlineData("\r\n")]
    public async Task A_client_that_does_not_read_stops_the_endpoint(string rest)
    {
        await using var passage = await Passage.OpenAsync();
        var (client, endpoint, _) = await passage.SendAsync(Get);
        await endpoint.SendAsync("HTTP/1.1 200 OK\r\n" + rest);
        await client.ReadHeadAsync();
        Assert.InRange(await endpoint.FloodAsync(200_000_000), 1, Buffers);
    }

    [Theory]
    [InlineData("Content-Length: 90000000\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n55d4a80\r\n")]
    public async Task An_endpoint_that_does_not_read_stops_the_client(string rest)
    {
        await using var passage = await Passage.OpenAsync();
        var (client, _, _) = await passage.SendAsync("POST / HTTP/1.1\r\nHost: a\r\n" + rest);
        Assert.InRange(await client.FloodAsync(90_000_000), 1, Buffers);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_client_that_leaves_while_the_endpoint_thinks_ends_the_work(bool reset)
    {
        await using var passage = await Passage.OpenAsync();
        var (client, endpoint, _) = await passage.SendAsync(Get);
        Leave(client, reset);
        Assert.True(await endpoint.ClosesAsync());
        Assert.Equal("client/gone", await passage.FaultAsync());
        Assert.Contains("\"status\":499", (await passage.Gateway.LogAsync(1))[0], StringComparison.Ordinal);
        await passage.AssertNotReusedAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_client_that_leaves_in_the_middle_of_an_answer_ends_the_work(bool reset)
    {
        await using var passage = await Passage.OpenAsync();
        var (client, endpoint, _) = await passage.SendAsync(Get);
        await endpoint.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nsome");
        await client.ReadHeadAsync();
        Leave(client, reset);
        Assert.True(await endpoint.ClosesAsync());
        Assert.Equal("client/gone", await passage.FaultAsync());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_client_that_leaves_while_it_does_not_read_ends_the_work(bool reset)
    {
        await using var passage = await Passage.OpenAsync();
        var (client, endpoint, _) = await passage.SendAsync(Get);
        await endpoint.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n");
        await endpoint.FloodAsync(200_000_000);
        if (reset)
        {
            client.Reset();
        }
        else
        {
            client.Dispose(); // with unread bytes, which the kernel makes a reset
        }

        Assert.True(await endpoint.ClosesAsync());
        Assert.Equal("client/gone", await passage.FaultAsync());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_client_that_leaves_in_the_middle_of_an_upload_ends_the_work(bool reset)
    {
        await using var passage = await Passage.OpenAsync();
        var (client, endpoint, _) = await passage.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nsome");
        await endpoint.ReadAsync(4);
        Leave(client, reset);
        Assert.True(await endpoint.ClosesAsync());
        Assert.True(await passage.FaultAsync() is "client/gone" or "http/body-truncated");
    }

    private static void Leave(RawPeer client, bool reset)
    {
        if (reset)
        {
            client.Reset();
        }
        else
        {
            client.Dispose();
        }
    }
}
