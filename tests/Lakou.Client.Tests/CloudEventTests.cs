using System.Text;
using Lakou.Client.Tests.Harness;

namespace Lakou.Client.Tests;

public sealed class CloudEventTests
{
    private static readonly DateTimeOffset s_time = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    public static TheoryData<string?, byte[]> Bodies => new()
    {
        { "application/json", "{\"total\":7,\"lines\":[1,2.50]}"u8.ToArray() },
        { "application/vnd.shop+json", "\"é\""u8.ToArray() },
        { null, "[1]"u8.ToArray() },
        { "text/plain; charset=utf-8", "né\n\"quoted\""u8.ToArray() },
        { "application/octet-stream", [0, 255, 1, 254] },
        { "text/plain", [] },
    };

    [Theory]
    [MemberData(nameof(Bodies))]
    public async Task An_event_comes_as_it_went(string? contentType, byte[] data)
    {
        await using var yard = await Yard.StartAsync("topics: { orders: {} }");
        var client = yard.Client();
        var sent = new CloudEvent("order.placed", "/shop")
        {
            Subject = "47/11 é",
            Time = s_time,
            DataSchema = "https://example.org/order",
            DataContentType = contentType,
            Data = data,
            Extensions = new Dictionary<string, string>(StringComparer.Ordinal) { ["region"] = "eu", ["sampled"] = "true" },
        };

        await client.PublishAsync("orders", sent, cancelled: Yard.Cancelled);
        var came = Assert.Single((await client.ReadTopicAsync("orders", cancelled: Yard.Cancelled)).Events).Event;

        Assert.Equal(sent with { Data = default, Extensions = came.Extensions }, came with { Data = default });
        Assert.Equal(sent.Extensions, came.Extensions.Where(pair => pair.Key != "traceparent"));
        Assert.Equal(data, came.Data.ToArray());
    }

    [Fact]
    public void A_value_goes_as_json_and_comes_back()
    {
        var made = CloudEvent.Of("order.placed", "/shop", new Order(7, ["a"]));

        Assert.Equal("{\"total\":7,\"lines\":[\"a\"]}", Encoding.UTF8.GetString(made.Data.Span));
        Assert.Equal(7, made.DataAs<Order>()!.Total);
    }

    [Fact]
    public async Task Data_that_says_it_is_json_and_is_not_is_refused_before_it_is_sent()
    {
        await using var yard = await Yard.StartAsync("topics: { orders: {} }");
        var client = yard.Client();

        var refused = await Assert.ThrowsAsync<ArgumentException>(() => client.PublishAsync("orders", new CloudEvent("a", "/b") { Id = "one", Data = "{"u8.ToArray() }, cancelled: Yard.Cancelled));

        Assert.StartsWith("the data of event one is not JSON: ", refused.Message, StringComparison.Ordinal);
    }

    private sealed record Order(int Total, string[] Lines);
}
