namespace Lakou.Core.Time;

/// <summary>Times as durable formats hold them.</summary>
public static class UnixTime
{
    /// <summary>Microseconds since 1970, UTC.</summary>
    public static long GetMicroseconds(this TimeProvider time) => Microseconds(time.GetUtcNow());

    public static long Microseconds(DateTimeOffset at) => (at.UtcTicks - DateTimeOffset.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;

    public static DateTimeOffset FromMicroseconds(long microseconds) => DateTimeOffset.UnixEpoch.AddTicks(microseconds * TimeSpan.TicksPerMicrosecond);
}
