using Lakou.Core.Configuration;

namespace Lakou.Gateway.Upstreams;

internal sealed record EndpointPlan(EndpointAddress Address, int Weight);

/// <summary>An upstream, checked and immutable.</summary>
internal sealed record UpstreamPlan(
    string Name,
    IReadOnlyList<EndpointPlan> Endpoints,
    Balance Balance,
    HostMode Host,
    UpstreamTimeoutOptions Timeouts,
    int PoolSize,
    TimeSpan PoolIdle,
    TimeSpan PoolAge,
    string Fingerprint)
{
    /// <summary>What its endpoints speak: <c>http</c>, <c>tcp</c>, <c>udp</c>; <c>unix</c> when the address of none tells.</summary>
    public string Scheme => Endpoints.Select(endpoint => endpoint.Address.Scheme).FirstOrDefault(scheme => scheme != "unix") ?? "unix";

    public static UpstreamPlan Build(string name, UpstreamOptions options, string fingerprint, Problems problems)
    {
        var path = $"upstreams.{name}.endpoints";
        if (options.Endpoints.Count == 0)
        {
            problems.Add(path, "an upstream needs one endpoint or more");
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
                endpoints.Add(new(address, options.Endpoints[i].Weight));
            }
        }

        var plan = new UpstreamPlan(name, endpoints, options.Balance, options.Host, options.Timeouts, options.Pool.Size, options.Pool.Idle, options.Pool.Age, fingerprint);
        if (endpoints.Find(endpoint => endpoint.Address.Scheme != plan.Scheme && (endpoint.Address.Scheme != "unix" || plan.Scheme == "udp")) is { } other)
        {
            problems.Add(path, $"{other.Address.Text} stands beside {plan.Scheme} endpoints; an upstream's endpoints speak one protocol");
        }

        return plan;
    }
}
