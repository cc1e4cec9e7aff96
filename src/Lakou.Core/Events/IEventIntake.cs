using System.Buffers;
using Lakou.Core.Faults;

namespace Lakou.Core.Events;

/// <summary>Where a request becomes an event: what the gateway knows of the backbone.</summary>
public interface IEventIntake
{
    /// <summary>
    /// Reads the events of a message and stores them, all or none. Completes once they are as durable as the store's <c>sync</c> says, or with
    /// the fault for which nothing was stored. Completes on any thread.
    /// </summary>
    /// <param name="submission">Its body is not touched after the task has completed, however it completed.</param>
    /// <param name="cancellation">Ends the wait alone: who gives up does not know whether the events were stored.</param>
    ValueTask<EventReceipt> AcceptAsync(EventSubmission submission, CancellationToken cancellation);
}

/// <summary>A message of HTTP that holds events: CloudEvents in binary, structured or batch form, or data that gets its attributes here.</summary>
public sealed record EventSubmission
{
    /// <summary>Name of the topic.</summary>
    public required string Topic { get; init; }

    /// <summary>As the sender wrote it; null when it did not.</summary>
    public string? ContentType { get; init; }

    /// <summary>
    /// The fields whose names begin with <c>ce-</c>, in any case of letters, in their order; values as on the wire, in Latin-1. A field of two
    /// lines is here twice.
    /// </summary>
    public IReadOnlyList<KeyValuePair<string, string>> Fields { get; init; } = [];

    /// <summary>Without framing; empty for an event without data.</summary>
    public ReadOnlySequence<byte> Body { get; init; }

    /// <summary>Of events whose sender gives no <c>type</c>; null for the topic's own.</summary>
    public string? Type { get; init; }

    /// <summary>Of events whose sender gives no <c>source</c>; null for the topic's own.</summary>
    public string? Source { get; init; }

    /// <summary>How long the events are held before anybody sees them; zero for not at all.</summary>
    public TimeSpan Delay { get; init; }

    /// <summary>W3C trace context of the request: an attribute of each event that brings no <c>traceparent</c> of its own.</summary>
    public string? Traceparent { get; init; }

    /// <summary>Goes with <see cref="Traceparent"/>, or not at all.</summary>
    public string? Tracestate { get; init; }
}

/// <summary>What became of a submission.</summary>
public sealed record EventReceipt
{
    /// <summary>Why nothing was stored; null when all was.</summary>
    public Fault? Fault { get; init; }

    /// <summary>Whether the message was a batch, be it of one event or of none.</summary>
    public bool IsBatch { get; init; }

    /// <summary>In the order of the message.</summary>
    public IReadOnlyList<AcceptedEvent> Events { get; init; } = [];

    public static EventReceipt Refused(Fault fault) => new() { Fault = fault };
}

/// <summary>Where an accepted event is.</summary>
/// <param name="Id">UTF-8. Good for as long as its receipt is held.</param>
/// <param name="Partition">From 0; means nothing without an offset.</param>
/// <param name="Offset">In its partition, from 0; null for a delayed event, which gets its place when it is due.</param>
public readonly record struct AcceptedEvent(ReadOnlyMemory<byte> Id, int Partition, ulong? Offset)
{
    /// <summary>An event with this source and id was accepted before; the place is that one's, and nothing was stored.</summary>
    public bool IsDuplicate { get; init; }

    /// <summary>When it may be seen; null for at once.</summary>
    public DateTimeOffset? Due { get; init; }
}
