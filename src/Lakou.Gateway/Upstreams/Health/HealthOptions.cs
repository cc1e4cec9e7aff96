using Lakou.Core.Configuration;

namespace Lakou.Gateway.Upstreams.Health;

/// <summary>A probe by the health protocol of gRPC.</summary>
internal sealed record GrpcProbeOptions
{
    public string Service { get; init; } = "";

    private static readonly Shape<string> ServiceShape = Shapes.Text(1, 255, "[A-Za-z0-9._/-]+", "a service such as shop.Orders");

    public static Shape<GrpcProbeOptions> Shape { get; } = Shapes.Object("health-grpc", "A probe by the health protocol of gRPC, `grpc.health.v1.Health/Check`.", () => new GrpcProbeOptions())
        .Field("service", ServiceShape, o => o.Service, (o, v) => o with { Service = v }, "The service that is asked for; without it the server as a whole.")
        .Or(ServiceShape, service => new GrpcProbeOptions { Service = service });
}

/// <summary>Probes of our own. Its kind is told by <see cref="Path"/> and <see cref="Grpc"/>: a request, or only a connection.</summary>
internal sealed record ActiveOptions
{
    public string? Path { get; init; }

    public GrpcProbeOptions? Grpc { get; init; }

    public string? Host { get; init; }

    public StatusSet Expect { get; init; } = new([new(200, 399)]); // HAProxy's and Traefik's: 2xx and 3xx

    public string? Contains { get; init; }

    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(5);

    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(2);

    public double Jitter { get; init; } = 0.1;

    public int HealthyAfter { get; init; } = 2; // HAProxy's rise

    public int UnhealthyAfter { get; init; } = 3; // HAProxy's fall

    public static Shape<ActiveOptions> Shape { get; } = Shapes.Object("health-active", "Probes that Lakou sends by itself, to each endpoint on its own.", () => new ActiveOptions())
        .Field("path", Shapes.Text(1, 1024, "/[!-\"$-~]*", "a path such as /healthz"), o => o.Path, (o, v) => o with { Path = v }, "Asked for with GET. Without it and `grpc` a probe passes when a connection opens.")
        .Field("grpc", GrpcProbeOptions.Shape, o => o.Grpc, (o, v) => o with { Grpc = v }, "Asks by gRPC, which the upstream's `protocol` must carry; `SERVING` passes. `{}` asks for the server as a whole.")
        .Field("host", Shapes.Text(1, 255, "[A-Za-z0-9._:\\[\\]-]+", "a host such as app.example.org"), o => o.Host, (o, v) => o with { Host = v }, "The Host field of probes; without it the endpoint's own address.")
        .Field("expect", StatusSet.Shape, o => o.Expect, (o, v) => o with { Expect = v }, "The statuses of a good answer.")
        .Field("contains", Shapes.Text(1, 1024), o => o.Contains, (o, v) => o with { Contains = v }, "Text that a good answer has within the first 64 KiB of its body.")
        .Field("interval", Shapes.Duration(TimeSpan.FromMilliseconds(100), TimeSpan.FromDays(1)), o => o.Interval, (o, v) => o with { Interval = v }, "From the beginning of one probe to that of the next.")
        .Field("timeout", Shapes.Duration(TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(5)), o => o.Timeout, (o, v) => o with { Timeout = v }, "For all of a probe; passing it is a failure.")
        .Field("jitter", Shapes.Share(0, 0.5), o => o.Jitter, (o, v) => o with { Jitter = v }, "How much longer or shorter an interval is at random, so that probes of many endpoints spread.")
        .Field("healthy-after", Shapes.Integer(1, 100), o => o.HealthyAfter, (o, v) => o with { HealthyAfter = v }, "Probes in a row that must pass until an unhealthy endpoint is healthy.")
        .Field("unhealthy-after", Shapes.Integer(1, 100), o => o.UnhealthyAfter, (o, v) => o with { UnhealthyAfter = v }, "Probes in a row that must fail until a healthy endpoint is unhealthy. Of an endpoint never probed before, the first one decides.")
        .Check((options, node, problems) =>
        {
            if (options.Grpc is not null)
            {
                if (options.Path is not null || options.Contains is not null || ((node as ConfigMap)?.TryGet("expect", out _) ?? false))
                {
                    problems.Add(node, "'grpc' has an answer of its own; remove 'path', 'expect' and 'contains', or 'grpc'");
                }
            }
            else if (options.Path is null && (options.Contains is not null || options.Host is not null || ((node as ConfigMap)?.TryGet("expect", out _) ?? false)))
            {
                problems.Add(node, "'host', 'expect' and 'contains' are about an answer, and without 'path' none is asked for; add 'path: /healthz' or remove them");
            }
        });
}

/// <summary>What the traffic itself tells.</summary>
internal sealed record PassiveOptions
{
    public int Failures { get; init; } = 5; // Envoy's consecutive_5xx

    public StatusSet Statuses { get; init; } = new([]);

    public TimeSpan Window { get; init; } = TimeSpan.FromSeconds(10); // Envoy's interval

