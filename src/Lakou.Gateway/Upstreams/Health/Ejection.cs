using Lakou.Core.Configuration;

namespace Lakou.Gateway.Upstreams.Health;

/// <summary>
/// The ejections of one endpoint. Each in a row lasts longer, as Envoy's do: n times <c>eject-for</c>, at most <c>max-eject-for</c>.
/// Every <c>eject-for</c> spent in service takes one back.
/// </summary>
internal sealed class Ejection
{
    private long _returnedAt;

    public bool IsOn { get; private set; }

    /// <summary>A timestamp.</summary>
    public long Until { get; private set; }

    public int InRow { get; private set; }

    /// <summary>Why and for how long; good while it is on.</summary>
    public string Reason { get; private set; } = "";

    public void Begin(string reason, PassiveOptions options, long now, TimeProvider time)
    {
        // 1. What good service has earned. 2. One more, but no more than make a difference: the number never overflows.
        var most = (int)Math.Min(Math.Ceiling(options.MaxEjectFor / options.EjectFor), int.MaxValue - 1);
        var earned = time.GetElapsedTime(_returnedAt, now) / options.EjectFor;
        InRow = Math.Min(most, (earned >= InRow ? 0 : InRow - (int)earned) + 1);
        var lasts = options.EjectFor * InRow;
        lasts = lasts < options.MaxEjectFor ? lasts : options.MaxEjectFor;
        (IsOn, Until, Reason) = (true, now + Ticks(lasts, time), $"{reason}; for {Durations.Format(lasts)}");
    }

    public void End(long now) => (IsOn, _returnedAt) = (false, now);

    /// <summary>An operator says that all is well.</summary>
    public void Forget() => (IsOn, InRow) = (false, 0);

    public static long Ticks(TimeSpan span, TimeProvider time) => (long)(span.TotalSeconds * time.TimestampFrequency);

    /// <summary>How many of so many may be ejected at a time.</summary>
    public static int Most(int endpoints, double share)
        => endpoints < 2 ? 0 : Math.Max(1, (int)((endpoints * share) + 1e-9)); // 100 times 0.29 is a little less than 29
}
