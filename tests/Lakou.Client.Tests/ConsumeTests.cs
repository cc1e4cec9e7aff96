using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Json;
using Lakou.Client.Tests.Harness;

namespace Lakou.Client.Tests;

public sealed class ConsumeTests
{
    [Fact]
    public async Task Thousands_are_each_handled_once_and_acknowledged()
    {
        await using var yard = await Yard.StartAsync(Billing());
        var client = yard.Client();
        await PublishAsync(client, 5000);
        var handled = new ConcurrentDictionary<string, int>(StringComparer.Ordinal);
        var all = new Signal(5000);
        using var stop = new CancellationTokenSource();

        var consuming = client.ConsumeAsync(
            "billing",
            (delivery, _) =>
            {
                handled.AddOrUpdate(delivery.Event.Id, 1, (_, times) => times + 1);
                all.Set();
                return Task.CompletedTask;
            },
            new ConsumeOptions { Workers = 32 },
            stop.Token);
        await all.WaitAsync();
        await stop.CancelAsync();
        await consuming;

        Assert.Equal(5000, handled.Count);
        Assert.All(handled, one => Assert.Equal(1, one.Value));
        Assert.Equal((0, 0), Progress(await yard.SubscriptionAsync("billing")));
    }

    [Fact]
    public async Task No_more_handlers_run_than_there_are_workers()
    {
        await using var yard = await Yard.StartAsync(Billing());
        var client = yard.Client();
        await PublishAsync(client, 200);
        var (running, most) = (0, 0);
        var all = new Signal(200);
        using var stop = new CancellationTokenSource();

        var consuming = client.ConsumeAsync(
            "billing",
            async (_, _) =>
            {
                InterlockedMax(ref most, Interlocked.Increment(ref running));
                await Task.Yield();
                Interlocked.Decrement(ref running);
                all.Set();
            },
            new ConsumeOptions { Workers = 3 },
            stop.Token);
        await all.WaitAsync();
        await stop.CancelAsync();
        await consuming;

        Assert.InRange(most, 1, 3);
    }

    [Fact]
    public async Task A_handler_that_takes_longer_than_the_lease_keeps_its_event()
    {
        await using var yard = await Yard.StartAsync(Billing("lease: 1s"));
        await PublishAsync(yard.Client(), 1);
        var extended = new Signal(6); // two leases, by thirds
        var deliveries = 0;
        using var stop = new CancellationTokenSource();
        var client = yard.Client(request =>
        {
            if (request.RequestUri!.AbsolutePath.EndsWith("/extend", StringComparison.Ordinal))
            {
                extended.Set();
            }

            return Task.CompletedTask;
        });

        var consuming = client.ConsumeAsync(
            "billing",
            async (_, _) =>
            {
                Interlocked.Increment(ref deliveries);
                await extended.WaitAsync();
                await stop.CancelAsync();
            },
            stopping: stop.Token);
        await consuming.WaitAsync(Yard.Patience, TimeProvider.System, Yard.Cancelled);

        Assert.Equal(1, deliveries);
        Assert.Equal((0, 0), Progress(await yard.SubscriptionAsync("billing")));
    }

    [Fact]
    public async Task An_event_that_fails_comes_again_and_then_is_dead_with_its_reasons()
    {
        await using var yard = await Yard.StartAsync(Billing("retry: { first: 10ms, attempts: 3, jitter: none }"));
        var client = yard.Client();
        await PublishAsync(client, 3);
        var attempts = new ConcurrentQueue<(string Id, int Attempt)>();
        using var stop = new CancellationTokenSource();

        var consuming = client.ConsumeAsync(
            "billing",
            (delivery, _) =>
            {
                attempts.Enqueue((delivery.Event.Id, delivery.Attempt));
                return delivery.Event.Id == "1" ? throw new InvalidOperationException($"no money, {delivery.Attempt}") : Task.CompletedTask;
            },
            stopping: stop.Token);
        await yard.SubscriptionAsync("billing", view => (int)view["dead"]! == 1 && (int)view["lag"]! == 0);
        await stop.CancelAsync();
        await consuming;

        Assert.Equal([1, 2, 3], attempts.Where(one => one.Id == "1").Select(one => one.Attempt));
        Assert.Equal(5, attempts.Count);
        var dead = (await yard.Admin.GetFromJsonAsync<System.Text.Json.Nodes.JsonNode>("/v1/subscriptions/billing/dead", Yard.Cancelled))!["events"]![0]!;
        Assert.Equal(["no money, 1", "no money, 2", "no money, 3"], dead["attempts"]!.AsArray().Select(attempt => (string?)attempt!["reason"]));
    }

