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

        return new(name, endpoints, options.Balance, options.Host, options.Timeouts, options.Pool.Size, options.Pool.Idle, options.Pool.Age, fingerprint);
    }
}
