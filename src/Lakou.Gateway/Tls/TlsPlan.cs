using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Lakou.Core.Configuration;
using Lakou.Gateway.Listeners;

namespace Lakou.Gateway.Tls;

/// <summary>Certificates read and checked, and how each name is answered.</summary>
internal sealed class TlsPlan
{
    private readonly Dictionary<string, SslStreamCertificateContext> _byName = new(StringComparer.OrdinalIgnoreCase);
    private readonly SslProtocols _protocols;
    private SslStreamCertificateContext? _first;
    private ClientAuthority? _clients;

    private TlsPlan(SslProtocols protocols) => _protocols = protocols;

    /// <summary>Changes when a file's content does.</summary>
    public string Fingerprint { get; private set; } = "";

    /// <summary>Clients are asked for a certificate.</summary>
    public bool AsksClients => _clients is not null;

    public static TlsPlan Build(string path, TlsOptions options, string directory, Problems problems)
    {
        var plan = new TlsPlan(options.MinVersion == TlsVersion.Tls13 ? SslProtocols.Tls13 : SslProtocols.Tls12 | SslProtocols.Tls13);
        for (var i = 0; i < options.Certificates.Count; i++)
        {
            plan.Load($"{path}.certificates[{i}]", options.Certificates[i], directory, problems);
        }

        if (options.ClientCa.Length > 0)
        {
            plan._clients = ClientAuthority.Load(path, options, directory, problems);
            plan.Fingerprint += plan._clients?.Fingerprint;
        }

        return plan;
    }

    /// <summary>How to shake hands with a client that asks for this name.</summary>
    /// <param name="name">By SNI; null or empty when it asks for none.</param>
    /// <param name="protocols">To offer by ALPN: HTTP/3 over QUIC, which has no other, or what goes over TCP.</param>
    /// <param name="now">When certificates must be valid.</param>
    /// <param name="refused">Told why, when the client's certificate is not believed.</param>
    public SslServerAuthenticationOptions OptionsFor(string? name, Protocols protocols, DateTimeOffset now, Action<string> refused)
    {
        var chosen = _first!;
        if (!string.IsNullOrEmpty(name))
        {
            // RFC 6125 §6.4.3: the wildcard stands for one label, the leftmost.
            var dot = name.IndexOf('.', StringComparison.Ordinal);
            if (_byName.TryGetValue(name, out var own) || (dot > 0 && _byName.TryGetValue("*" + name[dot..], out own)))
            {
                chosen = own;
            }
        }

        var alpn = new List<SslApplicationProtocol>(2);
        if (protocols == Protocols.Http3)
        {
            alpn.Add(SslApplicationProtocol.Http3);
        }

        if (protocols.HasFlag(Protocols.Http2))
        {
            alpn.Add(SslApplicationProtocol.Http2);
        }

        if (protocols.HasFlag(Protocols.Http1))
        {
            alpn.Add(SslApplicationProtocol.Http11);
        }

        var options = new SslServerAuthenticationOptions
        {
            ServerCertificateContext = chosen,
            EnabledSslProtocols = _protocols,
            ApplicationProtocols = alpn,
            AllowRenegotiation = false,
            ClientCertificateRequired = false,
        };
        _clients?.AddTo(options, now, refused);
        return options;
    }

    private void Load(string path, CertificateOptions options, string directory, Problems problems)
    {
        if (LoadContext(path, options, directory, problems, out var fingerprint) is not { } context)
        {
            return;
        }

        _first ??= context;
        foreach (var name in NamesOf(context.TargetCertificate))
        {
            _byName.TryAdd(name, context);
        }

        Fingerprint += fingerprint;
    }

    /// <summary>A certificate, its chain and its key; null and a problem when they cannot be had.</summary>
    public static SslStreamCertificateContext? LoadContext(string path, CertificateOptions options, string directory, Problems problems, out string fingerprint)
    {
        fingerprint = "";
        var certPath = Path.GetFullPath(options.Cert, directory);
        var keyPath = Path.GetFullPath(options.Key, directory);
        foreach (var (key, file) in new[] { ("cert", certPath), ("key", keyPath) })
        {
            if (!File.Exists(file))
            {
                problems.Add($"{path}.{key}", "the file does not exist; a PEM file is expected");
                return null;
            }
        }

        try
        {
            var chain = new X509Certificate2Collection();
            chain.ImportFromPemFile(certPath);
            var certificate = X509Certificate2.CreateFromPemFile(certPath, keyPath);
            fingerprint = PrintOf(certPath) + PrintOf(keyPath);
            return SslStreamCertificateContext.Create(certificate, [.. chain.Skip(1)], offline: true);
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            // The message of the library may quote the file; ours does not.
            problems.Add(path, e is CryptographicException or ArgumentException
                ? "the certificate and the key do not belong together, or one is no PEM file"
                : "the files cannot be read; check their permissions");
            return null;
        }
    }

    public static string PrintOf(string file) => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file)));

    /// <summary>The names inside; the common name only when there are no others (RFC 6125 §6.4.4).</summary>
    private static string[] NamesOf(X509Certificate2 certificate)
    {
        var names = certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().SelectMany(extension => extension.EnumerateDnsNames()).ToArray();
        return names.Length > 0 ? names : [certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false)];
    }
}