    [Fact]
    public async Task A_handler_may_say_when_an_event_comes_again()
    {
        // The subscription's own wait is longer than the test has patience.
        await using var yard = await Yard.StartAsync(Billing("retry: { first: 1h, cap: 1h, jitter: none }"));
        var client = yard.Client();
        await PublishAsync(client, 1);
        var again = new Signal();
        using var stop = new CancellationTokenSource();

        var consuming = client.ConsumeAsync(
            "billing",
            (delivery, _) =>
            {
                if (delivery.Attempt == 1)
                {
                    throw new EventRefusedException("not yet", TimeSpan.FromMilliseconds(1));
                }

                again.Set();
                return Task.CompletedTask;
            },
            stopping: stop.Token);
        await again.WaitAsync();
        await stop.CancelAsync();
        await consuming;
    }

    [Fact]
    public async Task A_stop_lets_handlers_finish_and_acknowledges_them()
    {
        await using var yard = await Yard.StartAsync(Billing());
        var client = yard.Client();
        await PublishAsync(client, 100);
        var begun = new Signal(8);
        var mayEnd = new Signal();
        var handled = 0;
        using var stop = new CancellationTokenSource();

        var consuming = client.ConsumeAsync(
            "billing",
            async (_, cancelled) =>
            {
                begun.Set();
                await mayEnd.WaitAsync();
                Assert.False(cancelled.IsCancellationRequested);
                Interlocked.Increment(ref handled);
            },
            new ConsumeOptions { Workers = 8 },
            stop.Token);
        await begun.WaitAsync();
        await stop.CancelAsync();
        Assert.False(consuming.IsCompleted);
        mayEnd.Set();
        await consuming;

        Assert.Equal(8, handled);
        Assert.Equal((92, 0), Progress(await yard.SubscriptionAsync("billing")));
    }

    [Fact]
    public async Task Who_takes_longer_than_the_time_to_stop_is_told_and_its_event_is_given_back()
    {
        await using var yard = await Yard.StartAsync(Billing());
        var client = yard.Client();
        await PublishAsync(client, 1);
        var begun = new Signal();
        using var stop = new CancellationTokenSource();

        var consuming = client.ConsumeAsync(
            "billing",
            async (_, cancelled) =>
            {
                begun.Set();
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancelled);
            },
            new ConsumeOptions { StopWithin = TimeSpan.FromMilliseconds(50) },
            stop.Token);
        await begun.WaitAsync();
        await stop.CancelAsync();
        await consuming.WaitAsync(Yard.Patience, TimeProvider.System, Yard.Cancelled);

