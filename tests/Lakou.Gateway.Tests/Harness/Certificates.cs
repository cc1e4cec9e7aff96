using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Lakou.Gateway.Tests.Harness;

/// <summary>Self-signed certificates as PEM files, gone with this.</summary>
internal sealed class Certificates : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("lakou-tls-");

    /// <summary>Writes a certificate for these names; returns the configuration that names its files.</summary>
    public string Create(params string[] names)
    {
        var path = Write(names);
        return $"{{ cert: \"{path}.pem\", key: \"{path}.key\" }}";
    }

    /// <summary>Writes a certificate for these names, which is its own root; returns the path of its .pem and .key.</summary>
    public string Write(params string[] names)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={names[0].Replace("*", "any", StringComparison.Ordinal)}", key, HashAlgorithmName.SHA256);
        var alternatives = new SubjectAlternativeNameBuilder();
        Array.ForEach(names, alternatives.AddDnsName);
        request.CertificateExtensions.Add(alternatives.Build());
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        var path = Path.Combine(_folder.FullName, Guid.NewGuid().ToString("N"));
        File.WriteAllText(path + ".pem", certificate.ExportCertificatePem());
        File.WriteAllText(path + ".key", key.ExportPkcs8PrivateKeyPem());
        return path;
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
