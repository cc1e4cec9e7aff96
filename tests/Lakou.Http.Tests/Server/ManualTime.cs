namespace Lakou.Http.Tests.Server;

/// <summary>Time that passes only by <see cref="Advance"/>, which fires what is due before it returns.</summary>
internal sealed class ManualTime : TimeProvider
{
    private readonly Lock _gate = new();
    private readonly List<Timer> _timers = [];
    private DateTimeOffset _now = new(2025, 11, 21, 1, 52, 0, TimeSpan.Zero);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow()
    {
        lock (_gate)
        {
            return _now;
        }
    }

    public override long GetTimestamp() => GetUtcNow().Ticks;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, () => callback(state));
        timer.Change(dueTime, period);
        return timer;
    }

    public void Advance(TimeSpan by)
    {
        Timer[] due;
        lock (_gate)
        {
            _now += by;
            due = [.. _timers.Where(timer => timer.Due <= _now)];
            Array.ForEach(due, timer => timer.Rearm(_now));
        }

        Array.ForEach(due, timer => timer.Fire());
    }

    /// <summary>
    /// Lets time pass in small steps until the outcome is there, because whoever waits may begin to later than the caller thinks.
    /// Returns how much time passed.
    /// </summary>
    public async Task<TimeSpan> PassUntilAsync(Task outcome)
    {
        var start = GetUtcNow();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!outcome.IsCompleted)
        {
            Advance(TimeSpan.FromMilliseconds(500));
            await Task.WhenAny(outcome, Task.Delay(TimeSpan.FromMilliseconds(2), System, patience.Token));
            patience.Token.ThrowIfCancellationRequested();
        }

        await outcome;
        return GetUtcNow() - start;
    }

    private sealed class Timer(ManualTime time, Action fire) : ITimer
    {
        private TimeSpan _period;

        public DateTimeOffset Due { get; private set; }

        public Action Fire => fire;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (time._gate)
            {
                time._timers.Remove(this);
                _period = period;
                if (dueTime != Timeout.InfiniteTimeSpan)
                {
                    Due = time._now + dueTime;
                    time._timers.Add(this);
                }
            }

            return true;
        }

        public void Rearm(DateTimeOffset now)
        {
            Due = now + _period;
            if (_period <= TimeSpan.Zero)
            {
                time._timers.Remove(this);
            }
        }

        public void Dispose() => Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
