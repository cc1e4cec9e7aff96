using Lakou.Core.Metrics;

namespace Lakou.Gateway.Upstreams.Health;

/// <summary>Why traffic had an endpoint ejected; the labels of the metric.</summary>
internal static class EjectionReason
{
    public const string Failures = "failures";
    public const string FailureShare = "failure-share";
    public const string Deviations = "deviations";

    public static readonly string[] All = [Failures, FailureShare, Deviations];
}

/// <summary>The families of health.</summary>
internal sealed class HealthMetrics(MetricRegistry registry)
{
    private static readonly string[] s_endpoint = ["upstream", "endpoint"];
    private static readonly HealthState[] s_states = Enum.GetValues<HealthState>();

    private readonly MetricFamily<Gauge> _state =
        registry.GaugeFamily("lakou_upstream_endpoint_state", "1 for the state that an endpoint is in, 0 for the others: healthy, unhealthy, ejected, draining, disabled", [.. s_endpoint, "state"],
            MetricRegistry.DefaultMaxChildren * s_states.Length);

    private readonly MetricFamily<Counter> _ejections =
        registry.CounterFamily("lakou_upstream_ejections_total", "Times that an endpoint was ejected, by the rule", [.. s_endpoint, "reason"],
            MetricRegistry.DefaultMaxChildren * EjectionReason.All.Length);

    private readonly MetricFamily<Counter> _withheld =
        registry.CounterFamily("lakou_upstream_ejections_withheld_total", "Times that an endpoint was not ejected because max-ejected others were", s_endpoint);

    private readonly MetricFamily<Counter> _probes =
        registry.CounterFamily("lakou_upstream_probes_total", "Probes of an endpoint by outcome: pass, connect, timeout, answer (none, or broken), status, body", [.. s_endpoint, "outcome"],
            MetricRegistry.DefaultMaxChildren * ProbeResult.Outcomes.Length);

    private readonly MetricFamily<Gauge> _panic =
        registry.GaugeFamily("lakou_upstream_panic", "Whether all endpoints of an upstream are used because too few are healthy, 1 or 0", ["upstream"]);

    private readonly MetricFamily<Counter> _panics =
        registry.CounterFamily("lakou_upstream_panics_total", "Times that an upstream began to use all endpoints because too few were healthy", ["upstream"]);

    public void AddUpstream(string upstream, Func<bool> isPanic)
    {
        _panic.With(upstream).Follow(() => isPanic() ? 1 : 0);
        _panics.With(upstream);
    }

    public void AddEndpoint(string upstream, string address, EndpointHealth health)
    {
        foreach (var state in s_states)
        {
            _state.With(upstream, address, Label(state)).Follow(() => health.Status.State == state ? 1 : 0);
        }
    }

    public void Ejected(string upstream, string address, string reason) => _ejections.With(upstream, address, reason).Increment();

    public void Withheld(string upstream, string address) => _withheld.With(upstream, address).Increment();

    public void Probed(string upstream, string address, string outcome) => _probes.With(upstream, address, outcome).Increment();

    public void Panicked(string upstream) => _panics.With(upstream).Increment();

    public void RemoveEndpoint(string upstream, string address)
    {
        Array.ForEach(s_states, state => _state.Remove(upstream, address, Label(state)));
        Array.ForEach(EjectionReason.All, reason => _ejections.Remove(upstream, address, reason));
        Array.ForEach(ProbeResult.Outcomes, outcome => _probes.Remove(upstream, address, outcome));
        _withheld.Remove(upstream, address);
    }

    public void RemoveUpstream(string upstream)
    {
        _panic.Remove(upstream);
        _panics.Remove(upstream);
    }

    private static string Label(HealthState state) => state.ToString().ToLowerInvariant();
}
