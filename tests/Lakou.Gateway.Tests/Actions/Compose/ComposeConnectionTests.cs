using Lakou.Gateway.Tests.Harness;
using static Lakou.Gateway.Tests.Actions.Compose.ComposeWorld;

namespace Lakou.Gateway.Tests.Actions.Compose;

/// <summary>Connections are kept when a part ended exactly, and memory is bounded whatever endpoints send.</summary>
public sealed class ComposeConnectionTests
{
    private const string Two = "parts: { order: { to: a, path: /1 }, stock: { to: b, path: /2, optional: true } }";

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2", 1)]
    [InlineData("HTTP/1.1 204 No Content\r\n\r\n", 1)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{", 1)]
    [InlineData("HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nnever", 1)]
    [InlineData("HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", 1)]
    [InlineData("HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\nnever", 3)]
    [InlineData("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n2", 3)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n22", 3)]
    [InlineData("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n2", 3)]
    public async Task A_connection_is_used_again_if_the_part_was_read_to_its_exact_end(string stock, int connections)
    {
        await using var world = await OpenAsync(Two);
        world.A.Answer(Ok("1"));
        world.B.Answer(stock);
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(200, (await world.GetAsync()).Status);
        }

        Assert.Equal((1, connections), (world.A.Accepted, world.B.Accepted));
    }

    [Fact]
    public async Task An_idle_connection_that_closes_as_it_is_taken_is_replaced_once()
    {
        await using var world = await OpenAsync(Two);
        world.B.Answer(Ok("2"));
        var client = await world.AskAsync();
        var (order, _) = await world.AskedAsync(world.A);
        await order.SendAsync(Ok("1"));
        await ReadAsync(client);

        // Its end comes behind the next request, not before.
        client = await world.AskAsync();
        await order.ReadHeadAsync();
        order.ShutdownSend();
        (order, _) = await world.AskedAsync(world.A);
        Assert.Equal(0, world.Gateway.State.Upstreams["a"].Endpoints[0].Health.FailuresInRow);
        await order.SendAsync(Ok("3"));
        Assert.Equal("""{"order":3,"stock":2}""", (await ReadAsync(client)).Body);
        Assert.Contains("\"attempts\":3", (await world.Gateway.LogAsync(2))[1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n7fffffff\r\n")]
    [InlineData("Content-Length: 2000000000\r\n\r\n")]
    [InlineData("\r\n")]
    public async Task An_endless_part_is_read_no_further_than_its_size(string framing)
    {
        await using var world = await OpenAsync("size: 64MiB, parts: { order: { to: a, path: /1, size: 256KiB } }");
        var client = await world.AskAsync();
        var (order, _) = await world.AskedAsync(world.A);
        await order.SendAsync("HTTP/1.1 200 OK\r\n" + framing);
        var flood = FloodAsync(order);
        var answer = await ReadAsync(client);
        Assert.Equal((502, "compose/part-too-large"), (answer.Status, answer.Fault));

        // What the kernel takes on both sides comes on top.
        Assert.InRange(await flood, 0, 40_000_000);
        Assert.Equal(0, world.Gateway.State.Upstreams["a"].Endpoints[0].IdleConnections);
    }

    [Fact]
    public async Task Parts_are_held_to_the_size_of_all_together()
    {
        await using var world = await OpenAsync(
            "size: 1MiB, parts: { a: { to: a, path: /, optional: true }, b: { to: b, path: /, optional: true }, c: { to: c, path: /, optional: true } }");
        var value = "\"" + new string('x', 400_000) + "\"";
        foreach (var upstream in new[] { world.A, world.B, world.C })
        {
            upstream.Answer(Ok(value));
        }

        for (var i = 0; i < 10; i++)
        {
            var answer = await world.GetAsync();
            Assert.Equal(200, answer.Status);
            Assert.InRange(answer.Body.Length, 400_000, (1 << 20) + 30);
            Assert.NotNull(answer.Field("Lakou-Compose-Missing"));
        }
    }

    [Fact]
    public async Task What_an_abandoned_part_held_is_given_back_to_the_others()
    {
        await using var world = await OpenAsync("size: 1MiB, parts: { a: { to: a, path: / }, b: { to: b, path: /, optional: true } }");
        var client = await world.AskAsync();
        var (a, _) = await world.AskedAsync(world.A);
        var (b, _) = await world.AskedAsync(world.B);
        await b.SendAsync("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + "c3500\r\n" + new string('x', 0xc3500) + "\r\n!");
        Assert.True(await b.ClosesAsync());
        var value = "\"" + new string('y', 1_000_000) + "\"";
        await a.SendAsync(Ok(value));
        Assert.Equal($$"""{"a":{{value}},"b":null}""", (await ReadAsync(client)).Body);
    }

    [Fact]
    public async Task No_connection_is_left_over_whatever_happens()
    {
        await using var world = await OpenAsync("parts: { a: { to: a, path: / }, b: { to: b, path: /, optional: true }, c: { to: c, path: / } }");
        var turn = 0;
        foreach (var upstream in new[] { world.A, world.B, world.C })
        {
            upstream.Serve(async peer =>
            {
                while (true)
                {
                    await peer.ReadHeadAsync();
                    var now = Interlocked.Increment(ref turn);
                    await peer.SendAsync(now % 3 == 0 ? "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n" : now % 5 == 0 ? "HTTP/1.1 200 OK\r\n" : Ok("1"));
                    if (now % 5 == 0)
                    {
                        return;
                    }
                }
            });
        }

        await Task.WhenAll(Enumerable.Range(0, 200).Select(async i =>
        {
            var client = await world.AskAsync();
            if (i % 4 == 0)
            {
                client.Reset();
            }
            else
            {
                await ReadAsync(client);
            }
        }));
        await Waiting.UntilAsync(() => world.Gateway.State.Upstreams.Values.All(upstream =>
            upstream.Endpoints[0].InFlight == 0 && upstream.Endpoints[0].OpenConnections == upstream.Endpoints[0].IdleConnections));
    }

    [Fact]
    public async Task Parts_wait_for_a_place_of_their_upstream_as_requests_do()
    {
        await using var world = await OpenAsync("parts: { x: { to: a, path: /1 }, y: { to: a, path: /2 }, z: { to: a, path: /3 } }", upstream: "limits: { requests: 1 }");
        var client = await world.AskAsync();
        var (peer, head) = await world.AskedAsync(world.A);
        for (var i = 1; ; i++)
        {
            Assert.StartsWith($"GET /{i} ", head, StringComparison.Ordinal);
            var waiting = 3 - i;
            await Waiting.UntilAsync(() => world.Gateway.State.Upstreams["a"].Admission.Waiting == waiting);
            await peer.SendAsync(Ok($"{i}"));
            if (i == 3)
            {
                break;
            }

            head = await peer.ReadHeadAsync();
        }

        Assert.Equal("""{"x":1,"y":2,"z":3}""", (await ReadAsync(client)).Body);
        Assert.Equal(1, world.A.Accepted);
    }

    [Fact]
    public async Task A_part_that_has_no_place_in_time_is_missing()
    {
        await using var world = await OpenAsync(
            "parts: { x: { to: a, path: /1 }, y: { to: a, path: /2, optional: true }, z: { to: a, path: /3, optional: true } }", upstream: "limits: { requests: 1, queue: 1, queue-for: 1s }");
        var client = await world.AskAsync();
        var (peer, _) = await world.AskedAsync(world.A);
        Assert.Equal(1, world.Gateway.State.Upstreams["a"].Admission.Waiting);
        await world.Time.PassUntilAsync(Waiting.UntilAsync(() => world.Gateway.State.Upstreams["a"].Admission.Waiting == 0), TimeSpan.FromMilliseconds(50));
        await peer.SendAsync(Ok("1"));
        var answer = await ReadAsync(client);
        Assert.Equal("""{"x":1,"y":null,"z":null}""", answer.Body);
        Assert.Equal("y, z", answer.Field("Lakou-Compose-Missing"));
    }

    [Fact]
    public async Task A_wait_ends_with_the_time_of_the_part_or_with_the_client()
    {
        await using var world = await OpenAsync("timeout: 5m, parts: { x: { to: a, path: /1 }, y: { to: a, path: /2, timeout: 1s } }", upstream: "limits: { requests: 1, queue-for: 5m }");
        var admission = world.Gateway.State.Upstreams["a"].Admission;
        var client = await world.AskAsync();
        await world.AskedAsync(world.A);
        var answer = ReadAsync(client);
        Assert.InRange(await world.Time.PassUntilAsync(answer, TimeSpan.FromMilliseconds(50)), TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(4));
        Assert.Equal("compose/part-timeout", (await answer).Fault);
        Assert.Contains("part y", (await answer).Body, StringComparison.Ordinal);
        Assert.Equal((0, 0), (admission.Taken, admission.Waiting));
        client = await world.AskAsync();
        await world.AskedAsync(world.A);
        client.Reset();
        await Waiting.UntilAsync(() => (admission.Taken, admission.Waiting) == (0, 0));
    }

    private static async Task<long> FloodAsync(RawPeer peer)
    {
        var block = new byte[64 * 1024];
        long sent = 0;
        try
        {
            while (sent < 100_000_000)
            {
                sent += await peer.Socket.SendAsync(block);
            }
        }
        catch (System.Net.Sockets.SocketException)
        {
            // The gateway has ended it, as it should.
        }

        return sent;
    }
}
