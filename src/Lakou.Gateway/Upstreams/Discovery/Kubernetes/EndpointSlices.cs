using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;

namespace Lakou.Gateway.Upstreams.Discovery.Kubernetes;

// The parts of discovery.k8s.io/v1 that matter here. Whatever the API sends, any part may be missing.
internal sealed record SliceList(ListMetadata? Metadata, IReadOnlyList<EndpointSlice?>? Items);

internal sealed record ListMetadata(string? ResourceVersion, string? Continue);

internal sealed record WatchEvent(string? Type, JsonElement Object);

internal sealed record ApiStatus(int? Code, string? Message);

internal sealed record EndpointSlice(SliceMetadata? Metadata, string? AddressType, IReadOnlyList<SlicePort?>? Ports, IReadOnlyList<SliceEndpoint?>? Endpoints);

internal sealed record SliceMetadata(string? Name, string? ResourceVersion);

internal sealed record SlicePort(string? Name, int? Port, string? Protocol)
{
    public string Label => string.IsNullOrEmpty(Name) ? $"{Port}" : $"{Name} ({Port})";
}

/// <param name="Addresses">Of one pod: any of them will do, the first is meant.</param>
/// <param name="Conditions">Null is ready.</param>
internal sealed record SliceEndpoint(IReadOnlyList<string?>? Addresses, SliceConditions? Conditions)
{
    public bool IsReady => Conditions?.Ready ?? true;

    /// <summary>It shuts down and still answers.</summary>
    public bool IsLeaving => Conditions is { Terminating: true } conditions && (conditions.Serving ?? conditions.Ready ?? false);
}

internal sealed record SliceConditions(bool? Ready, bool? Serving, bool? Terminating);

/// <summary>From slices to endpoints.</summary>
internal static class EndpointSlices
{
    /// <summary>
    /// Ready pods; where there is none, those that shut down and still answer, as kube-proxy does. IPv4, and IPv6 where there is no IPv4: in a cluster of
    /// both kinds each pod is in a slice of each.
    /// </summary>
    /// <param name="slices">All of the service.</param>
    /// <param name="options">Which port, and what is spoken there.</param>
    /// <param name="name">The service's, by which the endpoints go.</param>
    /// <exception cref="DiscoveryException">They have no such port.</exception>
    public static IReadOnlyList<EndpointPlan> Merge(IReadOnlyCollection<EndpointSlice> slices, KubernetesOptions options, string name)
    {
        foreach (var family in new[] { AddressFamily.InterNetwork, AddressFamily.InterNetworkV6 })
        {
            var pods = slices.SelectMany(slice => Pods(slice, options, family)).ToArray();
            var used = Array.Exists(pods, pod => pod.Endpoint.IsReady) ? pods.Where(pod => pod.Endpoint.IsReady) : pods.Where(pod => pod.Endpoint.IsLeaving);
            EndpointPlan[] found = [.. used
                .Select(pod => new EndpointPlan(EndpointAddress.Of(options.Scheme, pod.Address, name), 1, 0))
                .DistinctBy(endpoint => endpoint.Address.Text, StringComparer.Ordinal)
                .OrderBy(endpoint => endpoint.Address.Text, StringComparer.Ordinal)];
            if (found.Length > 0)
            {
                return found;
            }
        }

        return [];
    }

    private static IEnumerable<(SliceEndpoint Endpoint, IPEndPoint Address)> Pods(EndpointSlice slice, KubernetesOptions options, AddressFamily family)
    {
        var endpoints = (slice.Endpoints ?? []).OfType<SliceEndpoint>().ToArray();
        if (slice.AddressType != (family == AddressFamily.InterNetwork ? "IPv4" : "IPv6") || endpoints.Length == 0)
        {
            yield break;
        }

        var port = PortOf(slice, options);
        foreach (var endpoint in endpoints)
        {
            if (endpoint.Addresses is [{ } text, ..] && IPAddress.TryParse(text, out var address) && address.AddressFamily == family)
            {
                yield return (endpoint, new(address, port));
            }
        }
    }

    private static int PortOf(EndpointSlice slice, KubernetesOptions options)
    {
        var protocol = options.Scheme == "udp" ? "UDP" : "TCP";
        var ports = (slice.Ports ?? []).OfType<SlicePort>().Where(port => (port.Protocol ?? "TCP") == protocol && port.Port is > 0 and <= 65_535).ToArray();
        var isNumber = int.TryParse(options.Port, NumberStyles.None, CultureInfo.InvariantCulture, out var number);
        var found = options.Port is null ? ports.Length == 1 ? ports[0] : null : Array.Find(ports, port => isNumber ? port.Port == number : port.Name == options.Port);
        return found?.Port ?? throw new DiscoveryException(
            DiscoveryFailure.NotFound,
            $"service {options.Service} has {(ports.Length == 0 ? $"no {protocol} port" : $"the {protocol} ports {string.Join(", ", ports.Select(port => port.Label))}")}; {(options.Port is null ? "name one of them as 'port'" : $"'{options.Port}' is none of them")}");
    }
}
