using System.Buffers;
using Lakou.Core.Events;
using Lakou.Messaging.Events;
using Lakou.Messaging.Tests.Harness;
using Microsoft.AspNetCore.Http;

namespace Lakou.Messaging.Tests.Backbones;

/// <summary>Requests that found a topic or a subscription, and come to it when it was deleted.</summary>
public sealed class GoneTests
{
    private static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_comes_to_a_deleted_topic_is_refused_and_not_lost()
    {
        await using var world = await World.StartAsync("topics: { kept: {} }");
        Assert.Null(await world.Backbone.PutTopicAsync("notes", "", Stop));
        Assert.Null(world.Backbone.FindTopic("notes", out var topic));
        using var batch = new EventBatch();
        Assert.Null(EventReader.Read("text/plain", new HeaderDictionary(), new ReadOnlySequence<byte>("one"u8.ToArray()), topic.Terms, batch));
        Assert.Null(await world.Backbone.DeleteTopicAsync("notes", Stop));

        List<AcceptedEvent> accepted = [];
        var fault = await world.Backbone.PublishAsync(topic, batch, TimeSpan.Zero, accepted, null, Stop);
        Assert.Equal(BackboneFaults.NoSuchTopic, fault?.Code);
        Assert.Empty(accepted);

        // One that is made anew under the name takes events.
        Assert.Null(await world.Backbone.PutTopicAsync("notes", "", Stop));
        Assert.Equal(0ul, (await world.PublishAsync("notes", "two")).Offset);
    }

    [Fact]
    public async Task A_worker_who_comes_to_a_deleted_queue_is_refused_and_one_who_waits_is_answered()
    {
        await using var world = await World.StartAsync("topics: { orders: {} }");
        Assert.Null(await world.Backbone.PutSubscriptionAsync("billing", """{"topic": "orders"}""", Stop));
        await world.PublishAsync("orders", "one");
        var worked = await world.ReceiveAsync("billing");
        var queue = world.Queue("billing");
        var waiting = world.Backbone.ReceiveAsync(queue, 1, TimeSpan.FromSeconds(50), null, Stop);
        Assert.Null(await world.Backbone.DeleteSubscriptionAsync("billing", Stop));
        Assert.Empty((await waiting).Delivery.Events);

        await world.PublishAsync("orders", "two");
        Assert.Equal(BackboneFaults.NoSuchSubscription, (await world.Backbone.ReceiveAsync(queue, 1, TimeSpan.Zero, null, Stop)).Fault?.Code);
        var (settlement, _) = await world.Backbone.AcknowledgeAsync(queue, [worked[0].Lease], null, Stop);
        Assert.Equal((0, 1), (settlement.Done, settlement.Gone.Count));
    }
}