    public double? FailureShare { get; init; }

    public double? Deviations { get; init; }

    public int MinRequests { get; init; } = 50; // Envoy's failure_percentage_request_volume

    public TimeSpan EjectFor { get; init; } = TimeSpan.FromSeconds(30); // Envoy's base_ejection_time

    public TimeSpan MaxEjectFor { get; init; } = TimeSpan.FromMinutes(5); // Envoy's max_ejection_time

    public double MaxEjected { get; init; } = 0.5;

    /// <summary>Whether requests are counted for the end of the window.</summary>
    public bool HasWindow => FailureShare is not null || Deviations is not null;

    public static Shape<PassiveOptions> Shape { get; } = Shapes.Object("health-passive", "What requests, and connections of layer 4, tell of an endpoint. One that fails is ejected: it gets no traffic for a while.", () => new PassiveOptions())
        .Field("failures", Shapes.Integer(0, 10_000), o => o.Failures, (o, v) => o with { Failures = v }, "Failures in a row until an endpoint is ejected: no connection, no answer, a broken or a late one. 0 switches the rule off.")
        .Field("statuses", StatusSet.Shape, o => o.Statuses, (o, v) => o with { Statuses = v }, "Answers that are failures too, such as `502-504`.")
        .Field("window", Shapes.Duration(TimeSpan.FromSeconds(1), TimeSpan.FromHours(1)), o => o.Window, (o, v) => o with { Window = v }, "What `failure-share` and `deviations` look at: at its end both decide, and the next begins.")
        .Field("failure-share", Shapes.Share(0.01, 1), o => o.FailureShare, (o, v) => o with { FailureShare = v }, "Ejects an endpoint of whose requests in the window this share or more failed. Off without it.")
        .Field("deviations", Shapes.Number(0.5, 10), o => o.Deviations, (o, v) => o with { Deviations = v }, "Ejects an endpoint whose share of successes is that many standard deviations below the mean of all; Envoy's is 1.9. Needs five endpoints with enough requests. Off without it.")
        .Field("min-requests", Shapes.Integer(1, 1_000_000), o => o.MinRequests, (o, v) => o with { MinRequests = v }, "Requests in the window below which neither rule judges an endpoint.")
        .Field("eject-for", Shapes.Duration(TimeSpan.FromMilliseconds(100), TimeSpan.FromDays(1)), o => o.EjectFor, (o, v) => o with { EjectFor = v }, "How long the first ejection lasts; the second in a row twice as long, the third three times.")
        .Field("max-eject-for", Shapes.Duration(TimeSpan.FromMilliseconds(100), TimeSpan.FromDays(7)), o => o.MaxEjectFor, (o, v) => o with { MaxEjectFor = v }, "How long an ejection may last at most.")
        .Field("max-ejected", Shapes.Share(0, 1), o => o.MaxEjected, (o, v) => o with { MaxEjected = v }, "Share of the endpoints that may be ejected at a time, rounded down; of two or more, one always may. A single one never is.")
        .Check((options, node, problems) =>
        {
            if (options.MaxEjectFor < options.EjectFor)
            {
                problems.Add(node, $"max-eject-for {Durations.Format(options.MaxEjectFor)} is shorter than eject-for {Durations.Format(options.EjectFor)}; make it as long or longer");
            }
        });
}

internal sealed record HealthOptions
{
    public ActiveOptions? Active { get; init; }

    public PassiveOptions Passive { get; init; } = new();

    // In effect when none is left, up to a hundred endpoints: what AWS load balancers do. Envoy's 50% sends two thirds of the traffic
    // of three endpoints to dead ones as soon as two are dead.
    public double Panic { get; init; } = 0.01;

    public static Shape<HealthOptions> Shape { get; } = Shapes.Object("health", "Which endpoints get traffic.", () => new HealthOptions())
        .Field("active", ActiveOptions.Shape, o => o.Active, (o, v) => o with { Active = v }, "Probes. None without it; `{}` for connection probes.")
        .Field("passive", PassiveOptions.Shape, o => o.Passive, (o, v) => o with { Passive = v }, "Ejection by what traffic meets.")
        .Field("panic", Shapes.Share(0, 1), o => o.Panic, (o, v) => o with { Panic = v }, "Below this share of healthy endpoints all are used that were not taken out by hand; `0%` never.");

    /// <summary>What depends on the protocol of the endpoints.</summary>
    public static void Check(string upstream, HealthOptions options, UpstreamPlan plan, Problems problems)
    {
        if (plan.Scheme == "udp" && options.Active is not null)
        {
            problems.Add($"upstreams.{upstream}.health.active", "udp endpoints cannot be probed: nothing says that they listen; remove it, their refusals (ICMP) count by 'passive'");
        }
        else if (options.Active?.Grpc is not null && plan.Protocol == UpstreamProtocol.Http1)
        {
            problems.Add($"upstreams.{upstream}.health.active.grpc", "gRPC goes over HTTP/2; write protocol: h2c, or http2 for https endpoints");
        }
    }
}
