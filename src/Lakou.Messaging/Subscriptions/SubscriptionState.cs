using Lakou.Messaging.Store;
using Lakou.Messaging.Topics;

namespace Lakou.Messaging.Subscriptions;

/// <summary>What is known of a subscription for good: it is replayed from the journal.</summary>
internal sealed class SubscriptionState(int id, string name, TopicState topic, SubscriptionMode mode)
{
    public int Id => id;

    public string Name => name;

    public TopicState Topic => topic;

    public SubscriptionMode Mode => mode;

    public bool IsByHand { get; set; }

    /// <summary>As JSON text, when it was made by hand.</summary>
    public string Options { get; set; } = "";

    /// <summary>By a request, besides what the file says.</summary>
    public bool IsPaused { get; set; }

    /// <summary>Of a queue.</summary>
    public QueueFacts Queue { get; } = new(mode == SubscriptionMode.Queue ? topic.Partitions.Length : 0);

    /// <summary>Of a log: how far its reader is, for each partition the first offset that it is not through with.</summary>
    public ulong[] Committed { get; } = new ulong[mode == SubscriptionMode.Log ? topic.Partitions.Length : 0];

    /// <summary>Where it begins.</summary>
    public void Seek(ref RecordReader record)
    {
        if (mode == SubscriptionMode.Queue)
        {
            Queue.ApplySought(ref record);
            return;
        }

        var count = record.Short();
        for (var partition = 0; partition < count; partition++)
        {
            Committed[partition] = record.ULong();
        }
    }
}
