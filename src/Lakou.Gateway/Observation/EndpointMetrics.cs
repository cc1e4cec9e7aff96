using Lakou.Core.Metrics;

namespace Lakou.Gateway.Observation;

/// <summary>The families with upstream and endpoint labels.</summary>
internal sealed class EndpointFamilies(MetricRegistry registry)
{
    private static readonly string[] s_endpoint = ["upstream", "endpoint"];

    public MetricFamily<Counter> Requests { get; } =
        registry.CounterFamily("lakou_upstream_requests_total", "Requests sent to an endpoint, by the class of its answer; none: there was no answer", [.. s_endpoint, "status"],
            MetricRegistry.DefaultMaxChildren * StatusClass.Labels.Length);

    public MetricFamily<Histogram> Duration { get; } =
        registry.HistogramFamily("lakou_upstream_request_duration_seconds", "From sending a request to an endpoint to the last byte of its answer", s_endpoint, HistogramBuckets.Seconds);

    public MetricFamily<Level> Connections { get; } =
        registry.LevelFamily("lakou_upstream_connections", "Open connections to an endpoint", [.. s_endpoint, "state"], MetricRegistry.DefaultMaxChildren * 2);

    public MetricFamily<Counter> Opened { get; } =
        registry.CounterFamily("lakou_upstream_connections_opened_total", "Connections opened to an endpoint", s_endpoint);

    public MetricFamily<Counter> ConnectFailures { get; } =
        registry.CounterFamily("lakou_upstream_connect_failures_total", "Connections to an endpoint that could not be opened", s_endpoint);
}

/// <summary>The children of one endpoint of an upstream.</summary>
internal sealed class EndpointMetrics
{
    private const string IdleState = "idle";
    private const string ActiveState = "active";

    private readonly EndpointFamilies _families;
    private readonly string _upstream;
    private readonly string _endpoint;
    private readonly Counter?[] _requests = new Counter?[StatusClass.Labels.Length];
    private readonly Histogram _duration;
    private volatile bool _removed;

    public EndpointMetrics(EndpointFamilies families, string upstream, string endpoint)
    {
        _families = families;
        _upstream = upstream;
        _endpoint = endpoint;
        _duration = families.Duration.With(upstream, endpoint);
        Idle = families.Connections.With(upstream, endpoint, IdleState);
        Active = families.Connections.With(upstream, endpoint, ActiveState);
        Opened = families.Opened.With(upstream, endpoint);
        ConnectFailures = families.ConnectFailures.With(upstream, endpoint);
    }

    /// <summary>Connections waiting in the pool.</summary>
    public Level Idle { get; }

    /// <summary>Connections with a request.</summary>
    public Level Active { get; }

    public Counter Opened { get; }

    public Counter ConnectFailures { get; }

    /// <summary>One request to the endpoint has ended.</summary>
    /// <param name="status">Of its answer; 0 without one.</param>
    /// <param name="duration">From sending to the last byte.</param>
    public void Finish(int status, TimeSpan duration)
    {
        // See RouteMetrics: a series that was removed must not come back.
        if (_removed)
        {
            return;
        }

        int kind = StatusClass.Of(status);
        (_requests[kind] ??= _families.Requests.With(_upstream, _endpoint, StatusClass.Labels[kind])).Increment();
        _duration.Observe(duration);
    }

    public void Remove()
    {
        _removed = true;
        foreach (string status in StatusClass.Labels)
        {
            _families.Requests.Remove(_upstream, _endpoint, status);
        }

        _families.Duration.Remove(_upstream, _endpoint);
        _families.Connections.Remove(_upstream, _endpoint, IdleState);
        _families.Connections.Remove(_upstream, _endpoint, ActiveState);
        _families.Opened.Remove(_upstream, _endpoint);
        _families.ConnectFailures.Remove(_upstream, _endpoint);
    }
}
