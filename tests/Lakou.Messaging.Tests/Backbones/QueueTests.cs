using Lakou.Messaging.Tests.Harness;

namespace Lakou.Messaging.Tests.Backbones;

public sealed class QueueTests
{
    private static readonly string s_reason = new('x', 256);

    private const string Orders = """
        topics: { orders: { partitions: 2 } }
        subscriptions: { billing: { topic: orders, order: key, retry: { first: 10ms, jitter: none, attempts: 3 } } }
        """;

    [Fact]
    public async Task An_event_is_leased_acknowledged_and_gone()
    {
        await using var world = await World.StartAsync(Orders);
        var accepted = await world.PublishAsync("orders", "one", "a");
        var worked = Assert.Single(await world.ReceiveAsync("billing"));
        Assert.Equal(("one", 1), (worked.Data, worked.Attempt));
        Assert.Equal((accepted.Partition, accepted.Offset!.Value), (worked.Lease.Place.Partition, worked.Lease.Place.Offset));
        Assert.Empty(await world.ReceiveAsync("billing"));
        Assert.Equal(1, (await world.AcknowledgeAsync("billing", worked)).Done);
        Assert.Single((await world.AcknowledgeAsync("billing", worked)).Gone);
        await world.RestartAsync();
        Assert.Empty(await world.ReceiveAsync("billing"));
    }

    [Fact]
    public async Task A_key_keeps_its_order_while_its_head_is_retried_and_others_go_on()
    {
        await using var world = await World.StartAsync(Orders);
        await world.PublishAsync("orders", "a1", "a");
        await world.PublishAsync("orders", "a2", "a");
        await world.PublishAsync("orders", "b1", "b");
        var first = await world.ReceiveAsync("billing");
        Assert.Equal(["a1", "b1"], first.Select(one => one.Data).Order(StringComparer.Ordinal));
        await world.RefuseAsync("billing", first.Single(one => one.Data == "a1"), TimeSpan.FromMilliseconds(200));
        Assert.Empty(await world.ReceiveAsync("billing"));
        var again = Assert.Single(await world.ReceiveAsync("billing", waitMs: 10_000));
        Assert.Equal(("a1", 2), (again.Data, again.Attempt));
        await world.AcknowledgeAsync("billing", again);
        Assert.Equal("a2", Assert.Single(await world.ReceiveAsync("billing")).Data);
    }

    [Fact]
    public async Task After_the_last_attempt_an_event_is_dead_with_its_history_and_redrive_brings_it_back()
    {
        await using var world = await World.StartAsync(Orders);
        await world.PublishAsync("orders", "x", "a");
        for (var attempt = 1; attempt <= 3; attempt++)
        {
            var worked = Assert.Single(await world.ReceiveAsync("billing", waitMs: 10_000));
            Assert.Equal(attempt, worked.Attempt);
            await world.RefuseAsync("billing", worked, reason: $"no {attempt}");
        }

        Assert.Empty(await world.ReceiveAsync("billing", waitMs: 50));
        await world.RestartAsync();
        var dead = Assert.Single(world.Queue("billing").State.Queue.Dead.Values);
        Assert.Equal(["no 1", "no 2", "no 3"], dead.History.Select(attempt => attempt.Reason));
        await world.Backbone.ChangeAsync(() => world.Queue("billing").Redrive([dead], toEnd: false), TestContext.Current.CancellationToken);
        var back = Assert.Single(await world.ReceiveAsync("billing"));
        Assert.Equal(("x", 1), (back.Data, back.Attempt));
    }

    [Fact]
    public async Task A_lease_survives_a_restart()
    {
        await using var world = await World.StartAsync(Orders);
        await world.PublishAsync("orders", "one");
        var worked = Assert.Single(await world.ReceiveAsync("billing"));
        await world.RestartAsync();
        Assert.Empty(await world.ReceiveAsync("billing"));
        Assert.Equal(1, (await world.AcknowledgeAsync("billing", worked)).Done);
    }

