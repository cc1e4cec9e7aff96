using Lakou.Core.Configuration;
using Lakou.Gateway.Upstreams.Discovery.Consul;
using Lakou.Gateway.Upstreams.Discovery.Dns;
using Lakou.Gateway.Upstreams.Discovery.Files;
using Lakou.Gateway.Upstreams.Discovery.Kubernetes;

namespace Lakou.Gateway.Upstreams.Discovery;

/// <summary>A source of endpoints, checked and immutable.</summary>
/// <param name="Kind"><c>file</c>, <c>dns</c>, <c>kubernetes</c> or <c>consul</c>.</param>
/// <param name="Of">What is asked for: a name, a service, a path.</param>
/// <param name="Scheme">What all its endpoints speak.</param>
/// <param name="Identity">Equal for plans that would ask the same in the same way. May hold a secret: never shown.</param>
/// <param name="Open">Makes the source; gets the clock, and whom to warn. What cannot be had is a <see cref="DiscoveryException"/>, and tried again.</param>
internal sealed record DiscoveryPlan(string Kind, string Of, string Scheme, string Identity, Func<TimeProvider, Action<string>, IEndpointSource> Open)
{
    /// <summary><c>dns orders.internal:8080</c>.</summary>
    public override string ToString() => $"{Kind} {Of}";

    /// <summary>Null for endpoints that stand in the file itself.</summary>
    /// <param name="name">Of the upstream.</param>
    /// <param name="options">With one source at most.</param>
    /// <param name="directory">What relative files are relative to.</param>
    /// <param name="known">What is known before anything is asked: the content of a file.</param>
    /// <param name="problems">Gets everything that is wrong.</param>
    public static DiscoveryPlan? Build(string name, UpstreamOptions options, string directory, out IReadOnlyList<EndpointPlan> known, Problems problems)
    {
        known = [];
        var path = $"upstreams.{name}";
        return options switch
        {
            { EndpointsFrom: { } file } => FileSource.Plan(Path.GetFullPath(file, directory), out known, problems),
            { Dns: { } dns } => DnsSource.Plan($"{path}.dns", dns, problems),
            { Kubernetes: { } kubernetes } => KubernetesSource.Plan($"{path}.kubernetes", kubernetes, directory, problems),
            { Consul: { } consul } => ConsulSource.Plan($"{path}.consul", consul, directory, problems),
            _ => null,
        };
    }
}
