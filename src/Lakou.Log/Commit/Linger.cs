namespace Lakou.Log.Commit;

/// <summary>
/// How long a batch waits for company before its sync. Callers that were answered together come back together: without a pause the first of them would
/// have a sync of its own and all others would wait for two. So a batch waits until about as many are in it as were in the last ones, but for no
/// longer than half of what a sync takes (the advice of PostgreSQL's <c>commit_delay</c>), and not at all while a single caller is all there is.
/// </summary>
internal sealed class Linger
{
    private const double Weight = 1.0 / 8; // of the newest observation, as in RFC 6298's smoothing of round trips

    private static readonly TimeSpan Most = TimeSpan.FromMilliseconds(5); // half a turn of a slow disk: one that stalls for seconds is not waited for as long again

    private double _syncTicks;
    private double _company;

    /// <summary>What a sync takes, smoothed.</summary>
    public TimeSpan SyncTime => TimeSpan.FromTicks((long)_syncTicks);

    /// <summary>How many callers make it pointless to wait for more.</summary>
    public int Enough => (int)_company;

    /// <summary>The longest wait.</summary>
    public TimeSpan Longest => SyncTime / 2 is var half && half < Most ? half : Most;

    /// <param name="sync">How long it took.</param>
    /// <param name="waiting">How many callers it was for.</param>
    public void Observe(TimeSpan sync, int waiting)
    {
        _syncTicks += (sync.Ticks - _syncTicks) * Weight;
        _company += (waiting - _company) * Weight;
    }
}
