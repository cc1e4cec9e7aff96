using System.Text;
using Microsoft.AspNetCore.Http;

namespace Lakou.Http.Tests.Server;

public sealed class StressTests
{
    private const int Clients = 200;

    // Odd ones are seen to their end, the others leave anywhere.
    [Fact]
    public async Task Hundreds_of_clients_that_pipeline_and_leave_anywhere_get_every_byte_they_wait_for()
    {
        await using var server = await TestServer.StartAsync(EchoInPartsAsync);
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(seed => Task.Run(() => RunAsync(server, new Random(seed), leaves: seed % 2 == 0))));
        await server.DrainedAsync();
        Assert.Equal(0, server.Connections);
        Assert.Equal(0, server.BlocksOut);
        Assert.Empty(server.Refused);
    }

    /// <summary>Echoes while it reads, so that both directions run at once.</summary>
    private static async Task EchoInPartsAsync(HttpContext context)
    {
        context.Response.ContentLength = context.Request.Path == "/declared" ? context.Request.ContentLength : null;
        var block = new byte[1000];
        int count;
        while ((count = await context.Request.Body.ReadAsync(block, context.RequestAborted)) > 0)
        {
            await context.Response.Body.WriteAsync(block.AsMemory(0, count), context.RequestAborted);
        }
    }

    private static async Task RunAsync(TestServer server, Random random, bool leaves)
    {
        for (var round = 0; round < 10; round++)
        {
            using var client = await server.ConnectAsync();
            var bodies = Enumerable.Range(0, random.Next(1, 6)).Select(_ => Body(random)).ToArray();
            var requests = string.Concat(bodies.Select(body => Request(random, body)));
            if (leaves && random.Next(2) == 0)
            {
                await client.SendAsync(requests[..random.Next(requests.Length)]);
                if (random.Next(2) == 0)
                {
                    client.Reset();
                }

                continue;
            }

            var sending = SendAsync(client, random, requests);
            foreach (var body in bodies)
            {
                Assert.Equal(body, await ReadBodyAsync(client));
            }

            await sending;
        }
    }

    private static async Task SendAsync(Peer client, Random random, string requests)
    {
        for (var at = 0; at < requests.Length;)
        {
            var count = Math.Min(requests.Length - at, random.Next(1, 3000));
            await client.SendAsync(requests.Substring(at, count));
            at += count;
        }
    }

    private static string Body(Random random)
        => string.Create(random.Next(0, 20_000), random.Next(), (to, seed) => to.Fill((char)('a' + (seed % 26))));

    private static string Request(Random random, string body)
    {
        if (random.Next(2) == 0)
        {
            return $"POST {(random.Next(2) == 0 ? "/declared" : "/")} HTTP/1.1\r\nHost: a\r\nContent-Length: {body.Length}\r\n\r\n{body}";
        }

        var request = new StringBuilder("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (var at = 0; at < body.Length;)
        {
            var count = Math.Min(body.Length - at, random.Next(1, 5000));
            request.Append($"{count:x}\r\n").Append(body, at, count).Append("\r\n");
            at += count;
        }

        return request.Append("0\r\n\r\n").ToString();
    }

    private static async Task<string> ReadBodyAsync(Peer client)
    {
        var head = await client.ReadHeadAsync();
        if (!head.Contains("chunked", StringComparison.Ordinal))
        {
            return await client.ReadAsync(int.Parse(head.Split("Content-Length: ")[1].Split("\r\n")[0]));
        }

        var body = new StringBuilder();
        while (Convert.ToInt32((await client.ReadToAsync("\r\n")).TrimEnd(), 16) is > 0 and var size)
        {
            body.Append((await client.ReadAsync(size + 2)).AsSpan(0, size));
        }

        await client.ReadToAsync("\r\n");
        return body.ToString();
    }
}
