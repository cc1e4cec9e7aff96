namespace Lakou.Messaging.Store;

/// <summary>
/// What a record of the journal says happened. Facts, not wishes: replaying them never decides anything again, so a changed configuration does not
/// change the past. The numbers are on disk, never to be used for anything else.
/// </summary>
internal enum RecordKind : byte
{
    None = 0,

    /// <summary>A topic exists, with these options: made, or changed.</summary>
    TopicDeclared = 1,
    TopicDeleted = 2,

    /// <summary>Events have places in partitions, and can be seen.</summary>
    Published = 3,

    /// <summary>Events wait until they are due.</summary>
    Held = 4,

    /// <summary>Events of a partition before an offset are gone, by retention.</summary>
    Trimmed = 5,

    SubscriptionDeclared = 10,
    SubscriptionDeleted = 11,
    Paused = 12,

    /// <summary>Events were given to a worker, until a deadline.</summary>
    Leased = 13,
    Extended = 14,
    Acknowledged = 15,

    /// <summary>Attempts failed; the events come again.</summary>
    Retried = 16,

    /// <summary>Attempts failed, and were the last.</summary>
    Died = 17,
    Redriven = 18,

    /// <summary>Dead events are not kept any more.</summary>
    Dropped = 19,

    /// <summary>Events were passed over: a filter does not want them, or they cannot be read.</summary>
    Skipped = 20,

    /// <summary>The subscription begins again at these offsets.</summary>
    Sought = 21,

    /// <summary>A reader of a log is through with what is before these offsets.</summary>
    Committed = 22,

    KeyReserved = 30,
    KeyCompleted = 31,
    KeyAborted = 32,

    /// <summary>Committed records could not be read at a start.</summary>
    Damaged = 40,
}
