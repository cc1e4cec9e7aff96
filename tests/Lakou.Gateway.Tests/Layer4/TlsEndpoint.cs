using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Layer4;

/// <summary>An endpoint that ends TLS itself, and says its name to who gets there.</summary>
internal sealed class TlsEndpoint : IDisposable
{
    private readonly X509Certificate2 _certificate;
    private readonly RawUpstream _upstream;

    public TlsEndpoint(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = TimeProvider.System.GetUtcNow();
        _certificate = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256).CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        _upstream = new RawUpstream().Serve(async peer =>
        {
            await using var tls = new SslStream(new NetworkStream(peer.Socket));
            await tls.AuthenticateAsServerAsync(_certificate);
            await tls.WriteAsync(Encoding.ASCII.GetBytes($"{name} for {tls.TargetHostName}"));
            await tls.ShutdownAsync();
        });
    }

    public string Url => TcpWorld.Tcp(_upstream);

    /// <summary>Who answers a client that asks for this name.</summary>
    public static async Task<string> AskAsync(Stream connection, string name)
    {
        await using var tls = new SslStream(connection, leaveInnerStreamOpen: false, (_, certificate, _, _) => certificate is not null);
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = name }, TestContext.Current.CancellationToken);
        using var reader = new StreamReader(tls);
        return await reader.ReadToEndAsync(TestContext.Current.CancellationToken);
    }

    public void Dispose()
    {
        _upstream.Dispose();
        _certificate.Dispose();
    }
}
