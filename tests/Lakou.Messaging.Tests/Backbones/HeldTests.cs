using Lakou.Core.Time;
using Lakou.Messaging.Tests.Harness;

namespace Lakou.Messaging.Tests.Backbones;

public sealed class HeldTests
{
    [Fact]
    public async Task Files_of_held_events_go_when_all_of_them_are_released()
    {
        await using var world = await World.StartAsync("""
            topics: { orders: { segment: 1MiB } }
            subscriptions: { billing: { topic: orders } }
            """);
        for (var i = 0; i < 5; i++)
        {
            await world.PublishAsync("orders", new string('x', 600_000), delay: TimeSpan.FromMilliseconds(1));
        }

        var kept = await world.PublishAsync("orders", "later", delay: TimeSpan.FromDays(1));
        for (var got = 0; got < 5;)
        {
            got += (await world.ReceiveAsync("billing", waitMs: 10_000)).Count;
        }

        world.Backbone.Housekeep();
        Assert.Single(Held());

        // What is held yet is there after a restart as well.
        await world.RestartAsync();
        Assert.Single(Held());
        Assert.Equal(UnixTime.Microseconds(kept.Due!.Value), Assert.Single(world.Queue("billing").State.Topic.Held.Values).Due);

        string[] Held() => Directory.GetFiles(Directory.GetDirectories(world.Topics, "held", SearchOption.AllDirectories).Single());
    }
}
