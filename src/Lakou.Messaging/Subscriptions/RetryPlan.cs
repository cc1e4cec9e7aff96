namespace Lakou.Messaging.Subscriptions;

/// <summary>When an event comes again that was not acknowledged: a wait that grows to a cap, or a list of waits.</summary>
/// <param name="Attempts">Most of them, the first included; then the event is dead.</param>
/// <param name="Schedule">The waits after the first attempt and so on; empty where they grow. The last repeats.</param>
internal sealed record RetryPlan(TimeSpan First, double Factor, TimeSpan Cap, int Attempts, Jitter Jitter, IReadOnlyList<TimeSpan> Schedule)
{
    // RabbitMQ's delivery-limit of quorum queues.
    private const int DefaultAttempts = 20;

    public static RetryPlan Build(RetryOptions options) => new(
        options.First, options.Factor, options.Cap, options.Attempts ?? options.Schedule?.Count + 1 ?? DefaultAttempts, options.Jitter, options.Schedule ?? []);

    /// <param name="attempt">The one that failed; from 1.</param>
    /// <param name="random">For the jitter.</param>
    /// <returns>How long to wait before the next; the caller looks at <see cref="Attempts"/>.</returns>
    public TimeSpan DelayAfter(int attempt, Random random)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(attempt, 1);
        return Jitter.Spread(Schedule.Count > 0 ? Schedule[Math.Min(attempt, Schedule.Count) - 1] : Grown(attempt), random);
    }

    // In floating point, where what is beyond all bounds is infinite and the cap is less.
    private TimeSpan Grown(int attempt) => TimeSpan.FromTicks((long)Math.Min(Cap.Ticks, First.Ticks * Math.Pow(Factor, attempt - 1)));
}
