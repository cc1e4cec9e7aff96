using System.Net;
using System.Net.Sockets;

namespace Lakou.Gateway.Upstreams;

/// <summary>Where an endpoint listens: <c>http://host:port</c>, <c>https://host:port</c>, <c>tcp://host:port</c>, <c>udp://host:port</c>, or <c>unix:/path</c>.</summary>
internal sealed record EndpointAddress(string Text, EndPoint EndPoint, string Authority)
{
    /// <summary>For <c>https</c>, else null.</summary>
    public UpstreamTls? Tls { get; init; }

    /// <summary>What is spoken there; of no meaning at layer 4.</summary>
    public UpstreamProtocol Protocol { get; init; }

    /// <summary><c>http</c>, <c>https</c>, <c>tcp</c>, <c>udp</c>, or <c>unix</c>, which says nothing of what is spoken there.</summary>
    public string Scheme { get; } = Text[..Text.IndexOf(':', StringComparison.Ordinal)];

    /// <summary>Host or path, for spans and client metrics, and what certificates must be for.</summary>
    public string Host { get; init; } = EndPoint switch
    {
        IPEndPoint ip => ip.Address.ToString(),
        DnsEndPoint dns => dns.Host,
        _ => Text,
    };

    /// <summary>0 for a Unix socket.</summary>
    public int Port { get; } = EndPoint switch
    {
        IPEndPoint ip => ip.Port,
        DnsEndPoint dns => dns.Port,
        _ => 0,
    };

    /// <summary>An address that a name led to. It goes by the name: certificates must be for it, and <c>host: endpoint</c> says it.</summary>
    /// <param name="scheme">What is spoken there.</param>
    /// <param name="endPoint">Where.</param>
    /// <param name="name">A host name.</param>
    public static EndpointAddress Of(string scheme, IPEndPoint endPoint, string name)
    {
        var isUsual = (scheme, endPoint.Port) is ("http", 80) or ("https", 443);
        var (address, port) = (endPoint.ToString(), $":{endPoint.Port}");
        return new($"{scheme}://{(isUsual ? address[..^port.Length] : address)}", endPoint, isUsual ? name : name + port) { Host = name };
    }

    /// <summary>Null and what is wrong, when the text is no address of an endpoint.</summary>
    public static EndpointAddress? TryParse(string text, out string error)
    {
        error = "";
        if (text.StartsWith("unix:", StringComparison.Ordinal))
        {
            var path = text["unix:".Length..];
            if (!path.StartsWith('/'))
            {
                error = "the path of a Unix socket must be absolute, as in unix:/run/app.sock";
                return null;
            }

            if (path.Length > 107)
            {
                error = "the path of a Unix socket is too long; 107 characters at most"; // sun_path of sockaddr_un
                return null;
            }

            return new(text, new UnixDomainSocketEndPoint(path), "localhost");
        }

        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Host.Length == 0 || uri.Port == 0)
        {
            error = "not an address; use http://host:port, https://host:port or unix:/path; for layer 4 tcp://host:port or udp://host:port";
            return null;
        }

        if (uri.Scheme is not ("http" or "https" or "tcp" or "udp"))
        {
            error = $"'{uri.Scheme}' endpoints are not supported; use http://host:port, https://host:port or unix:/path; for layer 4 tcp://host:port or udp://host:port";
            return null;
        }

        if (uri.UserInfo.Length > 0)
        {
            error = "credentials do not belong in an endpoint's address";
            return null;
        }

        if (uri.PathAndQuery != "/" || uri.Fragment.Length > 0)
        {
            error = "an endpoint has no path; use the filter 'rewrite' or 'strip-prefix' on the route";
            return null;
        }

        if (uri.Port < 0)
        {
            error = $"the port is missing; use {uri.Scheme}://{uri.Host}:port";
            return null;
        }

        EndPoint endpoint = IPAddress.TryParse(uri.Host.Trim('[', ']'), out var address)
            ? new IPEndPoint(address, uri.Port)
            : new DnsEndPoint(uri.Host, uri.Port);
        return new($"{uri.Scheme}://{uri.Authority}", endpoint, uri.Authority);
    }
}
