using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;

namespace Lakou.Gateway.Observation;

/// <summary>
/// Spans and metrics under the stable OpenTelemetry semantic conventions for HTTP (1.23 and later), for whoever listens to the source and
/// the meter named <see cref="Name"/>. While nobody listens nothing is measured, allocated or tagged.
/// </summary>
internal sealed class ServerTelemetry : IDisposable
{
    public const string Name = "Lakou";

    // The boundaries that the conventions advise for both durations, in seconds.
    private static readonly double[] s_boundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

    private readonly TimeProvider _time;
    private readonly ActivitySource _source;
    private readonly Meter _meter;
    private readonly Histogram<double> _serverDuration;
    private readonly Histogram<double> _clientDuration;
    private readonly UpDownCounter<long> _active;

    /// <param name="time">For the durations of upstream calls.</param>
    /// <param name="version">Of this build: the version of the instrumentation scope.</param>
    public ServerTelemetry(TimeProvider time, string version)
    {
        _time = time;
        _source = new ActivitySource(Name, version);
        _meter = new Meter(Name, version);
        var advice = new InstrumentAdvice<double> { HistogramBucketBoundaries = s_boundaries };
        _serverDuration = _meter.CreateHistogram("http.server.request.duration", "s", "Duration of HTTP server requests.", tags: null, advice);
        _clientDuration = _meter.CreateHistogram("http.client.request.duration", "s", "Duration of HTTP client requests.", tags: null, advice);
        _active = _meter.CreateUpDownCounter<long>("http.server.active_requests", "{request}", "Number of active HTTP server requests.");
    }

    /// <summary>Someone listens to spans or to metrics.</summary>
    public bool Enabled => _source.HasListeners() || _serverDuration.Enabled || _clientDuration.Enabled || _active.Enabled;

    /// <summary>
    /// Begins the server span of an exchange whose method, path, scheme and trace are known. When the span is made, its ids replace those
    /// of <see cref="Exchange.Trace"/>. Call <see cref="Finish"/> on the same exchange.
    /// </summary>
    /// <param name="exchange">Just started.</param>
    /// <param name="host">The host that the client asked for, for the span alone: as a label of a metric anyone could fill it.</param>
    /// <param name="port">The port that the client asked for; 0 when unknown.</param>
    public Activity? StartServer(Exchange exchange, string? host = null, int port = 0)
    {
        if (_active.Enabled)
        {
            exchange.CountedActive = true;
            _active.Add(1, ActiveTags(exchange));
        }

        if (!_source.HasListeners())
        {
            return null;
        }

        var tags = new TagList
        {
            { HttpAttributes.Method, HttpAttributes.KnownMethod(exchange.Method) },
            { HttpAttributes.Path, exchange.Path },
            { HttpAttributes.Scheme, exchange.Scheme },
            { HttpAttributes.ServerAddress, host },
            { HttpAttributes.UserAgent, exchange.Context?.Request.Headers.UserAgent.ToString() is { Length: > 0 } agent ? agent : null },
            { HttpAttributes.ClientAddress, exchange.ClientAddress?.ToString() },
        };
        if (port > 0)
        {
            tags.Add(HttpAttributes.ServerPort, port);
        }

        // A root must not become the child of whatever this thread did before.
        Activity.Current = null;
        Activity? activity = _source.StartActivity(HttpAttributes.SpanMethod(exchange.Method), ActivityKind.Server, exchange.Trace.RemoteParent(), tags);
        if (activity is not null)
        {
            exchange.Trace = exchange.Trace.As(activity);
            exchange.Activity = activity;
        }

        return activity;
    }

    /// <summary>Ends what <see cref="StartServer"/> began; status, route, fault and total of the exchange are final.</summary>
    public void Finish(Exchange exchange)
    {
        if (exchange.CountedActive)
        {
            _active.Add(-1, ActiveTags(exchange));
            exchange.CountedActive = false;
        }

        if (_serverDuration.Enabled)
        {
            TagList tags = ActiveTags(exchange);
            tags.Add(HttpAttributes.ProtocolVersion, HttpAttributes.Version(exchange.Protocol));
            AddOutcome(ref tags, exchange);
            _serverDuration.Record(exchange.Total.TotalSeconds, tags);
        }

        if (exchange.Activity is { } activity)
        {
            exchange.Activity = null;
            FinishSpan(exchange, activity);
        }
    }

    /// <summary>
    /// Begins one request to an endpoint. The call's <see cref="UpstreamCall.Trace"/> is what the request carries, whether anyone listens or
    /// not: the ids of the client span when there is one, of the server span when only that is recorded, else a span id of its own.
    /// </summary>
    /// <param name="exchange">The exchange it is made for; <see cref="Exchange.Attempts"/> counts this attempt already.</param>
    /// <param name="address">Host name, IP address or Unix socket of the endpoint.</param>
    /// <param name="port">0 for a Unix socket.</param>
    public UpstreamCall StartClient(Exchange exchange, string address, int port) =>
        StartClient(exchange, exchange.Method, exchange.Path, exchange.Attempts - 1, address, port);

