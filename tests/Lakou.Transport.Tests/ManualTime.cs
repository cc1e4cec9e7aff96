namespace Lakou.Transport.Tests;

/// <summary>A clock that moves only when told to.</summary>
internal sealed class ManualTime : TimeProvider
{
    private readonly Lock _gate = new();
    private readonly List<ManualTimer> _timers = [];
    private readonly SemaphoreSlim _timerCreated = new(0);
    private TimeSpan _now = TimeSpan.FromDays(1);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp()
    {
        lock (_gate)
        {
            return _now.Ticks;
        }
    }

    /// <summary>Waits until somebody waits for this clock, and moves it by what they wait for.</summary>
    public async Task<TimeSpan> FireNextTimerAsync(CancellationToken stop)
    {
        await _timerCreated.WaitAsync(stop);
        ManualTimer timer;
        lock (_gate)
        {
            timer = _timers[0];
            _timers.RemoveAt(0);
            _now += timer.DueTime;
        }

        timer.Fire();
        return timer.DueTime;
    }

    /// <summary>Waits until somebody waits for <paramref name="dueTime"/>, and fires that; shorter and longer waits go on.</summary>
    public async Task FireTimerAsync(TimeSpan dueTime, CancellationToken stop)
    {
        for (; ; )
        {
            await _timerCreated.WaitAsync(stop);
            ManualTimer? timer;
            lock (_gate)
            {
                timer = _timers.Find(timer => timer.DueTime == dueTime);
                _timers.RemoveAll(one => one == timer);
                _now += timer?.DueTime ?? TimeSpan.Zero;
            }

            if (timer is not null)
            {
                timer.Fire();
                return;
            }
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ManualTimer(callback, state) { DueTime = dueTime };
        lock (_gate)
        {
            _timers.Add(timer);
        }

        _timerCreated.Release();
        return timer;
    }

    private sealed class ManualTimer(TimerCallback callback, object? state) : ITimer
    {
        private volatile bool _disposed;

        public TimeSpan DueTime { get; init; }

        public void Fire()
        {
            if (!_disposed)
            {
                callback(state);
            }
        }

        public bool Change(TimeSpan dueTime, TimeSpan period) => false;

        public void Dispose() => _disposed = true;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}
