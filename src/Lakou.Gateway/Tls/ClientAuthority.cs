using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Lakou.Core.Configuration;
using Lakou.Gateway.Listeners;

namespace Lakou.Gateway.Tls;

/// <summary>Which clients' certificates a listener believes: those that chain to a root of its file, at this time, for this purpose.</summary>
internal sealed class ClientAuthority
{
    private static readonly Oid s_clientAuthentication = new("1.3.6.1.5.5.7.3.2"); // RFC 5280 §4.2.1.12; a certificate that names no purpose has them all

    private readonly X509Certificate2Collection _certificates;
    private readonly bool _isRequired;

    private ClientAuthority(X509Certificate2Collection certificates, bool isRequired, string fingerprint)
    {
        _certificates = certificates;
        _isRequired = isRequired;
        Fingerprint = fingerprint;
    }

    /// <summary>Changes when the file's content does.</summary>
    public string Fingerprint { get; }

    /// <summary>Null, and a problem, when the file holds no root.</summary>
    public static ClientAuthority? Load(string path, TlsOptions options, string directory, Problems problems)
    {
        try
        {
            var file = Path.GetFullPath(options.ClientCa, directory);
            var certificates = new X509Certificate2Collection();
            certificates.ImportFromPemFile(file);
            if (certificates.Any(certificate => certificate.SubjectName.RawData.AsSpan().SequenceEqual(certificate.IssuerName.RawData)))
            {
                return new(certificates, options.ClientCertificates != ClientCertificates.Optional, TlsPlan.PrintOf(file));
            }

            problems.Add($"{path}.client-ca", "the file holds no root, a certificate that is its own issuer; a PEM file with one is expected");
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            problems.Add($"{path}.client-ca", "the file cannot be read or is no PEM file; one with the certificates of the authority is expected");
        }

        return null;
    }

    /// <summary>Has a handshake ask for a certificate and hold it to the rules.</summary>
    /// <param name="options">Of this handshake alone.</param>
    /// <param name="now">When it is.</param>
    /// <param name="refused">Told why, when the client is not let in.</param>
    public void AddTo(SslServerAuthenticationOptions options, DateTimeOffset now, Action<string> refused)
    {
        // Nothing is fetched for a handshake, which runs on a loop: neither missing certificates nor revocation lists.
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
            VerificationTime = now.UtcDateTime,
        };
        policy.CustomTrustStore.AddRange(_certificates);
        policy.ApplicationPolicy.Add(s_clientAuthentication);
        options.ClientCertificateRequired = true; // it is asked for; what comes of none is decided below
        options.CertificateChainPolicy = policy;

        // A resumed session remembers the client's certificate without those between it and the root.
        options.AllowTlsResume = false;
        options.RemoteCertificateValidationCallback = (_, certificate, chain, errors) =>
        {
            var problem = ProblemOf(certificate, chain, errors);
            if (problem is not null)
            {
                refused(problem);
            }

            return problem is null;
        };
    }

    private string? ProblemOf(X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
        => certificate is null ? _isRequired ? "it shows no certificate" : null
            : errors == SslPolicyErrors.None ? null
            : $"its certificate '{certificate.Subject}' is not trusted ({string.Join(", ", chain?.ChainStatus.Select(status => status.Status) ?? [])})";
}

/// <summary>The client has no certificate, or one that is not believed; the message says why.</summary>
internal sealed class ClientCertificateException(string message, Exception? inner) : AuthenticationException(message, inner);
