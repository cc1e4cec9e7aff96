using Lakou.Core.Configuration;

namespace Lakou.Gateway.Upstreams.Discovery.Dns;

internal sealed record DnsOptions
{
    public string? Name { get; init; }

    public int? Port { get; init; }

    public string? Srv { get; init; }

    public string Scheme { get; init; } = "http";

    public AddressFamilies Family { get; init; }

    public TimeSpan Floor { get; init; } = TimeSpan.FromSeconds(1);

    public TimeSpan Ceiling { get; init; } = TimeSpan.FromMinutes(5);

    public IReadOnlyList<string> Servers { get; init; } = [];

    public static Shape<DnsOptions> Shape { get; } = Shapes.Object("dns", "Endpoints from DNS: the addresses of a name, or its SRV records.", () => new DnsOptions())
        .Field("name", DiscoveryShapes.HostName, o => o.Name, (o, v) => o with { Name = v }, "A name with A or AAAA records. A last dot keeps the search domains of the system from being tried.")
        .Field("port", DiscoveryShapes.Port, o => o.Port, (o, v) => o with { Port = v }, "Of each address of `name`.")
        .Field("srv", DiscoveryShapes.HostName, o => o.Srv, (o, v) => o with { Srv = v }, "A name with SRV records, in place of `name` and `port`: priorities become tiers, weights weights.")
        .Field("scheme", DiscoveryShapes.Scheme, o => o.Scheme, (o, v) => o with { Scheme = v }, "What the endpoints speak.")
        .Field("family", Shapes.Choice(("auto", AddressFamilies.Auto), ("ipv4", AddressFamilies.Ipv4), ("ipv6", AddressFamilies.Ipv6), ("both", AddressFamilies.Both)), o => o.Family, (o, v) => o with { Family = v }, "Which addresses: `auto` takes IPv6 where there is no IPv4.")
        .Field("floor", Shapes.Duration(TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1)), o => o.Floor, (o, v) => o with { Floor = v }, "Asked again no sooner, however short the time to live is.")
        .Field("ceiling", Shapes.Duration(TimeSpan.FromSeconds(1), TimeSpan.FromDays(1)), o => o.Ceiling, (o, v) => o with { Ceiling = v }, "Asked again no later, however long the time to live is.")
        .Field("servers", Shapes.List(DiscoveryShapes.NameServer, max: 8), o => o.Servers, (o, v) => o with { Servers = v }, "Name servers, such as `10.0.0.2` or `[fd00::2]:5353`. Without any, those of `/etc/resolv.conf`, after `/etc/hosts`.")
        .Check(Check)
        .Or(Shapes.Text(1, 260).Where(text => Parse(text) is not null, "write name:port, or a name of SRV records such as _http._tcp.orders.internal"), text => Parse(text)!);

    private static void Check(DnsOptions options, ConfigNode node, Problems problems)
    {
        if (options.Srv is null ? options.Name is null || options.Port is null : options.Name is not null || options.Port is not null)
        {
            problems.Add(node, "write 'name' and 'port', or 'srv' alone");
        }
        else if (options.Ceiling < options.Floor)
        {
            problems.Add(node, $"ceiling {Durations.Format(options.Ceiling)} is shorter than floor {Durations.Format(options.Floor)}; make it as long or longer");
        }
    }

    private static DnsOptions? Parse(string text) => DiscoveryShapes.TryNamePort(text) switch
    {
        var (name, port) when DiscoveryShapes.IsHostName(name) => new() { Name = name, Port = port },
        null when text.StartsWith('_') && DiscoveryShapes.IsHostName(text) => new() { Srv = text },
        _ => null,
    };
}
