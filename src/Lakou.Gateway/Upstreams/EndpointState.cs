using Lakou.Core.Time;
using Lakou.Gateway.Observation;
using Lakou.Gateway.Upstreams.Balancing;
using Lakou.Gateway.Upstreams.Health;
using Lakou.Gateway.Upstreams.Http2;
using Lakou.Transport;

namespace Lakou.Gateway.Upstreams;

/// <summary>One endpoint, live: its idle connections (last used first, a list for each event loop), what runs on it, its counts.</summary>
internal sealed class EndpointState(EndpointAddress address, EndpointMetrics metrics, LakouTransport transport, Sweeper sweeper) : IDisposable
{
    private readonly Pool[] _pools = [.. Enumerable.Range(0, transport.Loops).Select(_ => new Pool())];
    private int _inFlight;
    private int _open;
    private int _idle;
    private volatile bool _retired;
    private volatile AnswerTimes? _answerTimes;
    private Http2Client? _http2;

    public EndpointAddress Address { get; } = address;

    public EndpointMetrics Metrics { get; } = metrics;

    public EndpointHealth Health { get; } = new();

    public int InFlight => Volatile.Read(ref _inFlight);

    public int OpenConnections => Volatile.Read(ref _open);

    public int IdleConnections => Volatile.Read(ref _idle);

    /// <summary>Null unless the balancer goes by them.</summary>
    public AnswerTimes? AnswerTimes => _answerTimes;

    /// <summary>Begins or ends to time answers; what is known is kept while it goes on.</summary>
    public void TimeAnswers(bool isWanted, TimeProvider time) => _answerTimes = isWanted ? _answerTimes ?? new(time) : null;

    public void Enter() => Interlocked.Increment(ref _inFlight);

    public void Leave() => Interlocked.Decrement(ref _inFlight);

    /// <summary>
    /// The most recently used idle connection of the caller's loop, else one of another loop: its bytes cross threads, which costs less
    /// than a handshake. Null when there is none.
    /// </summary>
    public UpstreamConnection? TryTake(TimeSpan age, long now)
    {
        if (IdleConnections == 0)
        {
            return null;
        }

        var oldest = now - (long)(age.TotalSeconds * sweeper.Time.TimestampFrequency);
        var own = Math.Max(0, transport.CurrentLoop);
        for (var i = 0; i < _pools.Length; i++)
        {
            if (TryTake(_pools[(own + i) % _pools.Length], oldest) is { } connection)
            {
                return connection;
            }
        }

        return null;
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

    /// <summary>The client of HTTP/2, to be left after use. Another pool of the plan is another client; the former ends with its last request.</summary>
    public Http2Client EnterHttp2(UpstreamPlan plan)
    {
        while (true)
        {
            var client = Volatile.Read(ref _http2);
            if (client is not null && client.Fits(plan) && client.TryEnter())
            {
                return client;
            }

            var fresh = new Http2Client(this, plan, transport, sweeper);
            if (Interlocked.CompareExchange(ref _http2, fresh, client) == client)
            {
                client?.Retire();
                fresh.TryEnter();
                if (_retired)
                {
                    CloseIdle(); // nobody else would
                }

                return fresh;
            }

            fresh.Retire();
        }
    }

    /// <summary>A connection of HTTP/2 was opened, which any number of requests use.</summary>
    public void OnHttp2Opened()
    {
        Interlocked.Increment(ref _open);
        Metrics.Opened.Increment();
        Metrics.Active.Increment();
    }

    public void OnHttp2Closed()
    {
        Interlocked.Decrement(ref _open);
        Metrics.Active.Decrement();
    }

    /// <summary>Takes a connection back whose response was read to its exact end.</summary>
    public void Return(UpstreamConnection connection, UpstreamPlan plan, long now)
    {
        if (IdleConnections < plan.PoolSize && connection.TryRest(plan.PoolIdle, now))
        {
            var pool = _pools[connection.Loop];
            lock (pool.Gate)
            {
                // Its clock may have run out meanwhile: then it has been here already, and was not found.
                if (!_retired && !connection.IsClosed)
                {
                    pool.Idle.Add(connection);
                    Interlocked.Increment(ref _idle);
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
        var pool = _pools[connection.Loop];
        lock (pool.Gate)
        {
            if (pool.Idle.Remove(connection))
            {
                Interlocked.Decrement(ref _idle);
                Metrics.Idle.Decrement();
                return;
            }
        }

        Metrics.Active.Decrement();
    }

    /// <summary>The endpoint left the plan: idle connections close now, busy ones when their request ends.</summary>
    public void Dispose()
    {
        _retired = true;
        CloseIdle();
    }

    /// <summary>Nobody is expected to ask for them soon.</summary>
    public void CloseIdle()
    {
        Interlocked.Exchange(ref _http2, null)?.Retire();
        while (CloseOneIdle())
        {
        }
    }

    /// <summary>False when there was none.</summary>
    public bool CloseOneIdle()
    {
        foreach (var pool in _pools)
        {
            if (TryPop(pool) is { } connection)
            {
                connection.End(gently: true);
                return true;
            }
        }

        return false;
    }

    private UpstreamConnection? TryTake(Pool pool, long oldest)
    {
        while (TryPop(pool) is { } connection)
        {
            if (connection.CreatedAt >= oldest && connection.TryWake())
            {
                return connection;
            }

            connection.End(gently: true);
        }

        return null;
    }

    private UpstreamConnection? TryPop(Pool pool)
    {
        lock (pool.Gate)
        {
            if (pool.Idle.Count == 0)
            {
                return null;
            }

            var connection = pool.Idle[^1];
            pool.Idle.RemoveAt(pool.Idle.Count - 1);
            Interlocked.Decrement(ref _idle);
            Metrics.Idle.Decrement();
            Metrics.Active.Increment();
            return connection;
        }
    }

    private sealed class Pool
    {
        public Lock Gate { get; } = new();

        public List<UpstreamConnection> Idle { get; } = [];
    }
}
