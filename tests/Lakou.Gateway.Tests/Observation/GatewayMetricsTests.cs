using Lakou.Core.Metrics;
using Lakou.Core.Tests.Metrics;
using Lakou.Core.Time;
using Lakou.Gateway.Layer4;
using Lakou.Gateway.Observation;
using Lakou.Gateway.Upstreams.Health;
using Lakou.Gateway.Upstreams.Limits;

namespace Lakou.Gateway.Tests.Observation;

public sealed class GatewayMetricsTests
{
    private readonly MetricRegistry _registry = new();
    private readonly GatewayMetrics _metrics;

    public GatewayMetricsTests() => _metrics = new GatewayMetrics(_registry, "0.1.0");

    [Fact]
    public void A_finished_exchange_is_counted_by_its_route_status_class_and_fault()
    {
        Exchange exchange = Exchanges.Full();
        _metrics.Route("orders").Begin(exchange);
        Assert.Equal(1, Value("lakou_requests_in_flight{route=\"orders\"}"));
        _metrics.Finish(exchange);

        Assert.Equal(0, Value("lakou_requests_in_flight{route=\"orders\"}"));
        Assert.Equal(1, Value("lakou_requests_total{route=\"orders\",status=\"5xx\"}"));
        Assert.Equal(17, Value("lakou_request_body_bytes_total{route=\"orders\"}"));
        Assert.Equal(122, Value("lakou_response_body_bytes_total{route=\"orders\"}"));
        Assert.Equal(2.002, Value("lakou_request_duration_seconds_sum{route=\"orders\"}"), 6);
        Assert.Equal(1, Value("lakou_faults_total{code=\"upstream/connect-timeout\"}"));
    }

    [Fact]
    public void An_exchange_without_a_route_is_counted_as_unmatched()
    {
        _metrics.Finish(Exchanges.With(e => { e.Status = 404; }));
        Assert.Equal(1, Value("lakou_requests_total{route=\"-\",status=\"4xx\"}"));
        Assert.Equal(0, Value("lakou_requests_in_flight{route=\"-\"}"));
    }

    [Theory]
    [InlineData(0, "none")]
    [InlineData(99, "none")]
    [InlineData(101, "1xx")]
    [InlineData(204, "2xx")]
    [InlineData(308, "3xx")]
    [InlineData(499, "4xx")]
    [InlineData(599, "5xx")]
    [InlineData(600, "none")]
    public void Statuses_have_six_labels(int status, string label)
    {
        _metrics.Endpoint("orders", "127.0.0.1:5001").Finish(status, TimeSpan.FromMilliseconds(1));
        Assert.Equal(1, Value($"lakou_upstream_requests_total{{upstream=\"orders\",endpoint=\"127.0.0.1:5001\",status=\"{label}\"}}"));
    }

    [Fact]
    public void A_route_goes_on_where_it_was_until_it_is_removed()
    {
        RouteMetrics route = _metrics.Route("orders");
        Serve(route);
        Assert.Same(route, _metrics.Route("orders"));

        _metrics.RemoveRoute("orders");
        Assert.DoesNotContain("orders", Exposition.Text(_registry), StringComparison.Ordinal);
        Serve(_metrics.Route("orders"));
        Assert.Equal(1, Value("lakou_requests_total{route=\"orders\",status=\"2xx\"}"));
    }

    [Fact]
    public void A_request_that_outlives_its_route_does_not_bring_the_series_back()
    {
        var exchange = Exchanges.With(e => { e.Status = 200; });
        _metrics.Route("orders").Begin(exchange);
        _metrics.RemoveRoute("orders");
        _metrics.Finish(exchange);

        EndpointMetrics endpoint = _metrics.Endpoint("orders", "a:1");
        _metrics.RemoveEndpoint("orders", "a:1");
        endpoint.Finish(200, TimeSpan.Zero);
        Assert.DoesNotContain("orders", Exposition.Text(_registry), StringComparison.Ordinal);
    }

    [Fact]
    public void A_route_that_nobody_asks_for_has_no_series()
    {
        _metrics.Route("orders");
        Assert.DoesNotContain("orders", Exposition.Text(_registry), StringComparison.Ordinal);
    }

