using System.Net;
using Lakou.Core.Configuration;
using Lakou.Gateway.Forwarding;
using Lakou.Gateway.Layer4;

namespace Lakou.Gateway.Listeners;

[Flags]
internal enum Protocols
{
    Http1 = 1,
    Http2 = 2,
    Http3 = 4,
}

internal enum TlsVersion
{
    Tls12,
    Tls13,
}

internal enum ClientCertificates
{
    Require,
    Optional,
}

internal sealed record CertificateOptions
{
    public string Cert { get; init; } = "";

    public string Key { get; init; } = "";

    public static Shape<CertificateOptions> Shape { get; } = Shapes.Object("certificate", "A certificate with its key, as PEM files.", () => new CertificateOptions())
        .Required("cert", Shapes.Text(1, 4096), o => o.Cert, (o, v) => o with { Cert = v }, "The file with the certificate and those between it and the root. Relative to the configuration file.")
        .Required("key", Shapes.Text(1, 4096), o => o.Key, (o, v) => o with { Key = v }, "The file with the private key.");
}

internal sealed record TlsOptions
{
    public IReadOnlyList<CertificateOptions> Certificates { get; init; } = [];

    public TlsVersion MinVersion { get; init; } = TlsVersion.Tls12;

    public string ClientCa { get; init; } = "";

    public ClientCertificates ClientCertificates { get; init; }

    public bool ForwardClientCert { get; init; }

    public static Shape<TlsVersion> VersionShape { get; } = Shapes.Choice(("1.2", TlsVersion.Tls12), ("1.3", TlsVersion.Tls13));

    public static Shape<TlsOptions> Shape { get; } = Shapes.Object("tls", "TLS of a listener.", () => new TlsOptions())
        .Required("certificates", Shapes.List(CertificateOptions.Shape, min: 1), o => o.Certificates, (o, v) => o with { Certificates = v }, "Chosen by the name that the client asks for (SNI); the first serves all others.")
        .Field("min-version", VersionShape, o => o.MinVersion, (o, v) => o with { MinVersion = v }, "The oldest version of TLS that is accepted.")
        .Field("client-ca", Shapes.Text(1, 4096), o => o.ClientCa, (o, v) => o with { ClientCa = v }, "A PEM file with the roots to which the certificates of clients must chain, for client authentication; the system's have no say. Relative to the configuration file.")
        .Field("client-certificates", Shapes.Choice(("require", ClientCertificates.Require), ("optional", ClientCertificates.Optional)), o => o.ClientCertificates, (o, v) => o with { ClientCertificates = v }, "With `client-ca`: whether a client without a certificate is let in. One with a bad certificate never is.")
        .Field("forward-client-cert", Shapes.Flag(), o => o.ForwardClientCert, (o, v) => o with { ForwardClientCert = v }, "With `client-ca`: endpoints get the client's certificate in `Client-Cert` (RFC 9440).")
        .Check((o, node, problems) =>
        {
            foreach (var entry in ((ConfigMap)node).Entries.Where(entry => o.ClientCa.Length == 0 && entry.Name is "client-certificates" or "forward-client-cert"))
            {
                problems.Add(entry.Key, $"'{entry.Name}' has no meaning without client-ca, the file with the roots of clients' certificates");
            }
        });
}

internal sealed record ListenerLimitOptions
{
    public long Head { get; init; } = 32 << 10; // 32 KiB: Kestrel; nginx and HAProxy take 32 and 15

    public int Fields { get; init; } = 100; // Kestrel, HAProxy (101), Kong

    public long Body { get; init; } = 100 << 20; // 100 MiB: Cloudflare's

    public int Connections { get; init; } = 20_000; // HAProxy's guide: 20,000 saturated connections a gigabyte

    public int Streams { get; init; } = 100; // RFC 9113 §6.5.2 advises no fewer; HAProxy and Kestrel have 100

