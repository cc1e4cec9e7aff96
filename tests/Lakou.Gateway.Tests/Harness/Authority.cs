using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Lakou.Gateway.Tests.Harness;

/// <summary>An authority that signs certificates of clients, and of authorities below it.</summary>
internal sealed class Authority
{
    public const string ForClients = "1.3.6.1.5.5.7.3.2";
    public const string ForServers = "1.3.6.1.5.5.7.3.1";

    private readonly X509Certificate2 _certificate;

    private Authority(X509Certificate2 certificate) => _certificate = certificate;

    public string Pem => _certificate.ExportCertificatePem() + "\n";

    public X509Certificate2 Certificate => _certificate;

    public static Authority Root(string name = "root")
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = TimeProvider.System.GetUtcNow();
        return new(Request(name, key, isAuthority: true, null).CreateSelfSigned(now.AddYears(-10), now.AddYears(10)));
    }

    public Authority Below(string name = "below") => new(Sign(name, isAuthority: true, null, null, null));

    /// <summary>Also signs with a certificate that is no authority's.</summary>
    public static Authority With(X509Certificate2 certificate) => new(certificate);

    /// <param name="name">Of the client.</param>
    /// <param name="from">When it begins to be valid; a year ago if not said.</param>
    /// <param name="until">When it ends; in a year if not said.</param>
    /// <param name="purpose">The extended key usage; null for none, which allows all.</param>
    public X509Certificate2 Client(string name, DateTimeOffset? from = null, DateTimeOffset? until = null, string? purpose = ForClients)
        => Sign(name, isAuthority: false, from, until, purpose);

    /// <summary>What a client shows: its certificate, and those between it and the root.</summary>
    public static SslStreamCertificateContext Show(X509Certificate2 certificate, params Authority[] between)
        => SslStreamCertificateContext.Create(certificate, [.. between.Select(one => one._certificate)], offline: true);

    private X509Certificate2 Sign(string name, bool isAuthority, DateTimeOffset? from, DateTimeOffset? until, string? purpose)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = TimeProvider.System.GetUtcNow();
        var generator = X509SignatureGenerator.CreateForECDsa(_certificate.GetECDsaPrivateKey()!);
        using var signed = Request(name, key, isAuthority, purpose)
            .Create(_certificate.SubjectName, generator, from ?? now.AddYears(-2), until ?? now.AddYears(1), RandomNumberGenerator.GetBytes(8));
        return signed.CopyWithPrivateKey(key);
    }

    private static CertificateRequest Request(string name, ECDsa key, bool isAuthority, string? purpose)
    {
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(isAuthority, hasPathLengthConstraint: false, 0, critical: true));
        if (purpose is not null)
        {
            request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(purpose)], critical: false));
        }

        return request;
    }
}