        Assert.Equal((1, 0), Progress(await yard.SubscriptionAsync("billing")));
        var again = Assert.Single((await client.ReceiveAsync("billing", wait: TimeSpan.FromSeconds(20), cancelled: Yard.Cancelled)).Events);
        Assert.Equal(2, again.Attempt);
    }

    [Fact]
    public async Task A_handler_whose_lease_was_lost_is_told()
    {
        await using var yard = await Yard.StartAsync(Billing("lease: 1s"));
        var client = yard.Client();
        await PublishAsync(client, 1);
        var begun = new Signal();
        var told = new Signal();
        using var stop = new CancellationTokenSource();

        var consuming = client.ConsumeAsync(
            "billing",
            async (_, cancelled) =>
            {
                begun.Set();
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancelled).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                told.Set();
            },
            stopping: stop.Token);
        await begun.WaitAsync();
        (await yard.Admin.PostAsJsonAsync("/v1/subscriptions/billing/seek", new { to = "latest" }, Yard.Cancelled)).EnsureSuccessStatusCode(); // ends all leases
        await told.WaitAsync();
        await stop.CancelAsync();
        await consuming;
    }

    [Fact]
    public async Task A_restart_in_the_middle_loses_nothing()
    {
        await using var yard = await Yard.StartAsync(Billing("order: key"));
        var client = yard.Client();
        await PublishAsync(client, 600);
        var handled = new ConcurrentDictionary<string, int>(StringComparer.Ordinal);
        var some = new Signal(200);
        using var stop = new CancellationTokenSource();

        var consuming = client.ConsumeAsync(
            "billing",
            (delivery, _) =>
            {
                handled.AddOrUpdate(delivery.Event.Id, 1, (_, times) => times + 1);
                some.Set();
                return Task.CompletedTask;
            },
            new ConsumeOptions { Workers = 4 },
            stop.Token);
        await some.WaitAsync();
        await yard.StopAsync();
        await yard.StartAsync();
        await yard.SubscriptionAsync("billing", view => (int)view["lag"]! == 0);
        await stop.CancelAsync();
        await consuming;

        Assert.Equal(600, handled.Count);
    }

    [Fact]
    public async Task A_lease_outlives_a_restart()
    {
        await using var yard = await Yard.StartAsync(Billing());
        var client = yard.Client();
        await PublishAsync(client, 1);
        var begun = new Signal();
        var mayEnd = new Signal();
        using var stop = new CancellationTokenSource();

        var consuming = client.ConsumeAsync(
            "billing",
            async (_, _) =>
            {
                begun.Set();
                await mayEnd.WaitAsync();
            },
            stopping: stop.Token);
        await begun.WaitAsync();
        await yard.StopAsync();
        mayEnd.Set(); // acknowledged to nobody, at first
        await yard.StartAsync();
        await yard.SubscriptionAsync("billing", view => Progress(view) == (0, 0));
        await stop.CancelAsync();
        await consuming;
    }

    [Theory]
    [InlineData("biling", "subscription/unknown")]
    [InlineData("reading", "subscription/wrong-mode")]
    public async Task What_cannot_be_consumed_is_an_exception(string subscription, string fault)
    {
        await using var yard = await Yard.StartAsync("""
            topics: { orders: {} }
            subscriptions: { billing: { topic: orders }, reading: { topic: orders, mode: log } }
            """);

        var refused = await Assert.ThrowsAsync<LakouException>(() => yard.Client().ConsumeAsync(subscription, (_, _) => Task.CompletedTask, stopping: Yard.Cancelled));

        Assert.Equal(fault, refused.Fault);
    }

    [Fact]
    public async Task A_stop_while_Lakou_is_away_ends_at_once()
    {
        using var client = new LakouClient(new LakouClientOptions { Address = new("http://127.0.0.1:1") });
        using var stop = new CancellationTokenSource();
        var consuming = client.ConsumeAsync("billing", (_, _) => Task.CompletedTask, stopping: stop.Token);

        await stop.CancelAsync();

        await consuming.WaitAsync(Yard.Patience, TimeProvider.System, Yard.Cancelled);
    }

    [Fact]
    public async Task A_handler_has_a_span_of_its_own_linked_to_the_publisher()
    {
        using var listener = Spans.Listen(out var spans);
        await using var yard = await Yard.StartAsync("""
            topics: { orders: {} }
            subscriptions: { spans: { topic: orders } }
            """);
        var client = yard.Client();
        await client.PublishAsync("orders", new CloudEvent("order.placed", "/shop") { Id = "linked" }, cancelled: Yard.Cancelled);
        using var stop = new CancellationTokenSource();
        Activity? current = null;
        string? parent = null;

        await client.ConsumeAsync(
            "spans",
            (delivery, _) =>
            {
                (current, parent) = (Activity.Current, delivery.Event.Extensions["traceparent"]);
                return stop.CancelAsync();
            },
            stopping: stop.Token);

        var handled = Assert.Single(spans, span => span.OperationName == "process spans");
        Assert.Same(current, handled);
        Assert.Null(handled.ParentId);
        Assert.Equal(parent, $"00-{handled.Links.Single().Context.TraceId}-{handled.Links.Single().Context.SpanId}-01");
    }

    private static string Billing(string options = "lease: 30s") => $$"""
        topics: { orders: { partitions: 2 } }
        subscriptions: { billing: { topic: orders, {{options}} } }
        """;

    private static Task<IReadOnlyList<Receipt>> PublishAsync(LakouClient client, int count)
        => client.PublishAsync("orders", [.. Enumerable.Range(0, count).Select(i => new CloudEvent("order.placed", "/shop") { Id = $"{i}", Subject = $"{i % 10}" })], cancelled: Yard.Cancelled);

    private static (int Lag, int Leased) Progress(System.Text.Json.Nodes.JsonNode view) => ((int)view["lag"]!, (int)view["leased"]!);

    private static void InterlockedMax(ref int most, int value)
    {
        var before = Volatile.Read(ref most);
        while (before < value && Interlocked.CompareExchange(ref most, value, before) is var now && now != before)
        {
            before = now;
        }
    }
}
