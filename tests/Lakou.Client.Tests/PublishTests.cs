using System.Diagnostics;
using System.Net;
using Lakou.Client.Tests.Harness;

namespace Lakou.Client.Tests;

public sealed class PublishTests
{
    [Fact]
    public async Task What_is_published_has_a_place_and_a_second_time_the_same()
    {
        await using var yard = await Yard.StartAsync("topics: { orders: { partitions: 1 } }");
        var client = yard.Client();
        var published = new CloudEvent("order.placed", "/shop") { Id = "one" };

        Assert.Equal(new Receipt("one", 0, 0), await client.PublishAsync("orders", published, cancelled: Yard.Cancelled));
        Assert.Equal(new Receipt("one", 0, 0, Duplicate: true), await client.PublishAsync("orders", published, cancelled: Yard.Cancelled));
    }

    [Fact]
    public async Task Some_are_published_in_their_order()
    {
        await using var yard = await Yard.StartAsync("topics: { orders: { partitions: 1 } }");
        var client = yard.Client();

        var receipts = await client.PublishAsync("orders", [.. Enumerable.Range(0, 1000).Select(Numbered)], cancelled: Yard.Cancelled);

        Assert.Equal(Enumerable.Range(0, 1000).Select(i => new Receipt($"{i}", 0, i)), receipts);
    }

    [Fact]
    public async Task An_event_may_be_held()
    {
        await using var yard = await Yard.StartAsync("topics: { orders: { partitions: 1 } }");
        var client = yard.Client();
        var before = TimeProvider.System.GetUtcNow();

        var later = await client.PublishAsync("orders", Numbered(1), new PublishOptions { In = TimeSpan.FromHours(1) }, Yard.Cancelled);
        var at = await client.PublishAsync("orders", Numbered(2), new PublishOptions { At = before.AddDays(1) }, Yard.Cancelled);

        Assert.Null(later.Offset);
        Assert.InRange(later.Due!.Value, before.AddHours(1).AddSeconds(-1), before.AddHours(2));
        Assert.InRange(at.Due!.Value, before.AddDays(1).AddSeconds(-1), before.AddDays(1).AddHours(1));
    }

    [Fact]
    public async Task A_refusal_says_what_and_why_at_once()
    {
        await using var yard = await Yard.StartAsync("topics: { orders: {} }");
        var client = yard.Client();

        var refused = await Assert.ThrowsAsync<LakouException>(() => client.PublishAsync("ordres", Numbered(1), cancelled: Yard.Cancelled));

        Assert.Equal(("topic/unknown", HttpStatusCode.NotFound, false), (refused.Fault, refused.Status, refused.IsTransient));
        Assert.Contains("ordres", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_Lakou_that_stays_away_is_an_exception_once_the_time_is_over()
    {
        using var client = new LakouClient(new LakouClientOptions { Address = new("http://127.0.0.1:1"), RetryFor = TimeSpan.FromMilliseconds(300) });

        var away = await Assert.ThrowsAsync<LakouException>(() => client.PublishAsync("orders", Numbered(1), cancelled: Yard.Cancelled));

        Assert.True(away.IsTransient);
        Assert.StartsWith("no answer from http://127.0.0.1:1/: ", away.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_publish_waits_for_a_Lakou_that_comes_back()
    {
        await using var yard = await Yard.StartAsync("topics: { orders: { partitions: 1 } }");
        await yard.StopAsync();
        var tried = new Signal(2);
        var publishing = yard.Client(_ =>
        {
            tried.Set();
            return Task.CompletedTask;
        }).PublishAsync("orders", Numbered(1), cancelled: Yard.Cancelled);
        await tried.WaitAsync();
        await yard.StartAsync();

        Assert.Equal(0, (await publishing).Offset);
    }

    [Fact]
    public async Task The_trace_of_the_publisher_goes_with_the_event()
    {
        using var listener = Spans.Listen(out var spans);
        await using var yard = await Yard.StartAsync("topics: { traced: { partitions: 1 } }");
        var client = yard.Client();

        await client.PublishAsync("traced", Numbered(1), cancelled: Yard.Cancelled);

        var published = Assert.Single(spans, span => span.OperationName == "publish traced");
        Assert.Equal(ActivityKind.Producer, published.Kind);
        Assert.Equal(published.Id, Assert.Single((await client.ReadTopicAsync("traced", cancelled: Yard.Cancelled)).Events).Event.Extensions["traceparent"]);
    }

    [Fact]
    public async Task Cancelling_ends_the_wait()
    {
        using var client = new LakouClient(new LakouClientOptions { Address = new("http://127.0.0.1:1") });
        using var cancelled = new CancellationTokenSource();
        var publishing = client.PublishAsync("orders", Numbered(1), cancelled: cancelled.Token);
        await cancelled.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => publishing);
    }

    private static CloudEvent Numbered(int i) => new("order.placed", "/shop") { Id = $"{i}" };
}
