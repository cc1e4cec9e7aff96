using Lakou.Messaging.Subscriptions;
using Lakou.Messaging.Tests.Harness;

namespace Lakou.Messaging.Tests.Backbones;

public sealed class RedriveTests
{
    private const string Orders = """
        topics: { orders: { partitions: 1 } }
        subscriptions: { billing: { topic: orders, retry: { attempts: 1 } } }
        """;

    [Fact]
    public async Task What_is_left_of_a_redrive_that_is_stopped_stays_dead()
    {
        await using var world = await WithDeadAsync(10);
        var queue = world.Queue("billing");
        queue.LastRedrive = new(DeadSelection.All.Of(world.Backbone.Store, queue), PerSecond: 3, ToEnd: false, Began: 1);
        world.Backbone.Housekeep();
        int moved;
        lock (world.Backbone.Store.Gate)
        {
            queue.LastRedrive.IsStopped = true;
            moved = queue.LastRedrive.Moved;
        }

        world.Backbone.Housekeep();

        Assert.True(moved >= 3);
        Assert.Equal((moved, 10 - moved), (queue.LastRedrive.Moved, queue.State.Queue.Dead.Count));
    }

    [Fact]
    public async Task A_redrive_does_not_go_on_after_a_restart_and_what_is_left_is_dead_still()
    {
        await using var world = await WithDeadAsync(10);
        var queue = world.Queue("billing");
        queue.LastRedrive = new(DeadSelection.All.Of(world.Backbone.Store, queue), PerSecond: 3, ToEnd: false, Began: 1);
        world.Backbone.Housekeep();
        await world.RestartAsync();
        var moved = queue.LastRedrive.Moved;

        queue = world.Queue("billing");
        world.Backbone.Housekeep();

        Assert.Null(queue.LastRedrive);
        Assert.Equal((moved, 10 - moved), ((await world.ReceiveAsync("billing", max: 100)).Count, queue.State.Queue.Dead.Count));
    }

    [Fact]
    public async Task What_dies_again_was_not_chosen()
    {
        await using var world = await WithDeadAsync(3);
        var queue = world.Queue("billing");
        var choice = DeadSelection.All.Of(world.Backbone.Store, queue);
        await world.Backbone.ChangeAsync(() => queue.Redrive(DeadSelection.All.Of(world.Backbone.Store, queue).Take(1), toEnd: false), TestContext.Current.CancellationToken);
        await world.RefuseAsync("billing", Assert.Single(await world.ReceiveAsync("billing")));

        Assert.Equal(3, queue.State.Queue.Dead.Count);
        Assert.Equal([1ul, 2], choice.Take(10).Select(entry => entry.Place.Offset));
        Assert.Equal(0, choice.Left);
    }

    [Fact]
    public async Task An_event_that_is_named_twice_comes_back_once()
    {
        await using var world = await WithDeadAsync(1);
        var queue = world.Queue("billing");
        var place = Assert.Single(queue.State.Queue.Dead.Keys);

        await world.Backbone.ChangeAsync(() => queue.Redrive(new DeadSelection([place, place], null).Of(world.Backbone.Store, queue).Take(10), toEnd: false), TestContext.Current.CancellationToken);

        Assert.Single(await world.ReceiveAsync("billing"));
    }

    [Theory]
    [InlineData(255)]
    [InlineData(256)]
    public async Task A_reason_is_not_cut_within_a_character(int before)
    {
        await using var world = await World.StartAsync(Orders);
        await world.PublishAsync("orders", "one");
        await world.RefuseAsync("billing", Assert.Single(await world.ReceiveAsync("billing")), reason: new string('x', before) + "😀 and more");

        var kept = Assert.Single(Assert.Single(world.Queue("billing").State.Queue.Dead.Values).History).Reason;

        Assert.Equal(new string('x', before), kept);
    }

    /// <summary>So many events that are dead.</summary>
    private static async Task<World> WithDeadAsync(int count)
    {
        var world = await World.StartAsync(Orders);
        for (var i = 0; i < count; i++)
        {
            await world.PublishAsync("orders", $"{i}");
            await world.RefuseAsync("billing", Assert.Single(await world.ReceiveAsync("billing")));
        }

        return world;
    }
}