    [Fact]
    public async Task A_held_event_that_is_sent_again_is_a_duplicate_with_its_own_due_and_with_none_once_it_was_released()
    {
        await using var world = await World.StartAsync(Orders);
        var later = await world.PublishAsync("orders", "one", id: "later", delay: TimeSpan.FromHours(1));
        var soon = await world.PublishAsync("orders", "two", id: "soon", delay: TimeSpan.FromMilliseconds(1));
        Assert.Equal("two", Assert.Single(await world.ReceiveAsync("billing", waitMs: 30_000)).Data);

        var again = await world.PublishAsync("orders", "one", id: "later", delay: TimeSpan.FromHours(2));
        var released = await world.PublishAsync("orders", "two", id: "soon", delay: TimeSpan.FromHours(2));

        Assert.All([later, soon], one => Assert.Equal((false, null, true), (one.IsDuplicate, one.Offset, one.Due is not null)));
        Assert.Equal((true, null, later.Due), (again.IsDuplicate, again.Offset, again.Due));
        Assert.Equal((true, null, null), (released.IsDuplicate, released.Offset, released.Due));
        Assert.Empty(await world.ReceiveAsync("billing"));
    }

    [Fact]
    public async Task A_worker_that_waits_gets_the_next_event()
    {
        await using var world = await World.StartAsync(Orders);
        var waiting = world.ReceiveAsync("billing", waitMs: 30_000);
        await world.PublishAsync("orders", "late");
        Assert.Equal("late", Assert.Single(await waiting).Data);
    }

    [Fact]
    public async Task Entries_of_a_queue_that_are_too_many_for_one_chunk_of_a_snapshot_are_all_there_after_a_restart()
    {
        await using var world = await World.StartAsync("""
            topics: { orders: { partitions: 1 } }
            subscriptions: { billing: { topic: orders, retry: { attempts: 1 } } }
            """);
        for (var i = 0; i < 5; i++)
        {
            await RefuseAsync(await TakeAsync(1_000));
        }

        await TakeAsync(300);

        await world.RestartAsync();

        var facts = world.Queue("billing").State.Queue;
        Assert.Equal((5_000, 300), (facts.Dead.Count, facts.Live.Count));
        Assert.All(facts.Dead.Values, entry => Assert.Equal(s_reason, Assert.Single(entry.History).Reason));

        async Task<List<Worked>> TakeAsync(int count)
        {
            await world.PublishManyAsync("orders", count);
            List<Worked> taken = [];
            while (taken.Count < count)
            {
                taken.AddRange(await world.ReceiveAsync("billing", count, waitMs: 10_000));
            }

            return taken;
        }

        async Task RefuseAsync(List<Worked> taken)
        {
            var (settlement, fault) = await world.Backbone.RefuseAsync(world.Queue("billing"), [.. taken.Select(one => one.Lease)], null, s_reason, null, TestContext.Current.CancellationToken);
            Assert.Equal((taken.Count, null), (settlement.Done, fault));
        }
    }

    [Fact]
    public async Task A_backlog_is_read_from_files_after_a_restart()
    {
        await using var world = await World.StartAsync(Orders);
        for (var i = 0; i < 300; i++)
        {
            await world.PublishAsync("orders", $"{i}", $"key {i}");
        }

        await world.RestartAsync();
        HashSet<string> seen = [];
        while (await world.ReceiveAsync("billing", 100) is { Count: > 0 } worked)
        {
            Assert.All(worked, one => Assert.True(seen.Add(one.Data)));
            await world.AcknowledgeAsync("billing", worked);
        }

        Assert.Equal(300, seen.Count);
    }

    [Fact]
    public async Task An_event_that_is_sent_again_is_stored_once()
    {
        await using var world = await World.StartAsync(Orders);
        var first = await world.PublishAsync("orders", "one", "a", "id-1");
        var again = await world.PublishAsync("orders", "one", "a", "id-1");
        Assert.True(again.IsDuplicate);
        Assert.Equal((first.Partition, first.Offset), (again.Partition, again.Offset));
        await world.RestartAsync();
        Assert.True((await world.PublishAsync("orders", "one", "a", "id-1")).IsDuplicate);
        Assert.Single(await world.ReceiveAsync("billing"));
    }

    [Fact]
    public async Task A_delayed_event_is_seen_when_it_is_due_also_after_a_restart()
    {
        await using var world = await World.StartAsync(Orders);
        var accepted = await world.PublishAsync("orders", "later", "a", delay: TimeSpan.FromMilliseconds(300));
        Assert.Null(accepted.Offset);
        Assert.NotNull(accepted.Due);
        await world.RestartAsync();
        Assert.Equal("later", Assert.Single(await world.ReceiveAsync("billing", waitMs: 20_000)).Data);
    }
}
