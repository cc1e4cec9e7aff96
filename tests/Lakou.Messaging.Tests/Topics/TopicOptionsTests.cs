using Lakou.Messaging.Tests.Harness;
using Lakou.Messaging.Topics;

namespace Lakou.Messaging.Tests.Topics;

public sealed class TopicOptionsTests
{
    [Fact]
    public void Everything_that_may_be_written_is_read()
    {
        var topic = Written.Plan("topics: { orders: { partitions: 8, key: tenant, retention: 3650d, retention-size: 10GiB, dedup: 7d, segment: 1MiB } }").Topics["orders"];
        Assert.Equal(
            new TopicPlan("orders", 8, "tenant", TimeSpan.FromDays(3650), 10L << 30, TimeSpan.FromDays(7), 1 << 20, topic.Fingerprint), topic);
    }

    [Fact]
    public void A_topic_of_which_nothing_is_written_has_defaults()
    {
        var topic = Written.Plan("topics: { orders: }").Topics["orders"];
        Assert.Equal(new TopicPlan("orders", 4, "subject", TimeSpan.FromDays(7), null, TimeSpan.FromHours(1), 16 << 20, topic.Fingerprint), topic);
    }

    [Theory]
    [InlineData("partitions: 256", null)]
    [InlineData("partitions: 257", "partitions: 257 is not allowed; 1 to 256")]
    [InlineData("key: partitionkey", null)]
    [InlineData("key: Subject", "key: expected the name of an attribute, such as subject: a-z and 0-9, not 'Subject'")]
    [InlineData("key: $.customer", "key: expected the name of an attribute, such as subject: a-z and 0-9, not '$.customer'")]
    [InlineData("key: data", "key: data is not allowed; an attribute that tells events apart, such as subject")]
    [InlineData("retention: 1m", null)]
    [InlineData("retention: 59s", "retention: 59s is not allowed; 1m to 3650d")]
    [InlineData("retention: 3651d", "retention: 3651d is not allowed; 1m to 3650d")]
    [InlineData("dedup: 0s", null)]
    [InlineData("dedup: 169h", "dedup: 169h is not allowed; 0s to 7d")]
    [InlineData("segment: 1KiB", "segment: 1KiB is not allowed; 1MiB to 1GiB")]
    [InlineData("retention-size: 64MiB", null)]
    [InlineData("retention-size: 63MiB", "retention-size: 4 partitions of one segment of 16MiB are 64MiB; raise it to that, or lower 'partitions' or 'segment'")]
    public void Bounds_are_kept(string written, string? problem)
        => Assert.Equal(problem is null ? [] : [$"topics.orders.{problem}"], Written.Problems($"topics: {{ orders: {{ {written} }} }}"));
}
