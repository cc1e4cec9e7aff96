namespace Lakou.Load;

/// <summary>Counts of latencies by the microsecond, so that percentiles are exact. Several threads may add.</summary>
internal sealed class Latencies
{
    // 10 s: whatever takes longer is counted as this.
    private const int Longest = 10_000_000;

    private readonly int[] _counts = new int[Longest + 1];

    public void Add(TimeSpan latency) => Interlocked.Increment(ref _counts[(int)Math.Clamp(latency.TotalMicroseconds, 0, Longest)]);

    /// <summary>The latency in microseconds that <paramref name="share"/> of all do not exceed; 0 when there are none.</summary>
    public int Percentile(double share)
    {
        var rank = Math.Ceiling(share * _counts.Sum(count => (long)count));
        long seen = 0;
        for (var microseconds = 0; microseconds <= Longest; microseconds++)
        {
            seen += _counts[microseconds];
            if (seen >= rank)
            {
                return microseconds;
            }
        }

        return Longest;
    }
}
