namespace Lakou.Client.Tests.Harness;

/// <summary>Something that happens once, or a number of times.</summary>
internal sealed class Signal(int times = 1)
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _left = times;

    public void Set()
    {
        if (Interlocked.Decrement(ref _left) == 0)
        {
            _done.TrySetResult();
        }
    }

    public Task WaitAsync() => _done.Task.WaitAsync(Yard.Patience, TimeProvider.System, Yard.Cancelled);
}
