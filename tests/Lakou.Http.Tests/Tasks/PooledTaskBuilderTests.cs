using System.Runtime.CompilerServices;
using Lakou.Http.Tasks;

namespace Lakou.Http.Tests.Tasks;

public class PooledTaskBuilderTests
{
    private static readonly AsyncLocal<string?> Local = new();

    [Fact]
    public async Task A_method_that_never_waits_has_its_result_at_once()
    {
        var task = DoubleAsync(Task.FromResult(4));
        Assert.True(task.IsCompletedSuccessfully);
        Assert.Equal(8, await task);
    }

    [Fact]
    public async Task A_method_that_waits_has_its_result_afterwards()
    {
        var source = new TaskCompletionSource<int>();
        var task = DoubleAsync(source.Task);
        Assert.False(task.IsCompleted);
        source.SetResult(21);
        Assert.Equal(42, await task);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_exception_reaches_the_caller_whether_the_method_has_waited_or_not(bool waits)
    {
        var source = new TaskCompletionSource<int>();
        if (!waits)
        {
            source.SetException(new InvalidDataException());
        }

        var (one, other) = (DoubleAsync(source.Task), AwaitAsync(source.Task));
        if (waits)
        {
            source.SetException(new InvalidDataException());
        }

        await Assert.ThrowsAsync<InvalidDataException>(async () => await one);
        await Assert.ThrowsAsync<InvalidDataException>(async () => await other);
    }

    [Fact]
    public async Task Many_may_wait_at_the_same_time_and_each_has_its_own_result()
    {
        for (var round = 0; round < 3; round++)
        {
            var sources = Enumerable.Range(0, 2000).Select(_ => new TaskCompletionSource<int>()).ToArray();
            var tasks = sources.Select(source => DoubleAsync(source.Task)).ToArray();
            for (var i = 0; i < sources.Length; i++)
            {
                sources[i].SetResult(i);
            }

            for (var i = 0; i < tasks.Length; i++)
            {
                Assert.Equal(2 * i, await tasks[i]);
            }
        }
    }

    [Fact]
    public async Task What_is_local_to_the_flow_goes_on_after_a_wait_and_does_not_leak_to_the_caller()
    {
        Local.Value = "caller";
        var source = new TaskCompletionSource();
        var task = ReadLocalAsync(source.Task);
        Assert.Equal("caller", Local.Value);
        source.SetResult();
        Assert.Equal("method", await task);
        Assert.Equal("caller", Local.Value);
    }

    [Fact]
    public void A_wait_allocates_nothing_once_the_pool_is_filled()
    {
        var gate = new Gate();
        Wait(100);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Wait(10_000);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 10_000);

        void Wait(int times)
        {
            for (var i = 0; i < times; i++)
            {
                var task = PassAsync(gate);
                gate.Open();
                task.GetAwaiter().GetResult();
            }
        }
    }

    [AsyncMethodBuilder(typeof(PooledTaskBuilder<>))]
    private static async ValueTask<int> DoubleAsync(Task<int> number) => 2 * await number;

    [AsyncMethodBuilder(typeof(PooledTaskBuilder))]
    private static async ValueTask AwaitAsync(Task task) => await task;

    [AsyncMethodBuilder(typeof(PooledTaskBuilder<>))]
    private static async ValueTask<string?> ReadLocalAsync(Task task)
    {
        Local.Value = "method";
        await task;
        return Local.Value;
    }

    [AsyncMethodBuilder(typeof(PooledTaskBuilder))]
    private static async ValueTask PassAsync(Gate gate)
    {
        await gate;
        await gate;
    }

    /// <summary>An operation that allocates nothing itself: it keeps whoever waits, and is closed again behind him.</summary>
    private sealed class Gate : ICriticalNotifyCompletion
    {
        private Action? _waiting;

        public bool IsCompleted => false;

        public Gate GetAwaiter() => this;

        public void GetResult()
        {
        }

        public void OnCompleted(Action continuation) => _waiting = continuation;

        public void UnsafeOnCompleted(Action continuation) => _waiting = continuation;

        /// <summary>Lets pass until nobody waits any more.</summary>
        public void Open()
        {
            while (Interlocked.Exchange(ref _waiting, null) is { } waiting)
            {
                waiting();
            }
        }
    }
}
