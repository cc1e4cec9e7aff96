using Lakou.Core.Configuration;
using Lakou.Gateway.Upstreams.Balancing;
using Lakou.Gateway.Upstreams.Health;
using Lakou.Gateway.Upstreams.Limits;

namespace Lakou.Gateway.Upstreams;

internal sealed record EndpointPlan(EndpointAddress Address, int Weight, int Tier);

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

    /// <summary>What its endpoints speak: <c>http</c>, <c>tcp</c>, <c>udp</c>; <c>unix</c> when the address of none tells.</summary>
    public string Scheme => Endpoints.Select(endpoint => endpoint.Address.Scheme).FirstOrDefault(scheme => scheme != "unix") ?? "unix";

    /// <summary>Null when its endpoints are spoken to in plain text.</summary>
    public UpstreamTls? Tls => Endpoints.Select(endpoint => endpoint.Address.Tls).FirstOrDefault();

    public static UpstreamPlan Build(string name, UpstreamOptions options, string directory, string fingerprint, Problems problems)
    {
        var path = $"upstreams.{name}.endpoints";
        if (options.Endpoints.Count == 0)
        {
            problems.Add(path, "an upstream needs one endpoint or more");
        }

        var tls = options.Endpoints.Any(static endpoint => endpoint.Url.StartsWith("https:", StringComparison.OrdinalIgnoreCase))
            ? UpstreamTls.Build($"upstreams.{name}.tls", options.Tls ?? new(), directory, problems)
            : null;
        if (tls is null && options.Tls is not null)
        {
            problems.Add($"upstreams.{name}.tls", "no endpoint speaks TLS; write their addresses as https://host:port");
        }

        var endpoints = new List<EndpointPlan>(options.Endpoints.Count);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < options.Endpoints.Count; i++)
        {
            if (EndpointAddress.TryParse(options.Endpoints[i].Url, out var error) is not { } address)
            {
                problems.Add($"{path}[{i}]", error);
            }
            else if (!seen.Add(address.Text))
            {
                problems.Add($"{path}[{i}]", "this endpoint is listed twice; give it a weight instead");
            }
            else
            {
                endpoints.Add(new(address with { Tls = tls }, options.Endpoints[i].Weight, options.Endpoints[i].Backup ? 1 : options.Endpoints[i].Tier));
            }
        }

        var plan = new UpstreamPlan(name, endpoints, BalancePlan.Build(options), options.Host, options.Timeouts, options.Pool.Size, options.Pool.Idle, options.Pool.Age, fingerprint + tls?.Fingerprint) { Health = options.Health, Limits = options.Limits };
        LimitOptions.Check(name, options.Limits, plan.Scheme, problems);
        HealthOptions.Check(name, options.Health, plan.Scheme, problems);
        if (endpoints.Find(endpoint => endpoint.Address.Scheme != plan.Scheme && (endpoint.Address.Scheme != "unix" || plan.Scheme == "udp")) is { } other)
        {
            problems.Add(path, $"{other.Address.Text} stands beside {plan.Scheme} endpoints; an upstream's endpoints speak one protocol");
        }

        BalancePlan.Check(plan, problems);
        return plan;
    }
}
