using System.Collections.Concurrent;
using Lakou.Core.Metrics;

namespace Lakou.Gateway.Observation;

/// <summary>The families with a route label.</summary>
internal sealed class RouteFamilies(MetricRegistry registry)
{
    public MetricFamily<Counter> Requests { get; } =
        registry.CounterFamily("lakou_requests_total", "Requests finished, by the class of their status; none: the client left before an answer", ["route", "status"],
            MetricRegistry.DefaultMaxChildren * StatusClass.Labels.Length);

    public MetricFamily<Histogram> Duration { get; } =
        registry.HistogramFamily("lakou_request_duration_seconds", "From the first byte of a request to the last of its answer", ["route"], HistogramBuckets.Seconds);

    public MetricFamily<Counter> RequestBytes { get; } =
        registry.CounterFamily("lakou_request_body_bytes_total", "Bytes of request bodies", ["route"]);

    public MetricFamily<Counter> ResponseBytes { get; } =
        registry.CounterFamily("lakou_response_body_bytes_total", "Bytes of response bodies", ["route"]);

    public MetricFamily<Counter> MissingParts { get; } =
        registry.CounterFamily("lakou_compose_parts_missing_total", "Optional parts that a composed answer had to do without", ["route", "part"]);

    public MetricFamily<Level> InFlight { get; } =
        registry.LevelFamily("lakou_requests_in_flight", "Requests that are being served", ["route"]);
}

/// <summary>
/// The children of one route, made at its first request: 10,000 routes that nobody asks for cost neither memory nor time when a
/// configuration is applied.
/// </summary>
internal sealed class RouteMetrics(RouteFamilies families, string name)
{
    private readonly Counter?[] _requests = new Counter?[StatusClass.Labels.Length];
    private Histogram? _duration;
    private Counter? _requestBytes;
    private Counter? _responseBytes;
    private Level? _inFlight;
    private ConcurrentDictionary<string, Counter>? _missingParts;
    private volatile bool _removed;

    /// <summary>The exchange belongs to this route from now on; <see cref="GatewayMetrics.Finish"/> ends it.</summary>
    public void Begin(Exchange exchange)
    {
        exchange.RouteMetrics = this;
        (_inFlight ??= families.InFlight.With(name)).Increment();
    }

    internal void Finish(Exchange exchange)
    {
        // The old plan finishes its requests after its route has gone: the series must not come back for them.
        if (_removed)
        {
            return;
        }

        _inFlight?.Decrement();
        int status = StatusClass.Of(exchange.Status);
        (_requests[status] ??= families.Requests.With(name, StatusClass.Labels[status])).Increment();
        (_duration ??= families.Duration.With(name)).Observe(exchange.Total);
        (_requestBytes ??= families.RequestBytes.With(name)).Add(exchange.BytesIn);
        (_responseBytes ??= families.ResponseBytes.With(name)).Add(exchange.BytesOut);
    }

    /// <summary>A composed answer goes out without this part.</summary>
    public void Miss(string part)
    {
        if (!_removed)
        {
            LazyInitializer.EnsureInitialized(ref _missingParts, static () => new()).GetOrAdd(part, families.MissingParts.With(name, part)).Increment();
        }
    }

    public void Remove()
    {
        _removed = true;
        foreach (string status in StatusClass.Labels)
        {
            families.Requests.Remove(name, status);
        }

        families.Duration.Remove(name);
        families.RequestBytes.Remove(name);
        families.ResponseBytes.Remove(name);
        families.InFlight.Remove(name);
        foreach (string part in _missingParts?.Keys ?? [])
        {
            families.MissingParts.Remove(name, part);
        }
    }
}
