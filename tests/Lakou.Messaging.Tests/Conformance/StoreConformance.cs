using Lakou.Core.Events;

namespace Lakou.Messaging.Tests.Conformance;

/// <summary>The contract of a store, fact by fact. What keeps it says how one is opened.</summary>
public abstract class StoreConformance
{
    private const string One = """
        topics: { orders: { partitions: 1 } }
        subscriptions: { billing: { topic: orders, lease: 10s, retry: { first: 1s, cap: 4s, jitter: none, attempts: 4 } } }
        """;

    private const string Ordered = """
        topics: { orders: { partitions: 2 } }
        subscriptions: { billing: { topic: orders, order: key, lease: 10s, retry: { first: 1s, jitter: none, attempts: 2 } } }
        """;

    private const string Read = """
        topics: { orders: { partitions: 2 } }
        subscriptions: { reader: { topic: orders, mode: log }, other: { topic: orders, mode: log } }
        """;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Offsets_of_each_partition_are_dense_and_a_key_has_one_partition()
    {
        await using var store = await OpenAsync("topics: { orders: { partitions: 3 } }");
        for (var i = 0; i < 20; i++)
        {
            await PublishAsync(store, [new($"{i}", $"k{i % 5}"), new($"{i}+", $"k{i % 5}")]);
        }

        var read = await store.ReadAsync("orders", [0, 0, 0]);
        Assert.Equal(40, read.Count);
        Assert.All(read.GroupBy(one => one.Partition), one => Assert.Equal(Enumerable.Range(0, one.Count()).Select(i => (ulong)i), one.Select(event_ => event_.Offset)));
        Assert.All(read.GroupBy(one => int.Parse(one.Id.TrimEnd('+'), System.Globalization.CultureInfo.InvariantCulture) % 5), key => Assert.Single(key.Select(one => one.Partition).Distinct()));
    }

    [Fact]
    public async Task An_event_that_is_sent_again_is_stored_once_also_in_one_batch_and_after_a_restart()
    {
        await using var store = await OpenAsync(One);
        var first = await PublishAsync(store, [new("a"), new("a"), new("b")]);
        Assert.Equal([false, true, false], first.Select(one => one.IsDuplicate));
        await store.RestartAsync();
        var again = Assert.Single(await PublishAsync(store, [new("a")]));
        Assert.Equal(new Placed(first[0].Partition, first[0].Offset, true), again);
        Assert.Equal(["a", "b"], (await store.ReceiveAsync("billing", 10)).Select(one => one.Id));
    }

    [Fact]
    public async Task After_the_time_of_dedup_an_id_is_new()
    {
        await using var store = await OpenAsync("topics: { orders: { partitions: 1, dedup: 1m } }");
        await PublishAsync(store, [new("a")]);
        await store.PassAsync(TimeSpan.FromSeconds(61));
        Assert.False(Assert.Single(await PublishAsync(store, [new("a")])).IsDuplicate);
    }

    [Fact]
    public async Task A_lease_keeps_an_event_until_it_ends_and_who_lost_it_cannot_finish_it()
    {
        await using var store = await OpenAsync(One);
        await PublishAsync(store, [new("a")]);
        var first = Assert.Single(await store.ReceiveAsync("billing", 10));
        Assert.Empty(await store.ReceiveAsync("billing", 10));
        await store.PassAsync(TimeSpan.FromSeconds(10));
        await store.PassAsync(TimeSpan.FromSeconds(1));
        var second = Assert.Single(await store.ReceiveAsync("billing", 10));
        Assert.Equal(("a", 1, 2), (second.Id, first.Attempt, second.Attempt));
        Assert.Equal(0, await store.AcknowledgeAsync("billing", [first.Lease]));
        Assert.Equal(0, await store.ExtendAsync("billing", [first.Lease], TimeSpan.FromMinutes(1)));
        Assert.Equal(1, await store.AcknowledgeAsync("billing", [second.Lease]));
        Assert.Equal(0, await store.AcknowledgeAsync("billing", [second.Lease]));
        await store.PassAsync(TimeSpan.FromHours(1));
        Assert.Empty(await store.ReceiveAsync("billing", 10));
    }

