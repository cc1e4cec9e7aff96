using Lakou.Messaging.Events;
using Lakou.Messaging.Subscriptions;

namespace Lakou.Messaging.Topics;

/// <summary>A topic that is served.</summary>
internal sealed class TopicRuntime(TopicState state, TopicPlan plan, TimeProvider time)
{
    private TaskCompletionSource? _appended;

    public TopicState State => state;

    public TopicPlan Plan { get; private set; } = plan;

    /// <summary>What its events get that bring no attributes of their own.</summary>
    public EventTerms Terms { get; private set; } = TermsOf(plan, time);

    public List<QueueRuntime> Queues { get; } = [];

    /// <summary>Events without a key go round the partitions.</summary>
    public int NextPartition { get; set; }

    /// <summary>Deleted, while somebody still held it.</summary>
    public bool IsGone { get; set; }

    /// <summary>Events since the start; with <see cref="AcceptedBytes"/> and <see cref="Duplicates"/> for metrics.</summary>
    public long Accepted { get; private set; }

    public long AcceptedBytes { get; private set; }

    public long Duplicates { get; private set; }

    public void Count(int accepted, long bytes, int duplicates)
    {
        Accepted += accepted;
        AcceptedBytes += bytes;
        Duplicates += duplicates;
    }

    public void Change(TopicPlan plan)
    {
        Plan = plan;
        Terms = TermsOf(plan, time);
    }

    /// <summary>Ends when something can be read that could not when this was called. Ask, then look, then wait.</summary>
    public Task AppendedAsync()
    {
        var source = Volatile.Read(ref _appended);
        if (source is null)
        {
            var made = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            source = Interlocked.CompareExchange(ref _appended, made, null) ?? made;
        }

        return source.Task;
    }

    /// <summary>On the writer thread.</summary>
    public void Appended()
    {
        if (Volatile.Read(ref _appended) is not null)
        {
            Interlocked.Exchange(ref _appended, null)?.SetResult();
        }
    }

    private static EventTerms TermsOf(TopicPlan plan, TimeProvider time)
        => new(plan.Key, $"/topics/{plan.Name}", $"{plan.Name}.event", time) { IsDeduplicated = plan.Dedup > TimeSpan.Zero };
}
