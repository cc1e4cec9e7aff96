using System.Collections.Concurrent;
using System.Net;
using Lakou.Core.Time;
using Lakou.Gateway.Listeners;
using Lakou.Gateway.Upstreams;
using Lakou.Transport;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Lakou.Gateway.Layer4;

/// <summary>A <c>tcp</c> listener, live. Its socket is handed over as that of any listener is.</summary>
internal sealed class TcpRelayListener : IListener
{
    private readonly ListenSocket _socket;
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
        Gateway = gateway;
        Sweeper = sweeper;
        Metrics = gateway.Metrics.Layer4(plan.Name);
        Upstreams = plan.Tcp!.Names.Upstreams.Append(plan.Tcp.To).OfType<string>().Distinct().ToDictionary(name => name, name => gateway.Upstreams[name], StringComparer.Ordinal);
        _log = loggers.CreateLogger("Lakou.Listener." + plan.Name);
        _connectionsMax = DescriptorBudget.Bound(plan.Options.Limits.Connections, "limits.connections", plan.Name, _log);
    }

    public ListenerPlan Plan { get; }

    public GatewayState Gateway { get; }

    public Sweeper Sweeper { get; }

    public Layer4Metrics Metrics { get; }

    /// <summary>Those that the plan names, kept: the last connections of a replaced listener may come when theirs has left the configuration.</summary>
    public IReadOnlyDictionary<string, UpstreamState> Upstreams { get; }

    public EndPoint LocalEndPoint => _socket.LocalEndPoint;

    public IDisposable Socket => _socket;

    public int Connections => Volatile.Read(ref _connections);

    public async Task StartAsync()
    {
        _accepts = await Gateway.Transport.BindAsync(_socket.AsEndPoint());
        _accepting = AcceptAsync(_accepts);
    }

    /// <summary>Accepts no more and waits for what runs: only its two sides know when it is over. Cuts the rest at the deadline.</summary>
    public async Task StopAsync(CancellationToken deadline)
    {
        await (_accepts?.UnbindAsync(CancellationToken.None) ?? ValueTask.CompletedTask);
        await _accepting;
        await using var cut = deadline.UnsafeRegister(static state => ((TcpRelayListener)state!).Cut(), this);
        await Task.WhenAll(_sessions.Keys.Select(session => session.Ended));
        await Task.Yield(); // off the loop of the last connection: who stops a listener may end the loops next
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
            Metrics.Connections.Refuse("limit");
            connection.Abort(new ConnectionAbortedException("The listener has its limit of connections."));
            _ = connection.DisposeAsync().AsTask(); // never throws
            return;
        }

        var session = new TcpSession(this, connection);
        _sessions.TryAdd(session, true);
        session.Ended = RunAsync(session);
    }

    private async Task RunAsync(TcpSession session)
    {
        await Task.Yield(); // a client that sends without a pause must not hold the thread that accepts
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
