using Lakou.Core.Time;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Gateway.Listeners;

/// <summary>
/// Goes on with the heartbeat of an HTTP/2 connection when its server stops. Kestrel notices by it that the last stream has
/// ended, and yet ends it before it begins to wait for its connections: each would wait for the deadline.
/// </summary>
internal sealed class DrainHeartbeat : IConnectionHeartbeatFeature, ISwept, IDisposable
{
    private readonly IConnectionHeartbeatFeature _kestrel;
    private readonly Sweeper _sweeper;
    private readonly List<(Action<object> Action, object State)> _actions = [];
    private readonly CancellationTokenRegistration _stopping;

    public DrainHeartbeat(ConnectionContext connection, Sweeper sweeper)
    {
        _sweeper = sweeper;
        _kestrel = connection.Features.GetRequiredFeature<IConnectionHeartbeatFeature>();
        connection.Features.Set<IConnectionHeartbeatFeature>(this);
        _stopping = connection.Features.GetRequiredFeature<IConnectionLifetimeNotificationFeature>().ConnectionClosedRequested
            .UnsafeRegister(static state => ((DrainHeartbeat)state!).Begin(), this);
    }

    public void OnHeartbeat(Action<object> action, object state)
    {
        lock (_actions)
        {
            _actions.Add((action, state));
        }

        _kestrel.OnHeartbeat(action, state);
    }

    public void Sweep(long now)
    {
        lock (_actions)
        {
            foreach (var (action, state) in _actions)
            {
                action(state);
            }
        }
    }

    public void Dispose()
    {
        _stopping.Dispose();
        _sweeper.Remove(this);
    }

    private void Begin() => _sweeper.Add(this);
}