    [Fact]
    public async Task A_lease_that_is_extended_lasts_longer()
    {
        await using var store = await OpenAsync(One);
        await PublishAsync(store, [new("a")]);
        var taken = Assert.Single(await store.ReceiveAsync("billing", 10));
        Assert.Equal(1, await store.ExtendAsync("billing", [taken.Lease], TimeSpan.FromMinutes(1)));
        await store.PassAsync(TimeSpan.FromSeconds(50));
        await store.RestartAsync();
        Assert.Empty(await store.ReceiveAsync("billing", 10));
        Assert.Equal(1, await store.AcknowledgeAsync("billing", [taken.Lease]));
    }

    [Fact]
    public async Task Waits_between_attempts_grow_to_their_cap_and_after_the_last_the_event_is_dead_with_its_history()
    {
        await using var store = await OpenAsync(One);
        await PublishAsync(store, [new("a")]);
        foreach (var seconds in (int[])[1, 2, 4])
        {
            await store.RefuseAsync("billing", [Assert.Single(await store.ReceiveAsync("billing", 10)).Lease], null, $"after {seconds}");
            await store.PassAsync(TimeSpan.FromSeconds(seconds) - TimeSpan.FromMilliseconds(10));
            Assert.Empty(await store.ReceiveAsync("billing", 10));
            await store.PassAsync(TimeSpan.FromMilliseconds(20));
        }

        var last = Assert.Single(await store.ReceiveAsync("billing", 10));
        Assert.Equal(4, last.Attempt);
        await store.RefuseAsync("billing", [last.Lease], TimeSpan.Zero, "at last");
        await store.RestartAsync();
        var dead = Assert.Single(await store.DeadAsync("billing"));
        Assert.Equal("a", dead.Id);
        Assert.Equal(["after 1", "after 2", "after 4", "at last"], dead.Reasons);
        Assert.Empty(await store.ReceiveAsync("billing", 10));
    }

    [Fact]
    public async Task A_key_keeps_its_order_while_its_head_is_retried_and_others_go_on()
    {
        await using var store = await OpenAsync(Ordered);
        await PublishAsync(store, [new("a1", "a"), new("a2", "a"), new("b1", "b")]);
        var taken = await store.ReceiveAsync("billing", 10);
        Assert.Equal(["a1", "b1"], taken.Select(one => one.Id).Order(StringComparer.Ordinal));
        await store.RefuseAsync("billing", [.. taken.Select(one => one.Lease)], TimeSpan.FromSeconds(5), "no");
        await store.RestartAsync();
        Assert.Empty(await store.ReceiveAsync("billing", 10));
        await store.PassAsync(TimeSpan.FromSeconds(6));
        taken = await store.ReceiveAsync("billing", 10);
        Assert.Equal(["a1", "b1"], taken.Select(one => one.Id).Order(StringComparer.Ordinal));
        await store.AcknowledgeAsync("billing", [.. taken.Select(one => one.Lease)]);
        Assert.Equal("a2", Assert.Single(await store.ReceiveAsync("billing", 10)).Id);
    }

    [Fact]
    public async Task A_busy_key_delays_another_by_one_event()
    {
        await using var store = await OpenAsync(One);
        await PublishAsync(store, [.. Enumerable.Range(0, 50).Select(i => new Sent($"a{i}", "a")), new("b", "b")]);
        Assert.Contains("b", (await store.ReceiveAsync("billing", 2)).Select(one => one.Id));
    }

    [Fact]
    public async Task The_highest_priority_goes_first()
    {
        await using var store = await OpenAsync(One);
        await PublishAsync(store, [new("low", "a", Priority: 1), new("high", "b", Priority: 9), new("usual", "c")]);
        Assert.Equal(["high", "usual", "low"], (await store.ReceiveAsync("billing", 10)).Select(one => one.Id));
    }