    public static Shape<ListenerLimitOptions> Shape { get; } = Shapes.Object("listener-limits", "What one client may take.", () => new ListenerLimitOptions())
        .Field("head", Shapes.Size(1 << 10, 1 << 20), o => o.Head, (o, v) => o with { Head = v }, "Bytes of a request's head; more is 431.")
        .Field("fields", Shapes.Integer(1, 10_000), o => o.Fields, (o, v) => o with { Fields = v }, "Header fields of a request; more is 431.")
        .Field("body", Shapes.Size(0, 1L << 50), o => o.Body, (o, v) => o with { Body = v }, "Bytes of a request's body; more is 413. The filter `body-limit` changes it for a route.")
        .Field("connections", Shapes.Integer(1, 10_000_000), o => o.Connections, (o, v) => o with { Connections = v }, "Open connections of the listener; one more is closed at once and counted.")
        .Field("streams", Shapes.Integer(1, 10_000), o => o.Streams, (o, v) => o with { Streams = v }, "Requests at a time on one HTTP/2 connection.");
}

internal sealed record ListenerTimeoutOptions
{
    public TimeSpan Head { get; init; } = TimeSpan.FromSeconds(30); // Kestrel's RequestHeadersTimeout

    public TimeSpan Idle { get; init; } = TimeSpan.FromSeconds(60); // AWS's load balancer; nginx has 75 s

    public static Shape<ListenerTimeoutOptions> Shape { get; } = Shapes.Object("listener-timeouts", "How long a client may take.", () => new ListenerTimeoutOptions())
        .Field("head", Shapes.Duration(TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1)), o => o.Head, (o, v) => o with { Head = v }, "From the first byte of a request, or the opening of the connection, to the end of its head. Passing it is 408 `http/head-timeout`.")
        .Field("idle", Shapes.Duration(TimeSpan.FromMilliseconds(100), TimeSpan.FromDays(1)), o => o.Idle, (o, v) => o with { Idle = v }, "Between two requests of a connection; then it is closed.");
}

internal enum EncodedSlashes
{
    Reject,
    Keep,
}

internal enum Slashes
{
    Merge,
    Keep,
}

internal sealed record ListenerOptions
{
    public string Address { get; init; } = "";

    public TcpOptions? Tcp { get; init; }

    public UdpOptions? Udp { get; init; }

    public IReadOnlyList<IPNetwork> AcceptProxy { get; init; } = [];

    public TlsOptions? Tls { get; init; }

    public IReadOnlyList<Protocols> Protocols { get; init; } = [Listeners.Protocols.Http1, Listeners.Protocols.Http2];

    public IReadOnlyList<IPNetwork> TrustedProxies { get; init; } = [];

    public ListenerLimitOptions Limits { get; init; } = new();

    public ListenerTimeoutOptions Timeouts { get; init; } = new();

    public long BodyRate { get; init; } = 240; // Kestrel's MinRequestBodyDataRate

    public EncodedSlashes EncodedSlashes { get; init; }

    public Slashes Slashes { get; init; }

    public Underscores Underscores { get; init; }

    private static readonly Shape<IPNetwork> NetworkShape = Shapes.Parsed(
        "network",
        "an address such as 10.0.0.1 or a network such as 10.0.0.0/8",
        (string text, out IPNetwork network) => TryParseNetwork(text, out network),
        network => network.ToString());

