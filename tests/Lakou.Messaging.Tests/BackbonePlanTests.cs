using Lakou.Log;
using Lakou.Messaging.Store;
using Lakou.Messaging.Tests.Harness;

namespace Lakou.Messaging.Tests;

public sealed class BackbonePlanTests
{
    [Fact]
    public void A_file_without_store_and_topics_has_no_backbone()
    {
        var plan = Written.Plan("store: ~\ntopics: {}");
        Assert.Equal((null, 0, 0), (Written.Plan("topics: {}").Store, plan.Topics.Count, plan.Subscriptions.Count));
    }

    [Fact]
    public void Topics_have_a_store_beside_the_file_where_none_is_written()
        => Assert.Equal(new StorePlan("/etc/lakou/data", SyncMode.Group, 64 << 20, 1_000_000, ""), Written.Plan("topics: { orders: {} }").Store);

    [Fact]
    public void A_store_may_be_there_before_its_topics()
        => Assert.Equal("/var/lib/lakou", Written.Plan("store: { path: /var/lib/lakou }").Store!.Path);

    [Fact]
    public void A_subscription_reads_a_topic_of_the_file()
    {
        var plan = Written.Plan("topics: { a.b: {}, orders: {} }\nsubscriptions: { one: { topic: a.b }, two: { topic: orders } }");
        Assert.Equal(["a.b", "orders"], plan.Subscriptions.Values.Select(subscription => subscription.Topic));
    }

    [Theory]
    [InlineData("topics: { orders: {} }\nsubscriptions: { billing: { topic: ordes } }", "subscriptions.billing.topic: unknown topic 'ordes'; did you mean 'orders'?")]
    [InlineData("topics: { clicks: {}, orders: {} }\nsubscriptions: { billing: { topic: mail } }", "subscriptions.billing.topic: unknown topic 'mail'; known: clicks, orders")]
    [InlineData("subscriptions: { billing: { topic: orders } }", "subscriptions.billing.topic: unknown topic 'orders'; add topics: { orders: {} }")]
    [InlineData("topics: { orders: { partitions: 0 } }\nsubscriptions: { billing: { topic: orders } }", "topics.orders.partitions: 0 is not allowed; 1 to 256")]
    [InlineData("topics: { Orders: {} }", "topics.Orders: 'Orders' is not allowed; a name is 1 to 63 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit")]
    [InlineData("topics: { orders: {} }\nsubscriptions: { billing: {} }", "subscriptions.billing: required key 'topic' is missing")]
    [InlineData("topics: [ orders ]", "topics: expected a map, not a list")]
    public void What_does_not_go_together_is_told(string yaml, string problem) => Assert.Equal([problem], Written.Problems(yaml));

    [Fact]
    public void Everything_that_is_wrong_is_told_at_once() => Assert.Equal(4, Written.Problems("""
        store: { sync: always }
        topics: { orders: { retention: 1s } }
        subscriptions: { a: { topic: x, lease: 1ms }, b: { topic: orders } }
        """).Length);

    [Fact]
    public void A_fingerprint_tells_what_changed_and_nothing_else()
    {
        var before = Written.Plan("topics: { a: {}, b: { partitions: 2 } }\nsubscriptions: { s: { topic: a, lease: 1m } }");
        var after = Written.Plan("topics: { b: { partitions: 3 }, a: {} } # a remark\nsubscriptions: { s: { lease: 1m, topic: a } }");
        Assert.Equal(before.Topics["a"], after.Topics["a"]);
        Assert.NotEqual(before.Topics["b"].Fingerprint, after.Topics["b"].Fingerprint);
        Assert.Equal(before.Subscriptions["s"].Fingerprint, after.Subscriptions["s"].Fingerprint);
    }
}
