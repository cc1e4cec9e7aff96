using Lakou.Client.Tests.Harness;

namespace Lakou.Client.Tests;

public sealed class EventPublisherTests
{
    private const string Orders = "topics: { orders: { partitions: 1 } }";

    [Fact]
    public async Task Thousands_are_there_in_order_and_went_in_few_requests()
    {
        await using var yard = await Yard.StartAsync(Orders);
        var requests = 0;
        var client = yard.Client(_ =>
        {
            Interlocked.Increment(ref requests);
            return Task.CompletedTask;
        });
        await using var publisher = client.CreatePublisher("orders");

        var receipts = await Task.WhenAll(Enumerable.Range(0, 5000).Select(i => publisher.PublishAsync(Numbered(i), Yard.Cancelled)));

        Assert.Equal(Enumerable.Range(0, 5000).Select(i => new Receipt($"{i}", 0, i)), receipts);
        Assert.InRange(requests, 10, 500);
    }

    [Fact]
    public async Task Who_publishes_more_than_waits_waits_for_room()
    {
        await using var yard = await Yard.StartAsync(Orders);
        var sent = new Signal();
        var held = new Signal();
        var client = yard.Client(async _ =>
        {
            sent.Set();
            await held.WaitAsync();
        });
        await using var publisher = client.CreatePublisher("orders", new EventPublisherOptions { BatchEvents = 1, Pending = 2, Linger = TimeSpan.Zero });

        // One is under way, two wait, and for the fourth there is no room.
        var first = publisher.PublishAsync(Numbered(0), Yard.Cancelled);
        await sent.WaitAsync();
        Task<Receipt>[] waiting = [publisher.PublishAsync(Numbered(1), Yard.Cancelled), publisher.PublishAsync(Numbered(2), Yard.Cancelled)];
        using var impatient = new CancellationTokenSource();
        var fourth = publisher.PublishAsync(Numbered(3), impatient.Token);
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => fourth);

        held.Set();
        await Task.WhenAll([first, .. waiting]);
        Assert.Equal(["0", "1", "2"], (await client.ReadTopicAsync("orders", cancelled: Yard.Cancelled)).Events.Select(one => one.Event.Id));
    }

    [Fact]
    public async Task Disposing_sends_what_waits()
    {
        await using var yard = await Yard.StartAsync(Orders);
        var client = yard.Client();
        var publisher = client.CreatePublisher("orders", new EventPublisherOptions { Linger = TimeSpan.FromMinutes(10) });
        var publishing = Enumerable.Range(0, 100).Select(i => publisher.PublishAsync(Numbered(i), Yard.Cancelled)).ToArray();

        await publisher.DisposeAsync();

        Assert.Equal(100, (await client.ReadTopicAsync("orders", max: 1000, cancelled: Yard.Cancelled)).Events.Count);
        await Task.WhenAll(publishing);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => publisher.PublishAsync(Numbered(100), Yard.Cancelled));
    }

    [Fact]
    public async Task Flushing_waits_for_what_was_published_before()
    {
        await using var yard = await Yard.StartAsync(Orders);
        var client = yard.Client();
        await using var publisher = client.CreatePublisher("orders", new EventPublisherOptions { BatchEvents = 10 });
        var publishing = Enumerable.Range(0, 95).Select(i => publisher.PublishAsync(Numbered(i), Yard.Cancelled)).ToArray();

        await publisher.FlushAsync(Yard.Cancelled);

        Assert.Equal(95, (await client.ReadTopicAsync("orders", max: 1000, cancelled: Yard.Cancelled)).Events.Count);
        await Task.WhenAll(publishing);
    }

    [Fact]
    public async Task Of_a_batch_that_is_refused_only_those_fail_that_are_to_blame()
    {
        await using var yard = await Yard.StartAsync(Orders);
        var client = yard.Client();
        await using var publisher = client.CreatePublisher("orders");
        var publishing = Enumerable.Range(0, 50).Select(i => publisher.PublishAsync(i is 7 or 30 ? Numbered(i) with { Subject = "" } : Numbered(i), Yard.Cancelled)).ToArray();

        foreach (var refused in (int[])[7, 30])
        {
            Assert.Equal("event/malformed", (await Assert.ThrowsAsync<LakouException>(() => publishing[refused])).Fault);
        }

        var others = await Task.WhenAll(publishing.Where((_, i) => i is not 7 and not 30));
        Assert.Equal(Enumerable.Range(0, 48), others.Select(one => (int)one.Offset!));
    }

    [Fact]
    public async Task An_event_larger_than_a_batch_goes_alone()
    {
        await using var yard = await Yard.StartAsync(Orders);
        var client = yard.Client();
        await using var publisher = client.CreatePublisher("orders", new EventPublisherOptions { BatchBytes = 1000 });
        var publishing = Enumerable.Range(0, 5).Select(i => publisher.PublishAsync(CloudEvent.Of("a", "/b", new string('x', i == 2 ? 5000 : 400)), Yard.Cancelled)).ToArray();

        Assert.Equal([0, 1, 2, 3, 4], (await Task.WhenAll(publishing)).Select(one => (int)one.Offset!));
    }

    private static CloudEvent Numbered(int i) => new("order.placed", "/shop") { Id = $"{i}" };
}