    /// <inheritdoc cref="StartClient(Exchange, string, int)"/>
    /// <param name="exchange">The exchange it is made for.</param>
    /// <param name="method">Of this request.</param>
    /// <param name="path">Of this request, without its query, which may hold secrets.</param>
    /// <param name="resends">How often it was sent before.</param>
    /// <param name="address">Host name, IP address or Unix socket of the endpoint.</param>
    /// <param name="port">0 for a Unix socket.</param>
    public UpstreamCall StartClient(Exchange exchange, string method, string path, int resends, string address, int port)
    {
        Activity? activity = exchange.Activity is { } server ? StartClientSpan(server, method, path, resends, address, port) : null;
        TraceContext trace = activity is not null ? exchange.Trace.Child().As(activity)
            : exchange.Activity is not null ? exchange.Trace
            : exchange.Trace.Child();
        long? started = _clientDuration.Enabled ? _time.GetTimestamp() : null;
        return new UpstreamCall(trace, activity, started, method, address, port);
    }

    /// <summary>Ends one request to an endpoint.</summary>
    /// <param name="call">What the start returned.</param>
    /// <param name="status">Of the answer; 0 without one.</param>
    /// <param name="fault">Name of the fault code when there was no usable answer.</param>
    public void FinishClient(in UpstreamCall call, int status, string? fault = null)
    {
        // RFC 9110: for the one who asked, 4xx is an error too.
        string? error = fault ?? (status >= 400 ? HttpAttributes.StatusText(status) : null);
        if (call.Started is { } started)
        {
            var tags = new TagList { { HttpAttributes.Method, HttpAttributes.KnownMethod(call.Method) }, { HttpAttributes.ServerAddress, call.Address } };
            AddKnown(ref tags, HttpAttributes.ServerPort, call.Port);
            AddKnown(ref tags, HttpAttributes.Status, status);
            if (error is not null)
            {
                tags.Add(HttpAttributes.ErrorType, error);
            }

            _clientDuration.Record(_time.GetElapsedTime(started).TotalSeconds, tags);
        }

        if (call.Activity is { } activity)
        {
            End(activity, status, error);
        }
    }

    public void Dispose()
    {
        _source.Dispose();
        _meter.Dispose();
    }

    private static TagList ActiveTags(Exchange exchange) => new()
    {
        { HttpAttributes.Method, HttpAttributes.KnownMethod(exchange.Method) },
        { HttpAttributes.Scheme, exchange.Scheme },
    };

    private static void AddOutcome(ref TagList tags, Exchange exchange)
    {
        if (HttpAttributes.RouteOf(exchange) is { } route)
        {
            tags.Add(HttpAttributes.Route, route);
        }

        AddKnown(ref tags, HttpAttributes.Status, exchange.Status);
        if (HttpAttributes.ErrorOf(exchange) is { } error)
        {
            tags.Add(HttpAttributes.ErrorType, error);
        }
    }

    private static void AddKnown(ref TagList tags, string key, int value)
    {
        if (value > 0)
        {
            tags.Add(key, HttpAttributes.Boxed(value));
        }
    }

    private static void FinishSpan(Exchange exchange, Activity activity)
    {
        string? route = HttpAttributes.RouteOf(exchange);
        if (route is not null)
        {
            activity.DisplayName = $"{HttpAttributes.SpanMethod(exchange.Method)} {route}";
            activity.SetTag(HttpAttributes.Route, route);
        }

        activity.SetTag(HttpAttributes.ProtocolVersion, HttpAttributes.Version(exchange.Protocol));
        if (HttpAttributes.KnownMethod(exchange.Method) != exchange.Method)
        {
            activity.SetTag(HttpAttributes.OriginalMethod, exchange.Method);
        }

        End(activity, exchange.Status, HttpAttributes.ErrorOf(exchange));
    }

    private static void End(Activity activity, int status, string? error)
    {
        if (status > 0)
        {
            activity.SetTag(HttpAttributes.Status, HttpAttributes.Boxed(status));
        }

        if (error is not null)
        {
            activity.SetTag(HttpAttributes.ErrorType, error);
            activity.SetStatus(ActivityStatusCode.Error);
        }

        activity.Stop();
    }

    private Activity? StartClientSpan(Activity server, string method, string path, int resends, string address, int port)
    {
        var tags = new TagList
        {
            { HttpAttributes.Method, HttpAttributes.KnownMethod(method) },
            { HttpAttributes.ServerAddress, address },
            { HttpAttributes.Url, port > 0 ? string.Create(CultureInfo.InvariantCulture, $"http://{address}:{port}{path}") : null },
        };
        AddKnown(ref tags, HttpAttributes.ServerPort, port);
        AddKnown(ref tags, HttpAttributes.Resend, resends);
        return _source.StartActivity(HttpAttributes.SpanMethod(method), ActivityKind.Client, server.Context, tags);
    }
}

/// <summary>One request to an endpoint, between start and finish.</summary>
/// <param name="Trace">To be written as <c>traceparent</c> and <c>tracestate</c>.</param>
/// <param name="Activity">The client span, when someone records.</param>
/// <param name="Started">Timestamp; null when nobody measures.</param>
/// <param name="Method">As given.</param>
/// <param name="Address">As given.</param>
/// <param name="Port">As given.</param>
internal readonly record struct UpstreamCall(TraceContext Trace, Activity? Activity, long? Started, string Method, string Address, int Port);