    public static Shape<ListenerOptions> Shape { get; } = Shapes.Object("listener", "An address that accepts connections.", () => new ListenerOptions())
        .Required("address", Shapes.Text(2, 256), o => o.Address, (o, v) => o with { Address = v }, "`:8080` on every address, `127.0.0.1:8080`, `[::1]:8080`, or `unix:/path`. Port 0 takes a free one.")
        .Field("tcp", TcpOptions.Shape, o => o.Tcp, (o, v) => o with { Tcp = v }, "Passes connections on byte for byte, instead of serving HTTP.")
        .Field("udp", UdpOptions.Shape, o => o.Udp, (o, v) => o with { Udp = v }, "Passes datagrams on, instead of serving HTTP.")
        .Field("accept-proxy", Shapes.List(NetworkShape), o => o.AcceptProxy, (o, v) => o with { AcceptProxy = v }, "Peers that begin each connection with a PROXY header, version 1 or 2, before TLS and HTTP; it says whom they speak for. Those that do not are closed.")
        .Field("tls", TlsOptions.Shape, o => o.Tls, (o, v) => o with { Tls = v }, "TLS on this address; without it, plain text.")
        .Field("protocols", Shapes.List(Shapes.Choice(("http1", Listeners.Protocols.Http1), ("http2", Listeners.Protocols.Http2), ("http3", Listeners.Protocols.Http3)), min: 1), o => o.Protocols, (o, v) => o with { Protocols = v }, "HTTP versions that are served. On plain text HTTP/2 begins with prior knowledge; with TLS by ALPN. `http3` is on the same port over UDP, with TLS, beside one of the others, where the QUIC library is installed.")
        .Field("trusted-proxies", Shapes.List(NetworkShape), o => o.TrustedProxies, (o, v) => o with { TrustedProxies = v }, "Peers whose `X-Forwarded-*` and `Forwarded` are kept and extended; those of all others are replaced.")
        .Field("limits", ListenerLimitOptions.Shape, o => o.Limits, (o, v) => o with { Limits = v }, "What one client may take.")
        .Field("timeouts", ListenerTimeoutOptions.Shape, o => o.Timeouts, (o, v) => o with { Timeouts = v }, "How long a client may take.")
        .Field("body-rate", Shapes.Size(1, 1 << 30), o => o.BodyRate, (o, v) => o with { BodyRate = v }, "Bytes a second that a client must send of a body, or read of an answer, over any 5 s of waiting for it.")
        .Field("encoded-slashes", Shapes.Choice(("reject", EncodedSlashes.Reject), ("keep", EncodedSlashes.Keep)), o => o.EncodedSlashes, (o, v) => o with { EncodedSlashes = v }, "`%2F` in a path: 400, or part of one segment.")
        .Field("slashes", Shapes.Choice(("merge", Slashes.Merge), ("keep", Slashes.Keep)), o => o.Slashes, (o, v) => o with { Slashes = v }, "`//` in a path: one slash, or an empty segment.")
        .Field("underscores", Shapes.Choice(("drop", Underscores.Drop), ("keep", Underscores.Keep)), o => o.Underscores, (o, v) => o with { Underscores = v }, "Header names with an underscore, which some servers read as a hyphen.")
        .Check((o, node, problems) => Layer4Options.Check(o.Tcp, o.Udp, node, problems))
        .Check(static (o, node, problems) =>
        {
            if (o.Protocols.Contains(Listeners.Protocols.Http3) && WhyNoHttp3(o) is { } why)
            {
                problems.Add(((ConfigMap)node).Entries.First(entry => entry.Name == "protocols").Key, why);
            }
        });

    private static string? WhyNoHttp3(ListenerOptions options)
        => options.Tls is null ? "http3 is spoken over TLS alone; add tls, or take http3 out"
            : options.Protocols.All(protocol => protocol == Listeners.Protocols.Http3) ? "clients learn of http3 from an answer over another version; add http1 or http2"
            : options.AcceptProxy.Count > 0 ? "http3 has no PROXY header; take it or accept-proxy out"
            : options.Address.StartsWith("unix:", StringComparison.Ordinal) ? "http3 needs a port, which a Unix socket has not; take it out, or use an address such as :8443"
            : null;

    private static bool TryParseNetwork(string text, out IPNetwork network)
    {
        if (IPNetwork.TryParse(text, out network))
        {
            return true;
        }

        if (IPAddress.TryParse(text, out var address))
        {
            network = new IPNetwork(address, address.GetAddressBytes().Length * 8);
            return true;
        }

        return false;
    }
}