    [Fact]
    public void Connections_of_a_listener_are_counted_as_they_come_and_go()
    {
        ListenerMetrics listener = _metrics.Listener("web");
        listener.Open();
        listener.Open();
        listener.Close();
        listener.Refuse("limit");

        Assert.Equal(1, Value("lakou_connections{listener=\"web\"}"));
        Assert.Equal(2, Value("lakou_connections_total{listener=\"web\"}"));
        Assert.Equal(1, Value("lakou_connections_refused_total{listener=\"web\",reason=\"limit\"}"));
        _metrics.RemoveListener("web");
        Assert.DoesNotContain("\"web\"", Exposition.Text(_registry), StringComparison.Ordinal);
    }

    [Fact]
    public void A_refused_configuration_shows_and_keeps_the_time_of_the_last_good_one()
    {
        var taken = DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_500);
        _metrics.Loaded(taken: true, first: true, taken);
        _metrics.Loaded(taken: false, first: false, taken.AddHours(1));

        Assert.Equal(0, Value("lakou_config_last_reload_successful"));
        Assert.Equal(1_700_000_000.5, Value("lakou_config_last_reload_timestamp_seconds"));
        Assert.Equal(1, Value("lakou_config_reloads_total{result=\"failure\"}"));
        Assert.DoesNotContain("result=\"success\"", Exposition.Text(_registry), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Promtool_accepts_every_family_of_the_gateway()
    {
        ProcessMetrics.AddTo(_registry);
        Exchange exchange = Exchanges.Full();
        _metrics.Route("orders").Begin(exchange);
        _metrics.Finish(exchange);
        _metrics.Route("orders").Miss("stock");
        EndpointMetrics endpoint = _metrics.Endpoint("orders", "unix:/run/\"orders\".sock");
        endpoint.Opened.Increment();
        endpoint.ConnectFailures.Increment();
        endpoint.Idle.Increment();
        endpoint.Active.Increment();
        endpoint.Finish(200, TimeSpan.FromMilliseconds(7));
        HealthMetrics health = _metrics.Health;
        health.AddUpstream("orders", () => true);
        health.AddEndpoint("orders", "http://127.0.0.1:1", new EndpointHealth());
        health.Ejected("orders", "http://127.0.0.1:1", EjectionReason.Failures);
        health.Withheld("orders", "http://127.0.0.1:1");
        health.Probed("orders", "http://127.0.0.1:1", "pass");
        using Sweeper sweeper = new(TimeProvider.System, TimeSpan.FromHours(1));
        _ = new Admission("orders", _metrics.Limits, sweeper);
        _metrics.Limits.Refused("orders", Entry.Full);
        _metrics.Discovery.AddUpstream("orders", () => 2);
        _metrics.Discovery.AddSource("orders", "dns", () => true);
        ListenerMetrics listener = _metrics.Listener("web");
        listener.Open();
        listener.Refuse("limit");
        _metrics.Layer4("dns").Drop(DropReason.Sessions);
        _metrics.Loaded(taken: true, first: false, DateTimeOffset.UnixEpoch);

        string text = Exposition.Text(_registry);
        Assert.All(
            _registry.Describe().Where(family => family.Name != "lakou_metric_children_overflowed_total"),
            family => Assert.Contains($"# TYPE {family.Name} ", text, StringComparison.Ordinal));
        await Promtool.Accepts(Exposition.Bytes(_registry));
    }

    [Fact]
    public void A_listener_of_layer_4_takes_its_series_with_it()
    {
        var dns = _metrics.Layer4("dns");
        dns.Connections.Open();
        dns.In.Add(1);
        dns.Drop(DropReason.Unsent);
        Assert.Equal(1, Value("lakou_datagrams_dropped_total{listener=\"dns\",reason=\"unsent\"}"));
        _metrics.RemoveListener("dns");
        dns.Drop(DropReason.Sessions); // by a session that outlives it
        Assert.DoesNotContain("dns", Exposition.Text(_registry), StringComparison.Ordinal);
    }

    private void Serve(RouteMetrics route)
    {
        var exchange = Exchanges.With(e => { e.Status = 200; });
        route.Begin(exchange);
        _metrics.Finish(exchange);
    }

    private double Value(string series) => Exposition.Value(_registry, series);
}
