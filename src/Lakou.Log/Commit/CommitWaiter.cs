using System.IO.Pipelines;
using System.Threading.Tasks.Sources;

namespace Lakou.Log.Commit;

/// <summary>One caller that waits for a batch. Used again: awaited once, then back in its journal's stack.</summary>
internal sealed class CommitWaiter(Action<CommitWaiter> giveBack) : IValueTaskSource
{
    private ManualResetValueTaskSourceCore<bool> _core;

    /// <summary>Where its continuation runs; null for the thread pool.</summary>
    public PipeScheduler? Scheduler { get; set; }

    /// <summary>The next one of the same batch, or of the same stack.</summary>
    public CommitWaiter? Next { get; set; }

    public ValueTask Task => new(this, _core.Version);

    public void Complete(Exception? failure)
    {
        if (failure is null)
        {
            _core.SetResult(true);
        }
        else
        {
            _core.SetException(failure);
        }
    }

    public void GetResult(short token)
    {
        try
        {
            _core.GetResult(token);
        }
        finally
        {
            _core.Reset();
            giveBack(this);
        }
    }

    public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
        => _core.OnCompleted(continuation, state, token, flags);
}