    [Fact]
    public async Task A_delayed_event_is_seen_when_it_is_due()
    {
        await using var store = await OpenAsync(One);
        var held = Assert.Single(await store.PublishAsync("orders", [new("later")], TimeSpan.FromMinutes(1)));
        Assert.Null(held.Offset);
        await store.PassAsync(TimeSpan.FromSeconds(59));
        Assert.Empty(await store.ReceiveAsync("billing", 10));
        await store.RestartAsync();
        await store.PassAsync(TimeSpan.FromSeconds(2));
        Assert.Equal("later", Assert.Single(await store.ReceiveAsync("billing", 10)).Id);
    }

    [Fact]
    public async Task Redrive_brings_back_what_is_chosen_in_front_or_behind()
    {
        await using var store = await OpenAsync(Ordered);
        await PublishAsync(store, [new("one", "a", "bad"), new("two", "a", "worse"), new("three", "a")]);
        foreach (var _ in (int[])[1, 2, 3, 4])
        {
            await store.RefuseAsync("billing", [Assert.Single(await store.ReceiveAsync("billing", 1)).Lease], TimeSpan.Zero, "no");
            await store.PassAsync(TimeSpan.FromMilliseconds(1));
        }

        Assert.Equal(["one", "two"], (await store.DeadAsync("billing")).Select(one => one.Id));
        await store.RedriveAsync("billing", "worse", toEnd: false);
        await store.RedriveAsync("billing", "bad", toEnd: true);
        Assert.Empty(await store.DeadAsync("billing"));
        List<string> order = [];
        while (await store.ReceiveAsync("billing", 1) is [{ } taken])
        {
            Assert.Equal(1, taken.Attempt);
            order.Add(taken.Id);
            await store.AcknowledgeAsync("billing", [taken.Lease]);
        }

        Assert.Equal(["two", "three", "one"], order);
    }

    [Fact]
    public async Task A_seek_begins_again_and_dead_events_stay_dead()
    {
        await using var store = await OpenAsync(One.Replace("attempts: 4", "attempts: 1", StringComparison.Ordinal));
        await PublishAsync(store, [new("dead", "a"), new("done", "b")]);
        var taken = await store.ReceiveAsync("billing", 10);
        await store.RefuseAsync("billing", [taken.Single(one => one.Id == "dead").Lease], null, "no");
        await store.AcknowledgeAsync("billing", [taken.Single(one => one.Id == "done").Lease]);
        await store.SeekAsync("billing", [0]);
        await store.RestartAsync();
        var again = Assert.Single(await store.ReceiveAsync("billing", 10));
        Assert.Equal("done", again.Id);
        Assert.Equal("dead", Assert.Single(await store.DeadAsync("billing")).Id);
        await store.RedriveAsync("billing", null, toEnd: false);
        var back = Assert.Single(await store.ReceiveAsync("billing", 10));
        Assert.Equal(2, await store.AcknowledgeAsync("billing", [again.Lease, back.Lease]));
    }

    [Fact]
    public async Task A_paused_subscription_gives_nothing_out_and_takes_what_is_finished()
    {
        await using var store = await OpenAsync(One);
        await PublishAsync(store, [new("a"), new("b")]);
        var taken = Assert.Single(await store.ReceiveAsync("billing", 1));
        await store.PauseAsync("billing", true);
        await store.RestartAsync();
        Assert.Empty(await store.ReceiveAsync("billing", 10));
        Assert.Equal(1, await store.AcknowledgeAsync("billing", [taken.Lease]));
        await store.PauseAsync("billing", false);
        Assert.Equal("b", Assert.Single(await store.ReceiveAsync("billing", 10)).Id);
    }

