using Lakou.Client.Tests.Harness;

namespace Lakou.Client.Tests;

public sealed class ReadTests
{
    private const string Search = """
        topics: { orders: { partitions: 2 } }
        subscriptions: { search: { topic: orders, mode: log }, billing: { topic: orders } }
        """;

    [Fact]
    public async Task A_log_begins_again_until_it_is_committed()
    {
        await using var yard = await Yard.StartAsync(Search);
        var client = yard.Client();
        await PublishAsync(client, 100);

        var first = await client.ReadLogAsync("search", max: 40, cancelled: Yard.Cancelled);
        var again = await client.ReadLogAsync("search", max: 40, cancelled: Yard.Cancelled);
        await client.CommitAsync("search", first.Positions, Yard.Cancelled);
        var rest = await client.ReadLogAsync("search", max: 1000, cancelled: Yard.Cancelled);

        Assert.Equal(first.Events.Select(one => one.Event.Id), again.Events.Select(one => one.Event.Id));
        Assert.Equal(100, first.Events.Concat(rest.Events).Select(one => one.Event.Id).Distinct(StringComparer.Ordinal).Count());
        Assert.All(first.Events.Concat(rest.Events).GroupBy(one => one.Partition), of => Assert.Equal(Enumerable.Range(0, of.Count()), of.Select(one => (int)one.Offset)));
    }

    [Fact]
    public async Task A_log_is_consumed_in_order_and_goes_on_where_it_was()
    {
        await using var yard = await Yard.StartAsync(Search);
        var client = yard.Client();
        await PublishAsync(client, 100);
        List<StoredEvent> handled = [];

        await ConsumeAsync(client, handled, 50);
        await ConsumeAsync(client, handled, 100);

        Assert.All(handled.GroupBy(one => one.Partition), of => Assert.Equal(Enumerable.Range(0, of.Count()), of.Select(one => (int)one.Offset)));
    }

    [Fact]
    public async Task A_log_is_consumed_on_when_Lakou_was_away()
    {
        await using var yard = await Yard.StartAsync(Search);
        var client = yard.Client(options => options.RetryFor = TimeSpan.Zero);
        await PublishAsync(client, 30);
        var stopped = new Signal();
        List<string> handled = [];
        using var stop = new CancellationTokenSource();

        // Lakou is away when the first ten are to be committed.
        var consuming = client.ConsumeLogAsync(
            "search",
            async (events, _) =>
            {
                if (handled.Count == 0)
                {
                    await yard.StopAsync();
                    stopped.Set();
                }

                handled.AddRange(events.Select(one => one.Event.Id));
                await (handled.Count == 30 ? stop.CancelAsync() : Task.CompletedTask);
            },
            max: 10,
            stop.Token);
        await stopped.WaitAsync();
        await yard.StartAsync();
        await consuming.WaitAsync(Yard.Patience, TimeProvider.System, Yard.Cancelled);

        Assert.Equal(30, handled.Distinct(StringComparer.Ordinal).Count());
        Assert.Empty((await client.ReadLogAsync("search", cancelled: Yard.Cancelled)).Events);
    }

    [Fact]
    public async Task A_handler_of_a_log_that_throws_ends_it_and_its_events_come_again()
    {
        await using var yard = await Yard.StartAsync(Search);
        var client = yard.Client();
        await PublishAsync(client, 10);

        await Assert.ThrowsAsync<InvalidOperationException>(() => client.ConsumeLogAsync("search", (_, _) => throw new InvalidOperationException(), stopping: Yard.Cancelled));

        Assert.Equal(10, (await client.ReadLogAsync("search", cancelled: Yard.Cancelled)).Events.Count);
    }

    [Fact]
    public async Task A_topic_is_read_on_from_positions_that_were_kept_as_text()
    {
        await using var yard = await Yard.StartAsync(Search);
        var client = yard.Client();
        await PublishAsync(client, 30);

        var first = await client.ReadTopicAsync("orders", max: 12, cancelled: Yard.Cancelled);
        var rest = await client.ReadTopicAsync("orders", Positions.Parse(first.Positions.ToString()), cancelled: Yard.Cancelled);

        Assert.Equal((12, 18), (first.Events.Count, rest.Events.Count));
        Assert.Equal(30, first.Events.Concat(rest.Events).Select(one => one.Event.Id).Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public async Task A_read_waits_for_an_event()
    {
        await using var yard = await Yard.StartAsync(Search);
        var client = yard.Client();

        var reading = client.ReadLogAsync("search", wait: TimeSpan.FromSeconds(50), cancelled: Yard.Cancelled);
        await PublishAsync(client, 1);

        Assert.Single((await reading).Events);
    }

    [Fact]
    public async Task A_queue_is_not_read()
    {
        await using var yard = await Yard.StartAsync(Search);

        Assert.Equal("subscription/wrong-mode", (await Assert.ThrowsAsync<LakouException>(() => yard.Client().ReadLogAsync("billing", cancelled: Yard.Cancelled))).Fault);
    }

    private static Task<IReadOnlyList<Receipt>> PublishAsync(LakouClient client, int count)
        => client.PublishAsync("orders", [.. Enumerable.Range(0, count).Select(i => new CloudEvent("order.placed", "/shop") { Id = $"{i}" })], cancelled: Yard.Cancelled);

    private static async Task ConsumeAsync(LakouClient client, List<StoredEvent> handled, int until)
    {
        using var stop = new CancellationTokenSource();
        await client.ConsumeLogAsync(
            "search",
            (events, _) =>
            {
                handled.AddRange(events);
                return handled.Count >= until ? stop.CancelAsync() : Task.CompletedTask;
            },
            max: 10,
            stop.Token);
        Assert.Equal(until, handled.Count);
    }
}
