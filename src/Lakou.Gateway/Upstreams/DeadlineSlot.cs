namespace Lakou.Gateway.Upstreams;

/// <summary>
/// A deadline that fires at most once, and for good: the sweeper replaces exactly the value that it saw, so a deadline
/// cleared or moved meanwhile is never taken for one that passed. What is waited for lies in the low bits of when, so that both change at once.
/// </summary>
internal struct DeadlineSlot
{
    private const long Fired = -1;
    private const long Never = 0;
    private const long WaitBits = 7; // rounds a deadline by 8 ticks of the clock

    private long _deadline;

    /// <summary>False when it has fired before.</summary>
    public bool Set(Wait what, long at) => Replace(what == Wait.Nothing ? Never : (at & ~WaitBits) | (long)what);

    public bool Clear() => Replace(Never);

    /// <summary>What was waited for too long; <see cref="Wait.Nothing"/> when there is time left.</summary>
    public Wait Fire(long now)
    {
        var deadline = Volatile.Read(ref _deadline);
        return deadline > 0 && now >= deadline && Interlocked.CompareExchange(ref _deadline, Fired, deadline) == deadline
            ? (Wait)(deadline & WaitBits)
            : Wait.Nothing;
    }

    private bool Replace(long deadline)
    {
        // Besides the sweeper there are two writers: the pump and the reader of the answer.
        while (true)
        {
            var before = Volatile.Read(ref _deadline);
            if (before == Fired)
            {
                return false;
            }

            if (Interlocked.CompareExchange(ref _deadline, deadline, before) == before)
            {
                return true;
            }
        }
    }
}
