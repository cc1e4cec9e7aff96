using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Lakou.Http.Tasks;

/// <summary>As <see cref="PooledTaskBuilder{TResult}"/>, for methods without a result.</summary>
[SuppressMessage("Performance", "CA1822", Justification = "The compiler calls instance members.")]
public struct PooledTaskBuilder
{
    private PooledTaskBuilder<bool> _builder;

    public readonly ValueTask Task => _builder.Machine is { } machine ? new(machine, machine.Version) : _builder.Failure;

    public static PooledTaskBuilder Create() => default;

    public void Start<TStateMachine>(ref TStateMachine stateMachine)
        where TStateMachine : IAsyncStateMachine => _builder.Start(ref stateMachine);

    public readonly void SetStateMachine(IAsyncStateMachine stateMachine)
    {
    }

    public void SetResult() => _builder.SetResult(true);

    public void SetException(Exception exception) => _builder.SetException(exception);

    public void AwaitOnCompleted<TAwaiter, TStateMachine>(ref TAwaiter awaiter, ref TStateMachine stateMachine)
        where TAwaiter : INotifyCompletion
        where TStateMachine : IAsyncStateMachine => _builder.AwaitOnCompleted(ref awaiter, ref stateMachine);

    public void AwaitUnsafeOnCompleted<TAwaiter, TStateMachine>(ref TAwaiter awaiter, ref TStateMachine stateMachine)
        where TAwaiter : ICriticalNotifyCompletion
        where TStateMachine : IAsyncStateMachine => _builder.AwaitUnsafeOnCompleted(ref awaiter, ref stateMachine);
}

/// <summary>
/// Builds the task of an async method whose state rests in a <see cref="PooledMachine{TResult}"/> while it waits. The runtime's pooling
/// builder keeps one machine a processor; an event loop suspends hundreds of requests before it ends the first.
/// </summary>
[SuppressMessage("Performance", "CA1822", Justification = "The compiler calls instance members.")]
[SuppressMessage("Design", "CA1000", Justification = "The compiler calls this one.")]
public struct PooledTaskBuilder<TResult>
{
    private TResult _result;
    private Exception? _error;

    public readonly ValueTask<TResult> Task => Machine is { } machine ? new(machine, machine.Version)
        : _error is { } error ? ValueTask.FromException<TResult>(error)
        : new(_result);

    /// <summary>Null as long as the method has not waited.</summary>
    internal PooledMachine<TResult>? Machine { get; private set; }

    internal readonly ValueTask Failure => _error is { } error ? ValueTask.FromException(error) : default;

    public static PooledTaskBuilder<TResult> Create() => default;

    /// <summary>The runtime's own start: what the method does to the execution context stays in it.</summary>
    public readonly void Start<TStateMachine>(ref TStateMachine stateMachine)
        where TStateMachine : IAsyncStateMachine => default(AsyncValueTaskMethodBuilder).Start(ref stateMachine);

    public readonly void SetStateMachine(IAsyncStateMachine stateMachine)
    {
    }

    public void SetResult(TResult result)
    {
        if (Machine is { } machine)
        {
            machine.SetResult(result);
        }
        else
        {
            _result = result;
        }
    }

    public void SetException(Exception exception)
    {
        if (Machine is { } machine)
        {
            machine.SetException(exception);
        }
        else
        {
            _error = exception;
        }
    }

    public void AwaitOnCompleted<TAwaiter, TStateMachine>(ref TAwaiter awaiter, ref TStateMachine stateMachine)
        where TAwaiter : INotifyCompletion
        where TStateMachine : IAsyncStateMachine => awaiter.OnCompleted(Suspend(ref stateMachine));

    public void AwaitUnsafeOnCompleted<TAwaiter, TStateMachine>(ref TAwaiter awaiter, ref TStateMachine stateMachine)
        where TAwaiter : ICriticalNotifyCompletion
        where TStateMachine : IAsyncStateMachine => awaiter.UnsafeOnCompleted(Suspend(ref stateMachine));

    private Action Suspend<TStateMachine>(ref TStateMachine stateMachine)
        where TStateMachine : IAsyncStateMachine
    {
        if (Machine is not { } machine)
        {
            // The builder lies inside the state: it must know its machine before the state is copied there.
            var rented = PooledMachine<TResult, TStateMachine>.Rent();
            Machine = machine = rented;
            rented.State = stateMachine;
        }

        return machine.Suspend();
    }
}
