using System.Net;
using System.Net.Sockets;

namespace Lakou.Gateway.Listeners;

/// <summary>An address to listen on: <c>:port</c>, <c>ip:port</c> or <c>unix:/path</c>.</summary>
public sealed record ListenerAddress(string Text, EndPoint EndPoint)
{
    /// <summary>Null and what is wrong, when the text is no address.</summary>
    public static ListenerAddress? TryParse(string text, out string error)
    {
        error = "not an address; use :8080, 127.0.0.1:8080, [::1]:8080 or unix:/path";
        if (text.StartsWith("unix:", StringComparison.Ordinal))
        {
            return text["unix:".Length..] is ['/', ..] path && path.Length <= 107 // sun_path of sockaddr_un
                ? new(text, new UnixDomainSocketEndPoint(path))
                : null;
        }

        var colon = text.LastIndexOf(':');
        if (colon < 0 || !ushort.TryParse(text.AsSpan(colon + 1), System.Globalization.NumberStyles.None, null, out var port))
        {
            return null;
        }

        var host = text[..colon];
        var address = host switch
        {
            "" or "*" => Socket.OSSupportsIPv6 ? IPAddress.IPv6Any : IPAddress.Any,
            "localhost" => IPAddress.Loopback,
            ['[', .., ']'] => IPAddress.TryParse(host.AsSpan(1, host.Length - 2), out var v6) ? v6 : null,
            _ => IPAddress.TryParse(host, out var ip) && ip.AddressFamily == AddressFamily.InterNetwork ? ip : null,
        };
        return address is null ? null : new(text, new IPEndPoint(address, port));
    }

    public bool IsLoopback => EndPoint is UnixDomainSocketEndPoint || (EndPoint is IPEndPoint ip && IPAddress.IsLoopback(ip.Address));

    /// <summary>Whether both cannot be bound at once: the same port on the same address, or on all addresses.</summary>
    public bool Overlaps(ListenerAddress other)
    {
        if (EndPoint is IPEndPoint a && other.EndPoint is IPEndPoint b)
        {
            return a.Port == b.Port && a.Port != 0
                && (a.Address.Equals(b.Address)
                    || IsAll(a.Address, b.Address) || IsAll(b.Address, a.Address));
        }

        return EndPoint.Equals(other.EndPoint);

        static bool IsAll(IPAddress all, IPAddress one)
            => all.Equals(IPAddress.IPv6Any) || (all.Equals(IPAddress.Any) && one.AddressFamily == AddressFamily.InterNetwork);
    }
}
