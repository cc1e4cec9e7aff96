using Lakou.Core.Configuration;

namespace Lakou.Gateway.Upstreams.Discovery.Kubernetes;

internal sealed record KubernetesOptions
{
    public string Service { get; init; } = "";

    public string? Namespace { get; init; }

    public string? Port { get; init; }

    public string Scheme { get; init; } = "http";

    public string? Api { get; init; }

    public string? TokenFile { get; init; }

    public string? Ca { get; init; }

    /// <summary>RFC 1123 labels; what names of services and namespaces are.</summary>
    private static readonly Shape<string> LabelShape = Shapes.Text(1, 63, "[a-z0-9]([-a-z0-9]*[a-z0-9])?", "a name of lower-case letters, digits and '-'");

    public static Shape<KubernetesOptions> Shape { get; } = Shapes.Object("kubernetes", "Endpoints from the EndpointSlices of a service, listed and watched.", () => new KubernetesOptions())
        .Required("service", LabelShape, o => o.Service, (o, v) => o with { Service = v }, "Its name.")
        .Field("namespace", LabelShape, o => o.Namespace, (o, v) => o with { Namespace = v }, "Of the service; without it that of the pod, or `default` with `api`.")
        .Field("port", Shapes.Text(1, 63), o => o.Port, (o, v) => o with { Port = v }, "Name of the service's port, or number of the pods'; needless where there is one.")
        .Field("scheme", DiscoveryShapes.Scheme, o => o.Scheme, (o, v) => o with { Scheme = v }, "What the endpoints speak.")
        .Field("api", DiscoveryShapes.Url, o => o.Api, (o, v) => o with { Api = v }, "Of the cluster; without it that of the cluster Lakou runs in, with the pod's credentials.")
        .Field("token-file", Shapes.Text(1, 4096), o => o.TokenFile, (o, v) => o with { TokenFile = v }, "A file with a token, read for each request as it is renewed.")
        .Field("ca", Shapes.Text(1, 4096), o => o.Ca, (o, v) => o with { Ca = v }, "A PEM file with the roots that the API's certificate must come from, in place of the system's.")
        .Or(LabelShape, service => new KubernetesOptions { Service = service });
}
