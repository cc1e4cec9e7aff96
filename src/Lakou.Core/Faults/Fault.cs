namespace Lakou.Core.Faults;

/// <summary>Who has to act so that the failure does not come again.</summary>
public enum FaultParty
{
    Client,
    Upstream,
    Operator,
    Disk,
    Lakou,
}

/// <summary>Whether the same request may be sent again.</summary>
public enum RetryAdvice
{
    /// <summary>The same request fails again.</summary>
    Never,

    /// <summary>Safe to send again at once: nothing was done.</summary>
    Now,

    /// <summary>Send again later; nothing was done.</summary>
    Later,

    /// <summary>It is not known whether the work was done: only idempotent requests may be sent again.</summary>
    IfIdempotent,
}

/// <summary>
/// One kind of expected failure. Declared as a static field in the folder that raises it;
/// <c>docs/reference/faults.md</c> lists them all.
/// </summary>
/// <param name="Name">Stable and kebab-case, <c>room/what</c>: <c>upstream/connect-timeout</c>.</param>
/// <param name="Party">Who must act.</param>
/// <param name="Status">HTTP status (RFC 9110 §15) when it ends a request; 0 when it never does.</param>
/// <param name="Title">One line for people; the same for every occurrence.</param>
/// <param name="Retry">What a sender may do.</param>
public sealed record FaultCode(string Name, FaultParty Party, int Status, string Title, RetryAdvice Retry = RetryAdvice.Never)
{
    /// <summary>One occurrence of this code.</summary>
    /// <param name="detail">What was wrong this time, and what would be right. Never holds a secret.</param>
    /// <param name="retryAfter">When known, how long to wait.</param>
    public Fault With(string detail, TimeSpan? retryAfter = null) => new(this, detail, retryAfter);

    public override string ToString() => Name;
}

/// <summary>An expected failure, as a value.</summary>
public sealed record Fault(FaultCode Code, string Detail, TimeSpan? RetryAfter = null)
{
    /// <summary>What a client may read of a fault that is not its own, whose <see cref="Detail"/> names addresses; null for nothing.</summary>
    public string? ClientDetail { get; init; }

    public override string ToString() => $"{Code.Name}: {Detail}";
}
