using System.Diagnostics;
using System.Diagnostics.Metrics;
using Lakou.Gateway.Observation;
using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Observation;

/// <summary>Listeners are of the whole process: these run alone among themselves, and each looks at its own telemetry only.</summary>
public sealed class ServerTelemetryTests : IDisposable
{
    private readonly ManualTime _time = new();
    private readonly string _version = Guid.NewGuid().ToString("N");
    private readonly ServerTelemetry _telemetry;
    private readonly List<IDisposable> _listeners = [];
    private readonly List<(string Name, double Value, Dictionary<string, object?> Tags)> _measured = [];

    public ServerTelemetryTests() => _telemetry = new ServerTelemetry(_time, _version);

    public void Dispose()
    {
        _listeners.ForEach(listener => listener.Dispose());
        _telemetry.Dispose();
    }

    [Fact]
    public void While_nobody_listens_it_is_off_and_allocates_nothing()
    {
        Assert.False(_telemetry.Enabled);
        Exchange exchange = Exchanges.Full();
        Run(exchange);

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            Run(exchange);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Without_a_span_every_upstream_request_still_has_a_span_id_of_its_own()
    {
        Exchange exchange = Exchanges.Full();
        UpstreamCall first = _telemetry.StartClient(exchange, "127.0.0.1", 5001);
        UpstreamCall second = _telemetry.StartClient(exchange, "127.0.0.1", 5001);
        Assert.NotEqual(first.Trace.SpanId, second.Trace.SpanId);
        Assert.NotEqual(first.Trace.SpanId, exchange.Trace.SpanId);
        Assert.Equal(exchange.Trace.SpanId, first.Trace.ParentId);
    }

    [Fact]
    public void A_server_span_continues_the_trace_of_the_client_and_lends_its_ids()
    {
        ListenToSpans();
        Exchange exchange = Exchanges.Full();
        Activity span = _telemetry.StartServer(exchange, "api.example.org", 8080)!;

        Assert.Equal("4bf92f3577b34da6a3ce929d0e0e4736", span.TraceId.ToHexString());
        Assert.Equal("00f067aa0ba902b7", span.ParentSpanId.ToHexString());
        Assert.True(span.HasRemoteParent);
        Assert.Equal($"00-{span.TraceId}-{span.SpanId}-01", exchange.Trace.ToString());
        Assert.Equal(ActivityKind.Server, span.Kind);
        _telemetry.Finish(exchange);
    }

    [Fact]
    public void A_span_that_starts_a_trace_is_a_root_whatever_ran_before_on_this_thread()
    {
        ListenToSpans();
        using Activity stale = new Activity("stale").Start();
        Exchange exchange = Exchanges.Full();
        exchange.Trace = TraceContext.Start();
        Activity span = _telemetry.StartServer(exchange)!;

        Assert.Null(span.ParentId);
        Assert.NotEqual(stale.TraceId, span.TraceId);
        Assert.StartsWith($"00-{span.TraceId}-{span.SpanId}-", exchange.Trace.ToString(), StringComparison.Ordinal);
        _telemetry.Finish(exchange);
    }

    [Fact]
    public void A_finished_server_span_has_the_attributes_of_the_conventions()
    {
        ListenToSpans();
        Exchange exchange = Exchanges.Full();
        Activity span = _telemetry.StartServer(exchange, "api.example.org", 8080)!;
        _telemetry.Finish(exchange);

        Assert.True(span.IsStopped);
        Assert.Null(exchange.Activity);
        Assert.Equal("POST /orders/**", span.DisplayName);
        Assert.Equal(ActivityStatusCode.Error, span.Status);
        Assert.Equal(
            new Dictionary<string, object?>(StringComparer.Ordinal)
            {
                ["http.request.method"] = "POST",
                ["url.path"] = "/orders/7",
                ["url.scheme"] = "http",
                ["server.address"] = "api.example.org",
                ["server.port"] = 8080,
                ["user_agent.original"] = "curl/8.14.1",
                ["client.address"] = "192.0.2.7",
                ["http.route"] = "/orders/**",
                ["network.protocol.version"] = "1.1",
                ["http.response.status_code"] = 504,
                ["error.type"] = "upstream/connect-timeout",
            },
            span.TagObjects.ToDictionary(tag => tag.Key, tag => tag.Value, StringComparer.Ordinal));
    }

    [Fact]
    public void A_method_that_no_standard_names_makes_no_span_name_and_no_label()
    {
        ListenToSpans();
        Exchange exchange = Exchanges.Full();
        exchange.Method = "BREW";
        Activity span = _telemetry.StartServer(exchange)!;
        _telemetry.Finish(exchange);

        Assert.Equal("HTTP /orders/**", span.DisplayName);
        Assert.Equal("_OTHER", span.GetTagItem("http.request.method"));
        Assert.Equal("BREW", span.GetTagItem("http.request.method_original"));
    }

    [Fact]
    public void A_client_error_is_no_error_of_the_server_span_but_of_the_client_span()
    {
        ListenToSpans();
        Exchange exchange = Exchanges.Full();
        exchange.Fault = null;
        exchange.Status = 404;
        Activity server = _telemetry.StartServer(exchange)!;
        UpstreamCall call = _telemetry.StartClient(exchange, "127.0.0.1", 5001);
        _telemetry.FinishClient(call, 404);
        _telemetry.Finish(exchange);

        Assert.Equal(ActivityStatusCode.Unset, server.Status);
        Assert.Null(server.GetTagItem("error.type"));
        Assert.Equal(ActivityStatusCode.Error, call.Activity!.Status);
        Assert.Equal("404", call.Activity.GetTagItem("error.type"));
    }

    [Fact]
    public void The_upstream_request_carries_the_ids_of_its_client_span()
    {
        ListenToSpans();
        Exchange exchange = Exchanges.Full();
        Activity server = _telemetry.StartServer(exchange)!;
        UpstreamCall call = _telemetry.StartClient(exchange, "127.0.0.1", 5001);
        _telemetry.FinishClient(call, 200);
        _telemetry.Finish(exchange);

        Activity client = call.Activity!;
        Assert.Equal($"00-{server.TraceId}-{client.SpanId}-01", call.Trace.ToString());
        Assert.Equal(server.SpanId, client.ParentSpanId);
        Assert.Equal(ActivityKind.Client, client.Kind);
        Assert.Equal("http://127.0.0.1:5001/orders/7", client.GetTagItem("url.full"));
        Assert.Equal(1, client.GetTagItem("http.request.resend_count"));
    }

    [Fact]
    public void The_random_flag_of_a_trace_survives_its_spans()
    {
        ListenToSpans();
        Exchange exchange = Exchanges.Full();
        exchange.Trace = TraceContext.Continue("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03", "a=1");
        _telemetry.StartServer(exchange);
        UpstreamCall call = _telemetry.StartClient(exchange, "127.0.0.1", 5001);
        _telemetry.FinishClient(call, 200);
        _telemetry.Finish(exchange);

        Assert.True(call.Trace.RandomTraceId);
        Assert.True(call.Trace.Sampled);
        Assert.Equal("a=1", call.Trace.State);
    }

    [Fact]
    public void Durations_and_active_requests_are_measured_with_the_names_of_the_conventions()
    {
        ListenToMetrics();
        Assert.True(_telemetry.Enabled);
        Exchange exchange = Exchanges.Full();
        _telemetry.StartServer(exchange);
        UpstreamCall call = _telemetry.StartClient(exchange, "127.0.0.1", 5001);
        _time.Advance(TimeSpan.FromSeconds(1.5));
        _telemetry.FinishClient(call, 0, "upstream/connect-timeout");
        _telemetry.Finish(exchange);

        Assert.Equal(["http.server.active_requests", "http.client.request.duration", "http.server.active_requests", "http.server.request.duration"], _measured.Select(m => m.Name));
        Assert.Equal([1, 1.5, -1, 2.002], _measured.Select(m => m.Value));
        Assert.Equal(_measured[0].Tags, _measured[2].Tags);
        Assert.Equal(
            new Dictionary<string, object?>(StringComparer.Ordinal)
            {
                ["http.request.method"] = "POST",
                ["url.scheme"] = "http",
                ["network.protocol.version"] = "1.1",
                ["http.route"] = "/orders/**",
                ["http.response.status_code"] = 504,
                ["error.type"] = "upstream/connect-timeout",
            },
            _measured[3].Tags);
        Assert.Equal(
            new Dictionary<string, object?>(StringComparer.Ordinal)
            {
                ["http.request.method"] = "POST",
                ["server.address"] = "127.0.0.1",
                ["server.port"] = 5001,
                ["error.type"] = "upstream/connect-timeout",
            },
            _measured[1].Tags);
    }

    [Fact]
    public void A_listener_that_comes_during_an_exchange_does_not_make_active_requests_negative()
    {
        Exchange exchange = Exchanges.Full();
        _telemetry.StartServer(exchange);
        ListenToMetrics();
        _telemetry.Finish(exchange);
        Assert.DoesNotContain(_measured, m => m.Name == "http.server.active_requests");
    }

    private void Run(Exchange exchange)
    {
        _telemetry.StartServer(exchange);
        UpstreamCall call = _telemetry.StartClient(exchange, "127.0.0.1", 5001);
        _telemetry.FinishClient(call, 200);
        _telemetry.Finish(exchange);
    }

    private void ListenToSpans()
    {
        var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == ServerTelemetry.Name && source.Version == _version,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
        };
        ActivitySource.AddActivityListener(listener);
        _listeners.Add(listener);
    }

    private void ListenToMetrics()
    {
        var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Meter.Name == ServerTelemetry.Name && instrument.Meter.Version == _version)
                {
                    self.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Measured(instrument, value, tags));
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Measured(instrument, value, tags));
        listener.Start();
        _listeners.Add(listener);
    }

    private void Measured(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
        _measured.Add((instrument.Name, value, tags.ToArray().ToDictionary(tag => tag.Key, tag => tag.Value, StringComparer.Ordinal)));
}
