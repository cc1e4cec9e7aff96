using Lakou.Messaging.Topics;

namespace Lakou.Messaging.Subscriptions;

internal enum EntryState : byte
{
    /// <summary>With a worker, until <see cref="QueueEntry.Due"/>.</summary>
    Leased,

    /// <summary>Comes again at <see cref="QueueEntry.Due"/>.</summary>
    Waiting,

    /// <summary>Given up on at <see cref="QueueEntry.Due"/>.</summary>
    Dead,
}

/// <summary>Why an attempt came to nothing.</summary>
internal enum AttemptEnd : byte
{
    /// <summary>The worker said so.</summary>
    Refused,

    /// <summary>The lease ended before the worker said anything.</summary>
    Expired,

    /// <summary>The answer with the lease never reached the worker; not counted.</summary>
    Undelivered,

    /// <summary>The event itself cannot be read any more.</summary>
    Unreadable,
}

/// <param name="At">When it ended, µs since 1970.</param>
/// <param name="Reason">As the worker gave it, at most <see cref="QueueEntry.ReasonLength"/> characters.</param>
internal readonly record struct Attempt(long At, AttemptEnd End, string Reason);

/// <summary>An event that a queue has given out and that is not finished.</summary>
internal sealed class QueueEntry(EventPlace place, ulong key, byte priority)
{
    /// <summary>What is kept of a reason; more belongs into the worker's log.</summary>
    public const int ReasonLength = 256;

    /// <summary>What is kept of a reason. A character of two halves stays whole, or goes.</summary>
    public static string Clip(string reason)
        => reason.Length <= ReasonLength ? reason : reason[..(char.IsHighSurrogate(reason[ReasonLength - 1]) ? ReasonLength - 1 : ReasonLength)];

    // Enough to see how it went on; a retry policy may allow a thousand.
    private const int HistoryLength = 32;

    private List<Attempt>? _history;

    public EventPlace Place => place;

    /// <summary>Hash of the event's key; 0 for none.</summary>
    public ulong Key => key;

    public byte Priority => priority;

    public EntryState State { get; set; }

    /// <summary>How often it was given out, those that did not count left out.</summary>
    public int Attempts { get; set; }

    /// <summary>LSN of the record that gave it out: who shows another lost it.</summary>
    public ulong Lease { get; set; }

    /// <summary>See <see cref="EntryState"/>; µs since 1970.</summary>
    public long Due { get; set; }

    /// <summary>Its place among events with its key: its offset, or after a redrive to the end, the end of that moment.</summary>
    public ulong Rank { get; set; } = place.Offset;

    /// <summary>The last attempts that came to nothing, oldest first.</summary>
    public IReadOnlyList<Attempt> History => _history ?? (IReadOnlyList<Attempt>)[];

    public void Note(in Attempt attempt)
    {
        _history ??= [];
        if (_history.Count == HistoryLength)
        {
            _history.RemoveAt(0);
        }

        _history.Add(attempt);
    }
}
