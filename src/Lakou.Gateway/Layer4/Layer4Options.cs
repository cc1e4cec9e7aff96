using Lakou.Core.Configuration;

namespace Lakou.Gateway.Layer4;

/// <summary>Which PROXY header an endpoint gets before a client's first byte.</summary>
internal enum ProxyProtocol
{
    Off,
    V1,
    V2,
}

internal sealed record TcpOptions
{
    public string? To { get; init; }

    public IReadOnlyDictionary<string, string> Sni { get; init; } = new Dictionary<string, string>();

    public TimeSpan Idle { get; init; } = TimeSpan.FromMinutes(10); // nginx's proxy_timeout of a stream

    public ProxyProtocol ProxyProtocol { get; init; }

    public static Shape<TcpOptions> Shape { get; } = Shapes.Object("tcp", "Connections passed on byte for byte.", () => new TcpOptions())
        .Field("to", Shapes.Text(1, 63), o => o.To, (o, v) => o with { To = v }, "The upstream; with `sni`, the one for clients that no name matches. Its endpoints are `tcp://host:port` or `unix:/path`.")
        .Field("sni", Shapes.Map(Shapes.Text(1, 63)), o => o.Sni, (o, v) => o with { Sni = v }, "Upstreams by the name that TLS clients ask for, exact or `*.example.net`; the endpoint ends TLS. A client that nothing matches is closed, unless there is `to`.")
        .Field("idle", Layer4Options.IdleShape, o => o.Idle, (o, v) => o with { Idle = v }, "Without a byte in either direction; then both ends are reset.")
        .Field("proxy-protocol", Shapes.Choice(("off", ProxyProtocol.Off), ("v1", ProxyProtocol.V1), ("v2", ProxyProtocol.V2)), o => o.ProxyProtocol, (o, v) => o with { ProxyProtocol = v }, "The PROXY header by which endpoints learn the client's address; they must expect it.");
}

internal sealed record UdpOptions
{
    public string To { get; init; } = "";

    public TimeSpan Idle { get; init; } = TimeSpan.FromSeconds(30); // when Linux forgets a UDP flow (nf_conntrack_udp_timeout)

    public int Sessions { get; init; } = 10_000;

    public static Shape<UdpOptions> Shape { get; } = Shapes.Object("udp", "Datagrams passed on, and their answers back.", () => new UdpOptions())
        .Required("to", Shapes.Text(1, 63), o => o.To, (o, v) => o with { To = v }, "The upstream. Its endpoints are `udp://host:port`.")
        .Field("idle", Layer4Options.IdleShape, o => o.Idle, (o, v) => o with { Idle = v }, "Without a datagram in either direction; then the session is forgotten.")
        .Field("sessions", Shapes.Integer(1, 1_000_000), o => o.Sessions, (o, v) => o with { Sessions = v }, "Clients (address and port) at a time, each with a socket of its own to an endpoint; datagrams of one more are dropped and counted.");
}

/// <summary>What both have, and how they stand beside the options of HTTP.</summary>
internal static class Layer4Options
{
    // Bounded below by the sweeper's half second, above by what still is a timeout.
    public static readonly Shape<TimeSpan> IdleShape = Shapes.Duration(TimeSpan.FromSeconds(1), TimeSpan.FromDays(7));

    private static readonly string[] s_tcpKeys = ["address", "tcp", "accept-proxy", "limits"];
    private static readonly string[] s_udpKeys = ["address", "udp"];

    /// <summary>A listener speaks one of HTTP, TCP and UDP, and has the options of that one alone.</summary>
    public static void Check(TcpOptions? tcp, UdpOptions? udp, ConfigNode node, Problems problems)
    {
        var entries = ((ConfigMap)node).Entries;
        if (tcp is null && udp is null)
        {
            return;
        }

        var (kind, keys) = tcp is not null ? ("tcp", s_tcpKeys) : ("udp", s_udpKeys);
        Refuse(entries.Where(entry => !keys.Contains(entry.Name)), $"has no meaning beside '{kind}', which takes {string.Join(", ", keys.Except([kind]))}", problems);
        var limits = entries.Where(entry => entry.Name == "limits").Select(entry => entry.Value).OfType<ConfigMap>().SelectMany(map => map.Entries);
        Refuse(limits.Where(entry => entry.Name != "connections"), $"has no meaning beside '{kind}'; of the limits it has connections", problems);
    }

    private static void Refuse(IEnumerable<ConfigEntry> entries, string why, Problems problems)
    {
        foreach (var entry in entries)
        {
            problems.Add(entry.Key, $"'{entry.Name}' {why}");
        }
    }
}
