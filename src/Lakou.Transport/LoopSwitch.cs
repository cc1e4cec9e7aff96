using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace Lakou.Transport;

/// <summary>Continues an asynchronous method on the loop of a connection: <c>await LoopSwitch.To(connection.Features.Get&lt;ILoopFeature&gt;())</c>.</summary>
public readonly record struct LoopSwitch : ICriticalNotifyCompletion
{
    private readonly PipeScheduler _scheduler;

    private LoopSwitch(PipeScheduler scheduler) => _scheduler = scheduler;

    /// <summary>Null stays where it is.</summary>
    public static LoopSwitch To(ILoopFeature? loop) => new(loop?.Scheduler ?? PipeScheduler.Inline);

    /// <summary>The scheduler decides: it runs at once who is on its loop.</summary>
    public bool IsCompleted => _scheduler == PipeScheduler.Inline;

    public LoopSwitch GetAwaiter() => this;

    public void GetResult()
    {
    }

    public void OnCompleted(Action continuation) => UnsafeOnCompleted(continuation);

    public void UnsafeOnCompleted(Action continuation) => _scheduler.Schedule(static state => ((Action)state!)(), continuation);
}
