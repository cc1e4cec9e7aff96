using Lakou.Core.Configuration;
using Lakou.Gateway.Upstreams.Balancing;
using Lakou.Gateway.Upstreams.Discovery.Consul;
using Lakou.Gateway.Upstreams.Discovery.Dns;
using Lakou.Gateway.Upstreams.Discovery.Kubernetes;
using Lakou.Gateway.Upstreams.Health;
using Lakou.Gateway.Upstreams.Limits;

namespace Lakou.Gateway.Upstreams;

/// <summary>What the Host field of a forwarded request says.</summary>
internal enum HostMode
{
    Keep,
    Endpoint,
}

/// <summary>What is spoken with endpoints.</summary>
internal enum UpstreamProtocol
{
    Http1,

    /// <summary>Over TLS, agreed on by ALPN.</summary>
    Http2,

    /// <summary>In plain text, by prior knowledge (RFC 9113 §3.3).</summary>
    H2c,
}

internal sealed record EndpointOptions
{
    public string Url { get; init; } = "";

    public int Weight { get; init; } = 1;

    public int Tier { get; init; }

    public bool Backup { get; init; }

    private static readonly Shape<string> UrlShape = Shapes.Text(1, 512);

    public static Shape<EndpointOptions> Shape { get; } = Shapes.Object("endpoint", "One address of an upstream.", () => new EndpointOptions())
        .Required("url", UrlShape, o => o.Url, (o, v) => o with { Url = v }, "`http://host:port`, `https://host:port`; `unix:/path` for a Unix socket; `tcp://host:port` or `udp://host:port` for listeners of layer 4.")
        .Field("weight", Shapes.Integer(1, 1000), o => o.Weight, (o, v) => o with { Weight = v }, "Share of the traffic relative to the other endpoints.")
        .Field("tier", Shapes.Integer(0, 9), o => o.Tier, (o, v) => o with { Tier = v }, "Serves while no endpoint of a lower tier can.")
        .Field("backup", Shapes.Flag(), o => o.Backup, (o, v) => o with { Backup = v }, "The same as `tier: 1`.")
        .Check((o, node, problems) =>
        {
            if (o.Backup && o.Tier != 0)
            {
                problems.Add(node, "'backup' is tier 1; write 'tier' alone");
            }
        })
        .Or(UrlShape, url => new EndpointOptions { Url = url });
}

internal sealed record UpstreamTimeoutOptions
{
    public TimeSpan Connect { get; init; } = TimeSpan.FromSeconds(2);

    public TimeSpan Response { get; init; } = TimeSpan.FromSeconds(30);

    public TimeSpan Idle { get; init; } = TimeSpan.FromSeconds(60); // nginx's proxy_read_timeout

    public static Shape<UpstreamTimeoutOptions> Shape { get; } = Shapes.Object("upstream-timeouts", "How long each step may take.", () => new UpstreamTimeoutOptions())
        .Field("connect", Shapes.Duration(TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(5)), o => o.Connect, (o, v) => o with { Connect = v }, "Until the connection is open. Passing it is 504 `upstream/connect-timeout`.")
        .Field("response", Shapes.Duration(TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(1)), o => o.Response, (o, v) => o with { Response = v }, "From the end of the request to the end of the response's head. Passing it is 504 `upstream/response-timeout`.")
        .Field("idle", Shapes.Duration(TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(1)), o => o.Idle, (o, v) => o with { Idle = v }, "Between two bytes in either direction, upgraded connections included. Passing it is `upstream/idle-timeout`.");
}

internal sealed record PoolOptions
{
    public int Size { get; init; } = 256;

    public TimeSpan Idle { get; init; } = TimeSpan.FromSeconds(60); // nginx's keepalive_timeout of an upstream

    public TimeSpan Age { get; init; } = TimeSpan.FromHours(1); // nginx's keepalive_time

    public static Shape<PoolOptions> Shape { get; } = Shapes.Object("pool", "Connections kept open between requests, for each endpoint.", () => new PoolOptions())
        .Field("size", Shapes.Integer(0, 100_000), o => o.Size, (o, v) => o with { Size = v }, "Idle connections kept; 0 closes each after its request.")
        .Field("idle", Shapes.Duration(TimeSpan.FromMilliseconds(100), TimeSpan.FromDays(1)), o => o.Idle, (o, v) => o with { Idle = v }, "How long one may stay idle.")
        .Field("age", Shapes.Duration(TimeSpan.FromSeconds(1), TimeSpan.FromDays(30)), o => o.Age, (o, v) => o with { Age = v }, "How old one may become before it is replaced.");
}

internal sealed record UpstreamOptions
{
    public IReadOnlyList<EndpointOptions> Endpoints { get; init; } = [];

    public string? EndpointsFrom { get; init; }

    public DnsOptions? Dns { get; init; }

