using Lakou.Core.Metrics;

namespace Lakou.Gateway.Upstreams.Limits;

/// <summary>The families of limits.</summary>
internal sealed class LimitMetrics(MetricRegistry registry)
{
    private static readonly string[] s_upstream = ["upstream"];
    private static readonly Entry[] s_refusals = [Entry.Full, Entry.Late];

    private readonly MetricFamily<Gauge> _taken =
        registry.GaugeFamily("lakou_upstream_places_taken", "Requests, and connections of layer 4, that have a place of an upstream with limits", s_upstream);

    private readonly MetricFamily<Gauge> _waiting =
        registry.GaugeFamily("lakou_upstream_queued", "Requests, and connections of layer 4, that wait for a place of an upstream with limits", s_upstream);

    private readonly MetricFamily<Counter> _refused =
        registry.CounterFamily("lakou_upstream_refused_total", "Requests, and connections of layer 4, without a place: full, the queue was; late, the wait was", [.. s_upstream, "reason"],
            MetricRegistry.DefaultMaxChildren * s_refusals.Length);

    public void AddUpstream(string upstream, Admission admission)
    {
        _taken.With(upstream).Follow(() => admission.Taken);
        _waiting.With(upstream).Follow(() => admission.Waiting);
    }

    public void Refused(string upstream, Entry how) => _refused.With(upstream, Label(how)).Increment();

    public void RemoveUpstream(string upstream)
    {
        _taken.Remove(upstream);
        _waiting.Remove(upstream);
        Array.ForEach(s_refusals, how => _refused.Remove(upstream, Label(how)));
    }

    private static string Label(Entry how) => how.ToString().ToLowerInvariant();
}
