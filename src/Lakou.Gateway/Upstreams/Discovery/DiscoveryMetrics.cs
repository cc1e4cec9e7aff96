using Lakou.Core.Metrics;

namespace Lakou.Gateway.Upstreams.Discovery;

/// <summary>The families of discovery, and how many endpoints it, or the file, gave.</summary>
internal sealed class DiscoveryMetrics(MetricRegistry registry)
{
    private readonly MetricFamily<Gauge> _endpoints =
        registry.GaugeFamily("lakou_upstream_endpoints", "Endpoints of an upstream, whatever their health", ["upstream"]);

    private readonly MetricFamily<Gauge> _current =
        registry.GaugeFamily("lakou_upstream_discovery_current", "Whether the source of an upstream's endpoints answered the last time it was asked, 1 or 0; at 0 the last list is kept", ["upstream", "source"]);

    private readonly MetricFamily<Counter> _changes =
        registry.CounterFamily("lakou_upstream_discovery_changes_total", "Lists of endpoints that differed from the one before", ["upstream", "source"]);

    private readonly MetricFamily<Counter> _failures =
        registry.CounterFamily("lakou_upstream_discovery_failures_total", "Times that no list of endpoints could be had: not-found, timeout, unreachable, denied, answer (an error, or none that makes sense), file", ["upstream", "source", "reason"],
            MetricRegistry.DefaultMaxChildren * DiscoveryFailure.All.Length);

    public void AddUpstream(string upstream, Func<double> endpoints) => _endpoints.With(upstream).Follow(endpoints);

    public void RemoveUpstream(string upstream) => _endpoints.Remove(upstream);

    /// <summary>The children of one source; whoever still holds them after <see cref="RemoveSource"/> counts for nobody.</summary>
    public SourceMetrics AddSource(string upstream, string source, Func<bool> isCurrent)
    {
        _current.With(upstream, source).Follow(() => isCurrent() ? 1 : 0);
        return new(_changes.With(upstream, source), DiscoveryFailure.All.ToDictionary(reason => reason, reason => _failures.With(upstream, source, reason), StringComparer.Ordinal));
    }

    public void RemoveSource(string upstream, string source)
    {
        _current.Remove(upstream, source);
        _changes.Remove(upstream, source);
        Array.ForEach(DiscoveryFailure.All, reason => _failures.Remove(upstream, source, reason));
    }
}

internal sealed record SourceMetrics(Counter Changes, IReadOnlyDictionary<string, Counter> Failures);