    public KubernetesOptions? Kubernetes { get; init; }

    public ConsulOptions? Consul { get; init; }

    public UpstreamProtocol Protocol { get; init; }

    public BalanceOptions Balance { get; init; } = new();

    public StickyOptions? Sticky { get; init; }

    public TimeSpan? SlowStart { get; init; }

    public HostMode Host { get; init; } = HostMode.Keep;

    public UpstreamTimeoutOptions Timeouts { get; init; } = new();

    public PoolOptions Pool { get; init; } = new();

    public UpstreamTlsOptions? Tls { get; init; }

    public HealthOptions Health { get; init; } = new();

    public LimitOptions? Limits { get; init; }

    public static Shape<UpstreamOptions> Shape { get; } = Shapes.Object("upstream", "A named set of endpoints that can serve the same requests.", () => new UpstreamOptions())
        .Field("endpoints", Shapes.List(EndpointOptions.Shape), o => o.Endpoints, (o, v) => o with { Endpoints = v }, "Where the upstream listens; one or more. This, or one of the next four.")
        .Field("endpoints-from", Shapes.Text(1, 4096), o => o.EndpointsFrom, (o, v) => o with { EndpointsFrom = v }, "A file with `endpoints:`, watched; relative to this one.")
        .Field("dns", DnsOptions.Shape, o => o.Dns, (o, v) => o with { Dns = v }, "A name whose addresses are the endpoints: `orders.internal:8080`, or one of SRV records: `_http._tcp.orders.internal`.")
        .Field("kubernetes", KubernetesOptions.Shape, o => o.Kubernetes, (o, v) => o with { Kubernetes = v }, "A service of Kubernetes, by its EndpointSlices.")
        .Field("consul", ConsulOptions.Shape, o => o.Consul, (o, v) => o with { Consul = v }, "A service of Consul: its instances whose checks pass.")
        .Field("protocol", Shapes.Choice(("http1", UpstreamProtocol.Http1), ("http2", UpstreamProtocol.Http2), ("h2c", UpstreamProtocol.H2c)), o => o.Protocol, (o, v) => o with { Protocol = v }, "What endpoints speak: HTTP/1.1; `http2` over TLS, for `https` endpoints; `h2c`, the same in plain text, for `http` and `unix` endpoints. gRPC needs one of the latter.")
        .Field("balance", BalanceOptions.Shape, o => o.Balance, (o, v) => o with { Balance = v }, "How an endpoint is chosen; `{ hash: client-ip }` and the like send the same client to the same endpoint.")
        .Field("sticky", StickyOptions.Shape, o => o.Sticky, (o, v) => o with { Sticky = v }, "A client stays with its endpoint by a cookie.")
        .Field("slow-start", Shapes.Duration(TimeSpan.FromSeconds(1), TimeSpan.FromHours(1)), o => o.SlowStart, (o, v) => o with { SlowStart = v }, "How long the weight of an endpoint that is new, or back, grows from a tenth to all of it; without it, at once.")
        .Field("host", Shapes.Choice(("keep", HostMode.Keep), ("endpoint", HostMode.Endpoint)), o => o.Host, (o, v) => o with { Host = v }, "The Host field that endpoints see: the client's, or the endpoint's own address.")
        .Field("timeouts", UpstreamTimeoutOptions.Shape, o => o.Timeouts, (o, v) => o with { Timeouts = v }, "How long each step may take.")
        .Field("pool", PoolOptions.Shape, o => o.Pool, (o, v) => o with { Pool = v }, "Connections kept open between requests.")
        .Field("tls", UpstreamTlsOptions.Shape, o => o.Tls, (o, v) => o with { Tls = v }, "How `https` endpoints are spoken to; certificates are verified without it too.")
        .Field("health", HealthOptions.Shape, o => o.Health, (o, v) => o with { Health = v }, "Which endpoints get traffic.")
        .Field("limits", LimitOptions.Shape, o => o.Limits, (o, v) => o with { Limits = v }, "How much it is given at a time; without it, whatever comes.")
        .Check((_, node, problems) => CheckSources(node, problems));

    private static readonly string[] s_sources = ["endpoints", "endpoints-from", "dns", "kubernetes", "consul"];

    private static void CheckSources(ConfigNode node, Problems problems)
    {
        ConfigEntry[] sources = [.. (node as ConfigMap)?.Entries.Where(entry => s_sources.Contains(entry.Name, StringComparer.Ordinal)) ?? []];
        if (sources.Length == 0)
        {
            problems.Add(node, "it has no endpoints; write 'endpoints', or say with 'endpoints-from', 'dns', 'kubernetes' or 'consul' where they come from");
        }
        else if (sources.Length > 1)
        {
            problems.Add(sources[1].Key, $"endpoints come from '{sources[0].Name}' already; keep one of the two");
        }
    }
}
