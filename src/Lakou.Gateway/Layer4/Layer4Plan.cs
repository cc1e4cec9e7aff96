using Lakou.Core.Configuration;
using Lakou.Gateway.Listeners;
using Lakou.Gateway.Upstreams;
using Lakou.Gateway.Upstreams.Balancing;

namespace Lakou.Gateway.Layer4;

/// <summary>A listener's <c>tcp</c>, checked and immutable.</summary>
/// <param name="To">The upstream of clients that no name matches; null closes them.</param>
/// <param name="Names">Upstreams by server name; when empty, nobody looks for one.</param>
/// <param name="Idle">How long a connection may be silent.</param>
/// <param name="ProxyProtocol">What endpoints get first.</param>
internal sealed record TcpPlan(string? To, ServerNames Names, TimeSpan Idle, ProxyProtocol ProxyProtocol)
{
    public static TcpPlan Build(string path, TcpOptions options, Problems problems)
    {
        if (options.To is null && options.Sni.Count == 0)
        {
            problems.Add(path, "leads nowhere; add 'to' with an upstream, or 'sni' with upstreams by name");
        }

        return new(options.To, ServerNames.Build(options.Sni, path + ".sni", problems), options.Idle, options.ProxyProtocol);
    }
}

/// <summary>Who may forward to whom: an upstream's endpoints speak one protocol.</summary>
internal static class Layer4Plan
{
    private static readonly string[] s_layer4 = ["tcp", "udp"];

    /// <summary>The upstreams that a listener names: they are there, and speak what it speaks.</summary>
    public static void Check(ListenerPlan listener, IReadOnlyDictionary<string, UpstreamPlan> upstreams, ConfigDocument document, Problems problems)
    {
        var path = $"listeners.{listener.Name}";
        if (listener.Options.Tcp is { } tcp)
        {
            foreach (var (name, upstream) in tcp.Sni)
            {
                Check($"{path}.tcp.sni.{name}", upstream, ["tcp", "unix"], "a listener with 'tcp' needs tcp://host:port or unix:/path");
            }

            if (tcp.To is not null)
            {
                Check($"{path}.tcp.to", tcp.To, ["tcp", "unix"], "a listener with 'tcp' needs tcp://host:port or unix:/path");
            }
        }
        else if (listener.Options.Udp is { } udp)
        {
            Check($"{path}.udp.to", udp.To, ["udp"], "a listener with 'udp' needs udp://host:port");
            if (listener.Address.EndPoint is not System.Net.IPEndPoint)
            {
                problems.Add($"{path}.address", "a Unix socket takes no datagrams here; use an address with a port, such as :53");
            }
        }

        void Check(string at, string name, string[] schemes, string right)
        {
            if (upstreams.TryGetValue(name, out var upstream))
            {
                BalancePlan.CheckLayer4(upstream, problems);
                if (upstream is not { Discovery: null, Endpoints.Count: 0 } && !schemes.Contains(upstream.Scheme))
                {
                    problems.Add(at, $"upstream '{name}' has {upstream.Scheme} endpoints; {right}");
                }
            }
            else if (document.Find($"upstreams.{name}") is null) // else it has problems of its own
            {
                problems.Add(at, $"unknown upstream '{name}'{Nearest.Suggest(name, upstreams.Keys)}");
            }
        }
    }

    /// <summary>A route carries requests, which endpoints of layer 4 do not speak.</summary>
    public static void CheckRoute(string at, UpstreamPlan upstream, Problems problems)
    {
        if (s_layer4.Contains(upstream.Scheme))
        {
            problems.Add(at, $"upstream '{upstream.Name}' has {upstream.Scheme} endpoints, to which no request can be sent; use http://host:port, or a listener with '{upstream.Scheme}'");
        }
    }
}
