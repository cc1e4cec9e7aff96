using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Lakou.Transport;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Gateway.Layer4;

/// <summary>
/// Awaited, it goes on on the loop of the connection: at once when that is where it is. Where any thread will do it is one of the
/// pool, and not the one that accepts: a client that sends without a pause would keep that from accepting others.
/// </summary>
internal readonly struct LoopSwitch(ConnectionContext connection, LakouTransport transport) : ICriticalNotifyCompletion
{
    private readonly ILoopFeature _loop = connection.Features.GetRequiredFeature<ILoopFeature>();

    public bool IsCompleted => _loop.Loop == transport.CurrentLoop;

    public LoopSwitch GetAwaiter() => this;

    public void GetResult()
    {
    }

    public void OnCompleted(Action continuation) => UnsafeOnCompleted(continuation);

    public void UnsafeOnCompleted(Action continuation)
        => (_loop.Scheduler == PipeScheduler.Inline ? PipeScheduler.ThreadPool : _loop.Scheduler).Schedule(static state => ((Action)state!)(), continuation);
}
