using System.Text.Json;
using Lakou.Core.Time;
using Lakou.Messaging.Subscriptions;

namespace Lakou.Messaging.Http;

/// <param name="Id">As the sender gave it, or made here.</param>
/// <param name="Offset">In its partition; absent for an event that is held until it is due.</param>
/// <param name="Duplicate">It was accepted before, and is there once.</param>
/// <param name="Count">Of a batch.</param>
/// <param name="Events">Of a batch.</param>
internal sealed record ReceiptView(string Topic, string? Id, int? Partition, ulong? Offset, bool? Duplicate, DateTimeOffset? Due, int? Count, IReadOnlyList<AcceptedView>? Events);

internal sealed record AcceptedView(string Id, int Partition, ulong? Offset, bool? Duplicate, DateTimeOffset? Due);

/// <param name="Event">A CloudEvent in structured form.</param>
internal sealed record EventView(int Partition, ulong Offset, JsonElement Event);

/// <param name="Positions">By partition, where to read on.</param>
internal sealed record EventsView(IReadOnlyList<EventView> Events, IReadOnlyDictionary<string, ulong> Positions);

/// <param name="Lease">Shown to finish the event.</param>
/// <param name="Attempt">From 1.</param>
internal sealed record DeliveredView(string? Lease, int? Attempt, int Partition, ulong Offset, JsonElement Event);

/// <param name="Now">By Lakou's clock, so that a worker whose own is wrong knows how long it has.</param>
/// <param name="Deadline">When the leases end unless they are extended.</param>
/// <param name="Positions">Of a log: what to commit when these are done.</param>
internal sealed record DeliveryView(DateTimeOffset? Now, DateTimeOffset? Deadline, IReadOnlyList<DeliveredView> Events, IReadOnlyDictionary<string, ulong>? Positions);

/// <param name="Done">How many leases held their event.</param>
/// <param name="Gone">Those that did not.</param>
internal sealed record SettlementView(int Done, IReadOnlyList<string> Gone);

internal sealed record PositionsView(IReadOnlyDictionary<string, ulong> Positions);

internal sealed record TopicsView(IReadOnlyList<TopicView> Topics);

/// <param name="Origin"><c>file</c> or <c>api</c>.</param>
/// <param name="Held">Events that are not due yet.</param>
internal sealed record TopicView(string Name, string Origin, string Key, string Retention, long Events, long Bytes, int Held, IReadOnlyList<string> Subscriptions, IReadOnlyList<PartitionView> Partitions);

/// <param name="Start">The first offset that is kept.</param>
/// <param name="End">The next.</param>
internal sealed record PartitionView(int Partition, ulong Start, ulong End, long Bytes);

internal sealed record SubscriptionsView(IReadOnlyList<SubscriptionView> Subscriptions);

/// <param name="State"><c>running</c>, <c>paused</c>, or <c>dead-full</c>: as many are dead as may be, and nothing more is given out.</param>
/// <param name="Lag">Events that are not finished, dead ones left out.</param>
/// <param name="Leased">Of a queue: out with workers.</param>
/// <param name="Retrying">Of a queue: failed, and to come again.</param>
/// <param name="Dead">Of a queue: given up on.</param>
/// <param name="Waiting">Workers that wait for an event.</param>
/// <param name="Redrive">Of a queue: the redrive with a pace that goes on, or was the last to since Lakou started.</param>
/// <param name="Positions">Of a log: what was committed.</param>
internal sealed record SubscriptionView(
    string Name, string Topic, string Mode, string Order, string Origin, string State, long Lag, int? Leased, int? Retrying, int? Dead, int? Waiting, PacedView? Redrive, IReadOnlyDictionary<string, ulong>? Positions);

/// <param name="Began">Tells it from others.</param>
/// <param name="State"><c>running</c>, <c>done</c> or <c>stopped</c>; another that begins takes its place.</param>
/// <param name="Rate">So many a second.</param>
/// <param name="Moved">How many it has brought back.</param>
/// <param name="Left">Those that it was to bring back, and has not yet.</param>
internal sealed record PacedView(DateTimeOffset Began, string State, int Rate, int Moved, int Left)
{
    /// <summary>Under the store's gate.</summary>
    public static PacedView Of(RedriveJob job)
        => new(UnixTime.FromMicroseconds(job.Began), job.GoesOn ? "running" : job.Choice.Left > 0 ? "stopped" : "done", job.PerSecond, job.Moved, job.Choice.Left);
}

/// <param name="Total">All there are.</param>
internal sealed record DeadView(int Total, IReadOnlyList<DeadEventView> Events);

/// <param name="Place">Names it in redrive and drop.</param>
/// <param name="At">When it died; of others, when it comes again or its lease ends.</param>
/// <param name="Attempts">The last ones that came to nothing, oldest first.</param>
/// <param name="Event">Null when it cannot be read any more.</param>
internal sealed record DeadEventView(string Place, string State, DateTimeOffset At, int Attempt, IReadOnlyList<AttemptView> Attempts, JsonElement? Event);

/// <param name="End"><c>refused</c>, <c>expired</c>, <c>unreadable</c>.</param>
internal sealed record AttemptView(DateTimeOffset At, string End, string Reason)
{
    public static AttemptView Of(Attempt attempt) => new(UnixTime.FromMicroseconds(attempt.At), attempt.End.ToString().ToLowerInvariant(), attempt.Reason);
}

/// <param name="Done">How many.</param>
/// <param name="Left">Of those that were meant, still dead.</param>
/// <param name="Began">Of a redrive with a rate: it goes on, and the subscription shows how far it is.</param>
internal sealed record RedriveView(int Done, int Left, DateTimeOffset? Began);

/// <param name="Sync"><c>group</c>, <c>each</c> or <c>os</c>.</param>
/// <param name="Lsn">The newest record that is committed.</param>
/// <param name="SnapshotLsn">The newest that a snapshot holds.</param>
/// <param name="Full">Publishing is refused because the disk is full.</param>
/// <param name="Damages">What could not be read at starts.</param>
internal sealed record StoreView(string Path, string Sync, ulong Lsn, ulong SnapshotLsn, long FreeBytes, bool Full, int Keys, IReadOnlyList<string> Damages);
