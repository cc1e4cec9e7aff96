namespace Lakou.Gateway.Upstreams.Balancing;

/// <summary>
/// How long an endpoint takes to answer, as a peak-sensitive moving average: a slower answer counts at once, a faster one by how long ago the last
/// one was. Source: Finagle's Peak EWMA. One word, changed by compare and swap:
/// <code>
/// 63        32 31         0
/// seconds f32 │ when u32     in sixteenths of a millisecond; 0: nothing known
/// </code>
/// </summary>
internal sealed class AnswerTimes(TimeProvider time)
{
    private const double DecaySeconds = 10; // Finagle's decay time
    private const float FailureSeconds = 1; // at least; far above a healthy answer, and forgotten within a minute
    private const float ShortestSeconds = 1e-6f; // that no product with it is nothing

    // An unknown endpoint with requests on their way: taken only if the other is unknown too, and busier.
    private const double Unknown = 1e9;

    private readonly double _secondsPerTick = 1.0 / time.TimestampFrequency;
    private long _state;

    public long Now => time.GetTimestamp();

    /// <summary>An answer began.</summary>
    /// <param name="elapsed">Since the request was sent, in ticks of timestamps.</param>
    /// <param name="now">A timestamp.</param>
    public void Observe(long elapsed, long now) => Record((float)(elapsed * _secondsPerTick), now);

    /// <summary>There was none, and the endpoint is to blame: however quickly that showed, it is no quick answer.</summary>
    public void Fail(long elapsed) => Record(Math.Max((float)(elapsed * _secondsPerTick), FailureSeconds), Now);

    /// <summary>
    /// What one more request would wait for. An endpoint left alone is slowly forgiven; with a request on its way it is as slow as it was until that is
    /// answered, so that a forgiven one is asked once, not flooded.
    /// </summary>
    public double Load(int inFlight, int weight, long now)
    {
        var state = Volatile.Read(ref _state);
        if (state == 0)
        {
            return inFlight == 0 ? 0 : Unknown + inFlight;
        }

        double seconds = SecondsOf(state);
        return inFlight == 0 ? seconds * Remaining(StampOf(now) - (int)state) : seconds * (inFlight + weight) / weight;
    }

    private void Record(float seconds, long now)
    {
        seconds = Math.Max(seconds, ShortestSeconds);
        while (true)
        {
            var before = Volatile.Read(ref _state);
            var stamp = StampOf(now);
            var average = seconds;
            if (before != 0)
            {
                // Whoever read the clock earlier and comes later does not turn it back.
                var age = Math.Max(0, stamp - (int)before);
                var known = SecondsOf(before);
                stamp = (int)before + age;
                average = seconds >= known ? seconds : seconds + ((known - seconds) * (float)Remaining(age));
            }

            var after = ((long)BitConverter.SingleToUInt32Bits(average) << 32) | (uint)stamp;
            if (Interlocked.CompareExchange(ref _state, after, before) == before)
            {
                return;
            }
        }
    }

    /// <summary>The share of what was known that still counts.</summary>
    private static double Remaining(int age) => age <= 0 ? 1 : Math.Exp(age / (-16_000 * DecaySeconds));

    private static float SecondsOf(long state) => BitConverter.UInt32BitsToSingle((uint)(state >> 32));

    /// <summary>Wraps after three days; a difference is right if it is of less than a day and a half.</summary>
    private int StampOf(long now) => (int)(long)(now * _secondsPerTick * 16_000);
}
