using Lakou.Core.Events;

namespace Lakou.Messaging.Tests.Conformance;

/// <summary>What a store has to do for topics, subscriptions and keys, whatever keeps it. Time is the caller's.</summary>
internal interface IEventStore : IAsyncDisposable
{
    IKeyStore Keys { get; }

    /// <summary>All or none.</summary>
    Task<IReadOnlyList<Placed>> PublishAsync(string topic, IReadOnlyList<Sent> events, TimeSpan delay);

    /// <summary>What there is; none when there is nothing.</summary>
    Task<IReadOnlyList<Taken>> ReceiveAsync(string queue, int max);

    /// <returns>How many leases held their event.</returns>
    Task<int> AcknowledgeAsync(string queue, IReadOnlyList<string> leases);

    /// <param name="delay">Null: as the retry policy says.</param>
    Task<int> RefuseAsync(string queue, IReadOnlyList<string> leases, TimeSpan? delay, string reason);

    Task<int> ExtendAsync(string queue, IReadOnlyList<string> leases, TimeSpan by);

    /// <summary>Oldest first.</summary>
    Task<IReadOnlyList<DeadOne>> DeadAsync(string queue);

    /// <param name="type">Only those of this type; null for all.</param>
    Task RedriveAsync(string queue, string? type, bool toEnd);

    /// <param name="offsets">By partition.</param>
    Task SeekAsync(string queue, ulong[] offsets);

    Task PauseAsync(string queue, bool isPaused);

    /// <summary>Events of a topic from these offsets on; afterwards, the first to read next.</summary>
    Task<IReadOnlyList<Read>> ReadAsync(string topic, ulong[] offsets);

    Task CommitAsync(string log, ulong[] offsets);

    Task<ulong[]> CommittedAsync(string log);

    /// <summary>Time passes, and what is due is done.</summary>
    Task PassAsync(TimeSpan time);

    /// <summary>The process ends, and another one begins.</summary>
    Task RestartAsync();
}

/// <param name="Id">With the source <c>/tests</c>, what it is known by.</param>
/// <param name="Key">Its subject; null for none.</param>
internal sealed record Sent(string Id, string? Key = null, string Type = "test", int? Priority = null);

internal sealed record Placed(int Partition, ulong? Offset, bool IsDuplicate);

internal sealed record Taken(string Id, string Lease, int Attempt);

internal sealed record DeadOne(string Id, IReadOnlyList<string> Reasons);

internal sealed record Read(string Id, int Partition, ulong Offset);
