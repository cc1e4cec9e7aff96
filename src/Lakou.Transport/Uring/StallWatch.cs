using Microsoft.Extensions.Logging;

namespace Lakou.Transport.Uring;

/// <summary>
/// Looks from outside whether the loops move. Whatever blocks on a loop holds up every connection of it; a loop that was awake
/// and made no step between two looks is counted, and named once in the log.
/// </summary>
internal sealed class StallWatch : IDisposable
{
    // Two looks apart a loop has had at least this long for one step: a hundred times what a large request takes.
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(100);

    private readonly (Loop Loop, long Progress, bool Stalled)[] _seen;
    private readonly ILogger _log;
    private readonly ITimer _timer;
    private long _stalls;

    public StallWatch(IEnumerable<Loop> loops, ILogger log)
    {
        _seen = [.. loops.Select(loop => (loop, -1L, false))];
        _log = log;
        // The real clock, whatever the transport's is: a thread that hangs hangs in real time.
        _timer = TimeProvider.System.CreateTimer(static state => ((StallWatch)state!).Look(), this, Period, Period);
    }

    /// <summary>Times that a loop was held up.</summary>
    public long Stalls => Volatile.Read(ref _stalls);

    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        lock (_seen)
        {
            for (var i = 0; i < _seen.Length; i++)
            {
                ref var seen = ref _seen[i];
                var progress = seen.Loop.Progress;
                if (progress != seen.Progress || seen.Loop.IsAsleep)
                {
                    seen = (seen.Loop, progress, false);
                }
                else if (!seen.Stalled && seen.Loop.Running is { } running) // with nothing running it waits for the kernel, or for a core
                {
                    seen.Stalled = true;
                    Interlocked.Increment(ref _stalls);
                    _log.LogWarning("Event loop {Loop} has been held up for {Milliseconds} ms by {What}; something on it blocks", seen.Loop.Number, Period.TotalMilliseconds, running);
                }
            }
        }
    }
}
