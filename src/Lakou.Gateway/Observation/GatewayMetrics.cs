using System.Collections.Concurrent;
using Lakou.Core.Faults;
using Lakou.Core.Metrics;
using Lakou.Gateway.Layer4;
using Lakou.Gateway.Upstreams.Discovery;
using Lakou.Gateway.Upstreams.Health;
using Lakou.Gateway.Upstreams.Limits;

namespace Lakou.Gateway.Observation;

/// <summary>
/// The metric families of the gateway, made once for a process. Holders are kept by name, so a route that is loaded anew goes on where it
/// was; what vanishes from the configuration is removed by name.
/// </summary>
internal sealed class GatewayMetrics
{
    /// <summary>The route label of requests that no route matched. No route can have this name.</summary>
    public const string NoRoute = "-";

    private readonly ConcurrentDictionary<string, RouteMetrics> _routes = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<(string Upstream, string Endpoint), EndpointMetrics> _endpoints = new();
    private readonly ConcurrentDictionary<string, ListenerMetrics> _listeners = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Layer4Metrics> _layer4 = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Counter> _faultsByCode = new(StringComparer.Ordinal);
    private readonly MetricFamily<Counter> _faults;
    private readonly MetricFamily<Counter> _reloads;
    private readonly Gauge _lastReloadSuccessful;
    private readonly Gauge _lastReloadTimestamp;

    /// <param name="registry">Without families of these names.</param>
    /// <param name="version">Of this build, for <c>lakou_build_info</c>.</param>
    public GatewayMetrics(MetricRegistry registry, string version)
    {
        Routes = new RouteFamilies(registry);
        _faults = registry.CounterFamily("lakou_faults_total", "Requests, and connections of layer 4, ended by a fault", ["code"]);
        Listeners = new ListenerFamilies(registry);
        Relays = new Layer4Families(registry);
        Endpoints = new EndpointFamilies(registry);
        Health = new HealthMetrics(registry);
        Limits = new LimitMetrics(registry);
        Discovery = new DiscoveryMetrics(registry);
        _reloads = registry.CounterFamily("lakou_config_reloads_total", "Configurations loaded after the first, by result", ["result"]);
        _lastReloadSuccessful = registry.Gauge("lakou_config_last_reload_successful", "Whether the last configuration was taken, 1 or 0");
        _lastReloadTimestamp = registry.Gauge("lakou_config_last_reload_timestamp_seconds", "When a configuration was last taken, seconds since the Unix epoch");
        AccessLogDropped = registry.Counter("lakou_access_log_dropped_total", "Access log lines dropped because nobody read them in time");
        registry.GaugeFamily("lakou_build_info", "Always 1; the version is a label", ["version"]).With(version).Set(1);
        Unmatched = Route(NoRoute);
    }

    /// <summary>Requests that no route matched, heads that were refused among them.</summary>
    public RouteMetrics Unmatched { get; }

    public Counter AccessLogDropped { get; }

    public HealthMetrics Health { get; }

    public LimitMetrics Limits { get; }

    public DiscoveryMetrics Discovery { get; }

    private RouteFamilies Routes { get; }

    private ListenerFamilies Listeners { get; }

    private Layer4Families Relays { get; }

    private EndpointFamilies Endpoints { get; }

    /// <summary>The holder of a route; the same for the same name until it is removed.</summary>
    public RouteMetrics Route(string name) => _routes.GetOrAdd(name, static (key, families) => new RouteMetrics(families, key), Routes);

    public void RemoveRoute(string name)
    {
        if (_routes.TryRemove(name, out RouteMetrics? route))
        {
            route.Remove();
        }
    }

    /// <summary>The holder of an endpoint of an upstream; the same for the same names until it is removed.</summary>
    public EndpointMetrics Endpoint(string upstream, string endpoint) =>
        _endpoints.GetOrAdd((upstream, endpoint), static (key, families) => new EndpointMetrics(families, key.Upstream, key.Endpoint), Endpoints);

    public void RemoveEndpoint(string upstream, string endpoint)
    {
        if (_endpoints.TryRemove((upstream, endpoint), out EndpointMetrics? removed))
        {
            removed.Remove();
            Health.RemoveEndpoint(upstream, endpoint);
        }
    }

    public ListenerMetrics Listener(string name) => _listeners.GetOrAdd(name, static (key, families) => new ListenerMetrics(families, key), Listeners);

    /// <summary>The holder of a listener of layer 4, gone with the listener's.</summary>
    public Layer4Metrics Layer4(string name) => _layer4.GetOrAdd(name, static (key, own) => new Layer4Metrics(own.Relays, own.Listener(key), key), this);

    public void RemoveListener(string name)
    {
        if (_layer4.TryRemove(name, out Layer4Metrics? relay))
        {
            relay.Remove();
        }

        if (_listeners.TryRemove(name, out ListenerMetrics? listener))
        {
            listener.Remove();
        }
    }

    /// <summary>Counts a finished exchange by the route it began with, or as <see cref="Unmatched"/>, and, when it has one, by fault.</summary>
    public void Finish(Exchange exchange)
    {
        if (exchange.RouteMetrics is null)
        {
            Unmatched.Begin(exchange);
        }

        exchange.RouteMetrics!.Finish(exchange);
        exchange.RouteMetrics = null;
        if (exchange.Fault is { Code: FaultCode code })
        {
            Count(code);
        }
    }

    public void Count(FaultCode code) => _faultsByCode.GetOrAdd(code.Name, static (name, faults) => faults.With(name), _faults).Increment();

    /// <summary>A configuration was taken, or refused with its problems.</summary>
    /// <param name="taken">The new plan serves.</param>
    /// <param name="first">The one the process started with, which is no reload.</param>
    /// <param name="now">The time it was taken.</param>
    public void Loaded(bool taken, bool first, DateTimeOffset now)
    {
        if (!first)
        {
            _reloads.With(taken ? "success" : "failure").Increment();
        }

        _lastReloadSuccessful.Set(taken ? 1 : 0);
        if (taken)
        {
            _lastReloadTimestamp.Set(now.ToUnixTimeMilliseconds() / 1000.0);
        }
    }
}
