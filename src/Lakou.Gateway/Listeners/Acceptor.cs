using System.Collections.Concurrent;
using Lakou.Gateway.Observation;
using Lakou.Transport;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Lakou.Gateway.Listeners;

/// <summary>One connection of a listener, from its accept to its end.</summary>
internal interface ISession
{
    /// <summary>On the connection's loop. Ends with the connection disposed of, and never fails.</summary>
    Task RunAsync();

    /// <summary>Ends it now, wherever it is. On any thread, also after its end.</summary>
    void Cut();
}

/// <summary>Accepts the connections of a listener up to its limit, and knows those that run.</summary>
internal sealed class Acceptor(
    LakouTransport transport, ListenSocket socket, ListenerPlan plan, ListenerMetrics metrics, ILogger log, Func<ConnectionContext, ISession> begin)
{
    private readonly ConcurrentDictionary<ISession, bool> _sessions = new(); // a set
    private readonly int _connectionsMax = DescriptorBudget.Bound(plan.Options.Limits.Connections, "limits.connections", plan.Name, log);
    private readonly TaskCompletionSource _lastEnded = new(TaskCreationOptions.RunContinuationsAsynchronously); // off its loop: who stops a listener may end the loops next
    private int _connections;
    private IConnectionListener? _accepts;
    private Task _accepting = Task.CompletedTask;
    private volatile bool _isUnbound;

    public int Connections => Volatile.Read(ref _connections);

    public async Task StartAsync()
    {
        _accepts = await transport.BindAsync(socket.AsEndPoint());
        _accepting = AcceptAsync(_accepts);
    }

    /// <summary>When it returns, no more are accepted, and those that were run.</summary>
    public async Task UnbindAsync()
    {
        await (_accepts?.UnbindAsync(CancellationToken.None) ?? ValueTask.CompletedTask);
        await _accepting;
        _isUnbound = true;
        EndIfLast(Interlocked.CompareExchange(ref _connections, 0, 0));
    }

    /// <summary>Once unbound: waits for those that run, and cuts the rest at the deadline.</summary>
    public async Task DrainAsync(CancellationToken deadline)
    {
        await using var cut = deadline.UnsafeRegister(static state => ((Acceptor)state!).Cut(), this);
        await _lastEnded.Task;
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
            log.LogCritical(e, "Listener {Listener} accepts no more connections", plan.Name);
        }
    }

    private void Begin(ConnectionContext connection)
    {
        // The limit, before anything is spent on the connection.
        if (Interlocked.Increment(ref _connections) > _connectionsMax)
        {
            Interlocked.Decrement(ref _connections);
            metrics.Refuse("limit");
            connection.Abort(new ConnectionAbortedException("The listener has its limit of connections."));
            _ = connection.DisposeAsync().AsTask(); // never throws
            return;
        }

        var session = begin(connection);
        _sessions.TryAdd(session, true);
        _ = RunAsync(connection, session);
    }

    private async Task RunAsync(ConnectionContext connection, ISession session)
    {
        await LoopSwitch.To(connection.Features.Get<ILoopFeature>()); // who accepts must not wait for it
        metrics.Open();
        await session.RunAsync();
        metrics.Close();
        _sessions.TryRemove(session, out _);
        EndIfLast(Interlocked.Decrement(ref _connections));
    }

    private void EndIfLast(int left)
    {
        if (left == 0 && _isUnbound)
        {
            _lastEnded.TrySetResult();
        }
    }

    private void Cut()
    {
        foreach (var session in _sessions.Keys)
        {
            session.Cut();
        }
    }
}
