using System.Net;
using Lakou.Core.Configuration;

namespace Lakou.Gateway.Upstreams.Discovery;

/// <summary>What options of sources have in common.</summary>
internal static class DiscoveryShapes
{
    public static Shape<string> Scheme { get; } = Shapes.Choice(("http", "http"), ("https", "https"), ("tcp", "tcp"), ("udp", "udp"));

    public static Shape<int> Port { get; } = Shapes.Integer(1, 65_535);

    /// <summary>RFC 1035 §2.3.4: 63 octets a label, 253 characters in all. Underscores begin the labels of SRV names (RFC 2782).</summary>
    public static Shape<string> HostName { get; } = Shapes.Text(1, 253).Where(IsHostName, "a name has labels of letters, digits, '-' and '_', 63 at most, with dots between");

    public static Shape<string> Url { get; } = Shapes.Text(1, 512)
        .Where(text => Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" && uri is { PathAndQuery: "/", UserInfo.Length: 0, Fragment.Length: 0 }, "an address is http://host:port or https://host:port");

    /// <summary><c>10.0.0.2</c>, <c>10.0.0.2:5353</c>, <c>[fd00::2]:53</c>; port 53 unless said otherwise.</summary>
    public static Shape<string> NameServer { get; } = Shapes.Text(1, 64).Where(text => TryNameServer(text) is not null, "a name server is an address such as 10.0.0.2, 10.0.0.2:5353 or [fd00::2]:53");

    /// <summary>A last dot may say that the name is whole.</summary>
    public static bool IsHostName(string text)
    {
        var name = text.EndsWith('.') ? text[..^1] : text;
        return name.Length is > 0 and <= 253 && Array.TrueForAll(name.Split('.'), IsLabel);
    }

    public static IPEndPoint? TryNameServer(string text)
        => !IPEndPoint.TryParse(text, out var server) ? null : server.Port == 0 ? new(server.Address, 53) : server;

    /// <summary>A name and a port: <c>orders.internal:8080</c>. Null when it is none.</summary>
    public static (string Name, int Port)? TryNamePort(string text)
        => text.LastIndexOf(':') is > 0 and var colon && ushort.TryParse(text.AsSpan(colon + 1), System.Globalization.NumberStyles.None, null, out var port) && port > 0
            ? (text[..colon], port)
            : null;

    private static bool IsLabel(string label)
        => label.Length is > 0 and <= 63 && label[0] != '-' && label[^1] != '-' && label.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_');
}