    [Fact]
    public async Task A_filter_passes_over_what_is_not_wanted()
    {
        await using var store = await OpenAsync(One.Replace("lease: 10s", "lease: 10s, filter: { type: order.* }", StringComparison.Ordinal));
        await PublishAsync(store, [new("a", "a", "order.paid"), new("b", "b", "user.left"), new("c", "c", "order.sent")]);
        Assert.Equal(["a", "c"], (await store.ReceiveAsync("billing", 10)).Select(one => one.Id));
    }

    [Fact]
    public async Task Readers_of_a_log_go_their_own_ways()
    {
        await using var store = await OpenAsync(Read);
        await PublishAsync(store, [.. Enumerable.Range(0, 10).Select(i => new Sent($"{i}", $"{i}"))]);
        var ends = new ulong[2];
        var all = await store.ReadAsync("orders", ends);
        Assert.Equal(10, all.Count);
        Assert.Equal(10ul, ends[0] + ends[1]);
        await store.CommitAsync("reader", ends);
        await store.RestartAsync();
        var committed = await store.CommittedAsync("reader");
        Assert.Equal(ends, committed);
        Assert.All(await store.CommittedAsync("other"), offset => Assert.Equal(0ul, offset));
    }

    [Fact]
    public async Task A_key_is_reserved_once_and_completed_once()
    {
        await using var store = await OpenAsync(One);
        var first = await ReserveAsync(store);
        Assert.Equal(KeyState.Reserved, first.State);
        Assert.Equal(KeyState.InProgress, (await ReserveAsync(store)).State);
        Assert.Equal(KeyState.Mismatch, (await ReserveAsync(store, fingerprint: 2)).State);
        Assert.Equal(KeyState.Reserved, (await store.Keys.ReserveAsync("other scope", "k", 1, TimeSpan.FromMinutes(1), Stop)).State);
        await store.RestartAsync();
        Assert.True(await store.Keys.CompleteAsync(first.Token, "done"u8.ToArray(), TimeSpan.FromHours(1), Stop));
        Assert.False(await store.Keys.CompleteAsync(first.Token, "twice"u8.ToArray(), TimeSpan.FromHours(1), Stop));
        await store.RestartAsync();
        var done = await ReserveAsync(store);
        Assert.Equal((KeyState.Completed, "done"), (done.State, System.Text.Encoding.UTF8.GetString(done.Outcome.Span)));
        Assert.Equal(KeyState.Mismatch, (await ReserveAsync(store, fingerprint: 2)).State);
        await store.PassAsync(TimeSpan.FromHours(2));
        Assert.Equal(KeyState.Reserved, (await ReserveAsync(store)).State);
    }

    [Fact]
    public async Task A_key_is_free_after_an_abort_and_when_its_lease_has_ended()
    {
        await using var store = await OpenAsync(One);
        var first = await ReserveAsync(store);
        await store.Keys.AbortAsync(first.Token, Stop);
        var second = await ReserveAsync(store);
        Assert.Equal(KeyState.Reserved, second.State);
        await store.PassAsync(TimeSpan.FromMinutes(2));
        var third = await ReserveAsync(store);
        Assert.Equal(KeyState.Reserved, third.State);
        Assert.False(await store.Keys.CompleteAsync(second.Token, default, TimeSpan.FromHours(1), Stop));
        await store.Keys.AbortAsync(second.Token, Stop);
        Assert.Equal(KeyState.InProgress, (await ReserveAsync(store)).State);
    }

    /// <summary>A new one, with the topics and subscriptions of this file.</summary>
    private protected abstract Task<IEventStore> OpenAsync(string yaml);

    private static Task<IReadOnlyList<Placed>> PublishAsync(IEventStore store, IReadOnlyList<Sent> events) => store.PublishAsync("orders", events, TimeSpan.Zero);

    private static async Task<KeyReservation> ReserveAsync(IEventStore store, UInt128? fingerprint = null)
        => await store.Keys.ReserveAsync("scope", "k", fingerprint ?? 1, TimeSpan.FromMinutes(1), Stop);
}
