using Lakou.Core.Configuration;

namespace Lakou.Gateway.Upstreams.Discovery.Consul;

internal sealed record ConsulOptions
{
    public string Service { get; init; } = "";

    public string? Tag { get; init; }

    public string? Datacenter { get; init; }

    public string Scheme { get; init; } = "http";

    public string Address { get; init; } = "http://127.0.0.1:8500"; // an agent's, on every node

    public string? Token { get; init; }

    public string? Ca { get; init; }

    public static Shape<ConsulOptions> Shape { get; } = Shapes.Object("consul", "Endpoints from a service of Consul: its instances whose checks pass.", () => new ConsulOptions())
        .Required("service", Shapes.Text(1, 256), o => o.Service, (o, v) => o with { Service = v }, "Its name.")
        .Field("tag", Shapes.Text(1, 256), o => o.Tag, (o, v) => o with { Tag = v }, "Only instances with this tag.")
        .Field("datacenter", Shapes.Text(1, 256), o => o.Datacenter, (o, v) => o with { Datacenter = v }, "Without it the agent's own.")
        .Field("scheme", DiscoveryShapes.Scheme, o => o.Scheme, (o, v) => o with { Scheme = v }, "What the endpoints speak.")
        .Field("address", DiscoveryShapes.Url, o => o.Address, (o, v) => o with { Address = v }, "Of an agent or a server.")
        .Field("token", Shapes.Text(1, 256).Where(token => token.All(c => c is > ' ' and < '\x7f'), "a token has visible characters only").Secret(), o => o.Token, (o, v) => o with { Token = v }, "With the right to read the service and its nodes.")
        .Field("ca", Shapes.Text(1, 4096), o => o.Ca, (o, v) => o with { Ca = v }, "A PEM file with the roots that the agent's certificate must come from, in place of the system's.")
        .Or(Shapes.Text(1, 256), service => new ConsulOptions { Service = service });
}
