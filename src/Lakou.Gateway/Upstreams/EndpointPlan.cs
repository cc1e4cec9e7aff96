using Lakou.Core.Configuration;

namespace Lakou.Gateway.Upstreams;

/// <summary>One endpoint, checked.</summary>
internal sealed record EndpointPlan(EndpointAddress Address, int Weight, int Tier)
{
    /// <summary>What was written, in its order: each once, and all speaking one protocol.</summary>
    /// <param name="path">Of the list.</param>
    /// <param name="options">As written.</param>
    /// <param name="problems">Gets what is wrong; what is not is built.</param>
    public static IReadOnlyList<EndpointPlan> Build(string path, IReadOnlyList<EndpointOptions> options, Problems problems)
    {
        if (options.Count == 0)
        {
            problems.Add(path, "an upstream needs one endpoint or more");
        }

        var endpoints = new List<EndpointPlan>(options.Count);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < options.Count; i++)
        {
            if (EndpointAddress.TryParse(options[i].Url, out var error) is not { } address)
            {
                problems.Add($"{path}[{i}]", error);
            }
            else if (!seen.Add(address.Text))
            {
                problems.Add($"{path}[{i}]", "this endpoint is listed twice; give it a weight instead");
            }
            else
            {
                endpoints.Add(new(address, options[i].Weight, options[i].Backup ? 1 : options[i].Tier));
            }
        }

        var scheme = SchemeOf(endpoints);
        if (endpoints.Find(endpoint => !Fits(endpoint.Address.Scheme, scheme)) is { } other)
        {
            problems.Add(path, $"{other.Address.Text} stands beside {scheme} endpoints; an upstream's endpoints speak one protocol");
        }

        return endpoints;
    }

    /// <summary>What the endpoints speak; <c>unix</c> when the address of none tells.</summary>
    public static string SchemeOf(IReadOnlyList<EndpointPlan> endpoints)
        => endpoints.Select(endpoint => endpoint.Address.Scheme).FirstOrDefault(scheme => scheme != "unix") ?? "unix";

    /// <summary>Whether an endpoint may stand beside others.</summary>
    public static bool Fits(string scheme, string others) => scheme == others || (scheme == "unix" && others != "udp");

    /// <summary>The same endpoints, spoken to like this.</summary>
    public static IReadOnlyList<EndpointPlan> With(UpstreamTls? tls, UpstreamProtocol protocol, IReadOnlyList<EndpointPlan> endpoints)
        => tls is null && endpoints.All(endpoint => endpoint.Address.Tls is null && endpoint.Address.Protocol == protocol)
            ? endpoints
            : [.. endpoints.Select(endpoint => endpoint with { Address = endpoint.Address with { Tls = tls, Protocol = protocol } })];
}
