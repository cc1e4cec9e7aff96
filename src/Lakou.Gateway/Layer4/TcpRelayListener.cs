using System.Collections.Concurrent;
using System.Net;
using Lakou.Core.Time;
using Lakou.Gateway.Listeners;
using Lakou.Transport;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Lakou.Gateway.Layer4;

/// <summary>A <c>tcp</c> listener, live. Its socket is handed over as that of any listener is.</summary>
internal sealed class TcpRelayListener : IListener
{
    private readonly ListenSocket _socket;
    private readonly GatewayState _gateway;
    private readonly Sweeper _sweeper;
    private readonly Layer4Metrics _metrics;
    private readonly ILogger _log;
    private readonly ConcurrentDictionary<TcpSession, bool> _sessions = new(); // a set
    private readonly int _connectionsMax;
    private int _connections;
    private IConnectionListener? _accepts;
    private Task _accepting = Task.CompletedTask;

    public TcpRelayListener(ListenerPlan plan, ListenSocket socket, GatewayState gateway, Sweeper sweeper, ILoggerFactory loggers)
    {
        Plan = plan;
        _socket = socket;
        _gateway = gateway;
        _sweeper = sweeper;
        _metrics = gateway.Metrics.Layer4(plan.Name);
        _log = loggers.CreateLogger("Lakou.Listener." + plan.Name);
        _connectionsMax = DescriptorBudget.Bound(plan.Options.Limits.Connections, plan.Name, _log);
    }

    public ListenerPlan Plan { get; }

    public EndPoint LocalEndPoint => _socket.LocalEndPoint;

    public IDisposable Socket => _socket;

    public int Connections => Volatile.Read(ref _connections);

    public async Task StartAsync()
    {
        _accepts = await _gateway.Transport.BindAsync(_socket.AsEndPoint());
        _accepting = AcceptAsync(_accepts);
    }

    /// <summary>Accepts no more and waits for what runs: only its two sides know when it is over. Cuts the rest at the deadline.</summary>
    public async Task StopAsync(CancellationToken deadline)
    {
        await (_accepts?.UnbindAsync(CancellationToken.None) ?? ValueTask.CompletedTask);
        await _accepting;
        await using var cut = deadline.UnsafeRegister(static state => ((TcpRelayListener)state!).Cut(), this);
        await Task.WhenAll(_sessions.Keys.Select(session => session.Ended));
    }

    public ValueTask DisposeAsync() => _accepts?.DisposeAsync() ?? ValueTask.CompletedTask;

    private async Task AcceptAsync(IConnectionListener accepts)
    {
        try
        {
            while (await accepts.AcceptAsync() is { } connection)
            {
                Begin(connection);
            }
        }
        catch (Exception e)
        {
            _log.LogCritical(e, "Listener {Listener} accepts no more connections", Plan.Name);
        }
    }

    private void Begin(ConnectionContext connection)
    {
        // The limit, before anything is spent on the connection.
        if (Interlocked.Increment(ref _connections) > _connectionsMax)
        {
            Interlocked.Decrement(ref _connections);
            _metrics.Connections.Refuse("limit");
            connection.Abort(new ConnectionAbortedException("The listener has its limit of connections."));
            _ = connection.DisposeAsync().AsTask(); // never throws
            return;
        }

        var session = new TcpSession(_gateway, Plan, _metrics, _sweeper, connection);
        _sessions.TryAdd(session, true);
        session.Ended = RunAsync(session);
    }

    private async Task RunAsync(TcpSession session)
    {
        await session.RunAsync();
        _sessions.TryRemove(session, out _);
        Interlocked.Decrement(ref _connections);
    }

    private void Cut()
    {
        foreach (var session in _sessions.Keys)
        {
            session.Cut();
        }
    }
}
