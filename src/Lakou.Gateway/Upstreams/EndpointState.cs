using Lakou.Core.Time;
using Lakou.Gateway.Observation;
using Lakou.Transport;

namespace Lakou.Gateway.Upstreams;

/// <summary>One endpoint, live: its idle connections (last used first), what runs on it, its counts.</summary>
internal sealed class EndpointState(EndpointAddress address, EndpointMetrics metrics, LakouTransport transport, Sweeper sweeper) : IDisposable
{
    private readonly Lock _poolGate = new();
    private readonly List<UpstreamConnection> _idle = [];
    private int _inFlight;
    private int _open;
    private bool _retired;

    public EndpointAddress Address { get; } = address;

    public EndpointMetrics Metrics { get; } = metrics;

    public int InFlight => Volatile.Read(ref _inFlight);

    public int OpenConnections => Volatile.Read(ref _open);

    public int IdleConnections
    {
        get
        {
            lock (_poolGate)
            {
                return _idle.Count;
            }
        }
    }

    public void Enter() => Interlocked.Increment(ref _inFlight);

    public void Leave() => Interlocked.Decrement(ref _inFlight);

    /// <summary>The most recently used idle connection; null when there is none.</summary>
    public UpstreamConnection? TryTake(TimeSpan age)
    {
        var oldest = sweeper.Time.GetTimestamp() - (long)(age.TotalSeconds * sweeper.Time.TimestampFrequency);
        while (true)
        {
            UpstreamConnection connection;
            lock (_poolGate)
            {
                if (_idle.Count == 0)
                {
                    return null;
                }

                connection = _idle[^1];
                _idle.RemoveAt(_idle.Count - 1);
                Metrics.Idle.Decrement();
                Metrics.Active.Increment();
            }

            if (connection.CreatedAt >= oldest && connection.TryWake())
            {
                return connection;
            }

            connection.End(gently: true);
        }
    }

    /// <summary>A new connection, not yet connected.</summary>
    public UpstreamConnection Open()
    {
        var connection = new UpstreamConnection(this, transport, sweeper);
        Interlocked.Increment(ref _open);
        Metrics.Opened.Increment();
        Metrics.Active.Increment();
        return connection;
    }

    /// <summary>Takes a connection back whose response was read to its exact end.</summary>
    public void Return(UpstreamConnection connection, UpstreamPlan plan)
    {
        if (connection.TryRest(plan.PoolIdle))
        {
            lock (_poolGate)
            {
                // Its clock may have run out meanwhile: then it has been here already, and was not found.
                if (!_retired && !connection.IsClosed && _idle.Count < plan.PoolSize)
                {
                    _idle.Add(connection);
                    Metrics.Active.Decrement();
                    Metrics.Idle.Increment();
                    return;
                }
            }
        }

        connection.End(gently: true);
    }

    public void OnClosed(UpstreamConnection connection)
    {
        Interlocked.Decrement(ref _open);
        lock (_poolGate)
        {
            (_idle.Remove(connection) ? Metrics.Idle : Metrics.Active).Decrement();
        }
    }

    /// <summary>The endpoint left the plan: idle connections close now, busy ones when their request ends.</summary>
    public void Dispose()
    {
        UpstreamConnection[] idle;
        lock (_poolGate)
        {
            _retired = true;
            idle = [.. _idle];
            _idle.Clear();
        }

        foreach (var connection in idle)
        {
            Metrics.Idle.Decrement();
            Metrics.Active.Increment(); // until it has closed
            connection.End(gently: true);
        }
    }
}
