using System.Runtime.CompilerServices;
using System.Threading.Tasks.Sources;

namespace Lakou.Http.Tasks;

/// <summary>
/// A suspended async method and the task that its caller awaits. It goes back to its pool when the caller takes the result, so
/// a task is to be awaited once, as every <see cref="ValueTask"/> is.
/// </summary>
internal abstract class PooledMachine<TResult> : IValueTaskSource<TResult>, IValueTaskSource
{
    private readonly Action _continue;
    private ManualResetValueTaskSourceCore<TResult> _source;
    private ExecutionContext? _context;

    protected PooledMachine() => _continue = Continue;

    public short Version => _source.Version;

    /// <summary>What the awaited operation is to call.</summary>
    public Action Suspend()
    {
        _context = ExecutionContext.Capture();
        return _continue;
    }

    public void SetResult(TResult result) => _source.SetResult(result);

    public void SetException(Exception exception) => _source.SetException(exception);

    public ValueTaskSourceStatus GetStatus(short token) => _source.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
        => _source.OnCompleted(continuation, state, token, flags);

    public TResult GetResult(short token)
    {
        try
        {
            return _source.GetResult(token);
        }
        finally
        {
            _source.Reset();
            _context = null;
            Return();
        }
    }

    void IValueTaskSource.GetResult(short token) => GetResult(token);

    protected abstract void MoveNext();

    protected abstract void Return();

    private void Continue()
    {
        if (_context is { } context)
        {
            ExecutionContext.Run(context, static machine => ((PooledMachine<TResult>)machine!).MoveNext(), this);
        }
        else
        {
            MoveNext(); // its flow is suppressed
        }
    }
}

/// <summary>One for each async method. A pool belongs to a thread: an event loop takes and returns without a lock.</summary>
internal sealed class PooledMachine<TResult, TStateMachine> : PooledMachine<TResult>
    where TStateMachine : IAsyncStateMachine
{
    // Requests of one loop that wait at the same time, as a rule; of more, some are made anew.
    private const int PoolMax = 1024;

    [ThreadStatic]
    private static Stack<PooledMachine<TResult, TStateMachine>>? t_pool;

    private TStateMachine? _state;

    public TStateMachine State
    {
        set => _state = value;
    }

    public static PooledMachine<TResult, TStateMachine> Rent() => t_pool?.TryPop(out var machine) == true ? machine : new();

    protected override void MoveNext() => _state!.MoveNext();

    protected override void Return()
    {
        _state = default;
        var pool = t_pool ??= new();
        if (pool.Count < PoolMax)
        {
            pool.Push(this);
        }
    }
}
