using System.Text;
using System.Text.Json.Nodes;
using Lakou.Control.Tests.Harness;

namespace Lakou.Control.Tests;

/// <summary>The backbone's API on a route of the gateway.</summary>
public sealed class BackboneRouteTests
{
    private const string Yaml = """
        listeners: { web: { address: "127.0.0.1:0" } }
        admin: { address: "127.0.0.1:0" }
        topics: { orders: { partitions: 1 } }
        subscriptions: { billing: { topic: orders } }
        routes: { api: { match: { path: "/v1/**" }, backbone: {} } }
        """;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_access_log_has_the_bytes_of_both_bodies(bool isChunked)
    {
        await using var world = await World.StartAsync(Yaml);
        var sent = Encoding.UTF8.GetBytes("""{"total":7}""");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/topics/orders/events") { Content = new ByteArrayContent(sent) };
        request.Headers.TransferEncodingChunked = isChunked;
        using var answer = await world.Client().SendAsync(request, Cancel);
        Assert.Equal(202, (int)answer.StatusCode);
        var received = await answer.Content.ReadAsByteArrayAsync(Cancel);

        await world.Host.StopAsync(Cancel); // writes the log

        var line = JsonNode.Parse(Encoding.UTF8.GetString(world.AccessLog.ToArray()))!;
        Assert.Equal((sent.Length, received.Length), ((int)line["bytes_in"]!, (int)line["bytes_out"]!));
    }
}
