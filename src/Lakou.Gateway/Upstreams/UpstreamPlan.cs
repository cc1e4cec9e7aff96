using Lakou.Core.Configuration;
using Lakou.Gateway.Upstreams.Balancing;
using Lakou.Gateway.Upstreams.Discovery;
using Lakou.Gateway.Upstreams.Health;
using Lakou.Gateway.Upstreams.Limits;

namespace Lakou.Gateway.Upstreams;

/// <summary>An upstream, checked and immutable.</summary>
internal sealed record UpstreamPlan(
    string Name,
    IReadOnlyList<EndpointPlan> Endpoints,
    BalancePlan Balance,
    HostMode Host,
    UpstreamTimeoutOptions Timeouts,
    int PoolSize,
    TimeSpan PoolIdle,
    TimeSpan PoolAge,
    string Fingerprint)
{
    public HealthOptions Health { get; init; } = new();

    public LimitOptions? Limits { get; init; }

    /// <summary>Requests, or connections of layer 4, at a time.</summary>
    public int Places => Math.Min(Limits?.Requests ?? int.MaxValue, Limits?.Connections ?? int.MaxValue);

    /// <summary>Where its endpoints come from; null when they stand in the file.</summary>
    public DiscoveryPlan? Discovery { get; init; }

    /// <summary>What its endpoints speak: <c>http</c>, <c>tcp</c>, <c>udp</c>; <c>unix</c> when the address of none tells.</summary>
    public string Scheme => Discovery?.Scheme ?? EndpointPlan.SchemeOf(Endpoints);

    public UpstreamProtocol Protocol { get; init; }

    /// <summary>Null when its endpoints are spoken to in plain text.</summary>
    public UpstreamTls? Tls { get; init; }

    public static UpstreamPlan Build(string name, UpstreamOptions options, string directory, string fingerprint, Problems problems)
    {
        // 1. The endpoints that are known by now.
        var discovery = DiscoveryPlan.Build(name, options, directory, out var known, problems);
        if (discovery is null && options.EndpointsFrom is null)
        {
            known = EndpointPlan.Build($"upstreams.{name}.endpoints", options.Endpoints, problems);
        }

        // 2. How they are spoken to.
        var tls = discovery?.Scheme == "https" || options.Endpoints.Any(static endpoint => endpoint.Url.StartsWith("https:", StringComparison.OrdinalIgnoreCase))
            ? UpstreamTls.Build($"upstreams.{name}.tls", options.Tls ?? new(), directory, problems)
            : null;
        if (tls is null && options.Tls is not null && (discovery is not null || options.EndpointsFrom is null))
        {
            problems.Add($"upstreams.{name}.tls", discovery is null or { Kind: "file" }
                ? "no endpoint speaks TLS; write their addresses as https://host:port"
                : $"the endpoints do not speak TLS; add scheme: https to '{discovery.Kind}'");
        }

        // 3. The rest, and what does not go together.
        var plan = new UpstreamPlan(name, EndpointPlan.With(tls, options.Protocol, known), BalancePlan.Build(options), options.Host, options.Timeouts, options.Pool.Size, options.Pool.Idle, options.Pool.Age, fingerprint + discovery?.Scheme + tls?.Fingerprint)
        {
            Health = options.Health,
            Limits = options.Limits,
            Discovery = discovery,
            Tls = tls,
            Protocol = options.Protocol,
        };
        LimitOptions.Check(name, options.Limits, plan.Scheme, problems);
        HealthOptions.Check(name, options.Health, plan, problems);
        CheckProtocol(plan, problems);
        BalancePlan.Check(plan, problems);
        return plan;
    }

    private static void CheckProtocol(UpstreamPlan plan, Problems problems)
    {
        var problem = (plan.Protocol, plan.Scheme) switch
        {
            (UpstreamProtocol.Http1, _) or (UpstreamProtocol.Http2, "https") or (UpstreamProtocol.H2c, "http" or "unix") => null,
            (_, "tcp" or "udp") => "what tcp and udp endpoints speak passes as it is; remove it",
            (UpstreamProtocol.Http2, _) => "http2 is spoken over TLS, and these endpoints are plain text; write h2c, or their addresses as https://host:port",
            _ => "h2c is plain text, and these endpoints speak TLS; write http2",
        };
        if (problem is not null && (plan.Endpoints.Count > 0 || plan.Discovery is not null))
        {
            problems.Add($"upstreams.{plan.Name}.protocol", problem);
        }
    }
}
