using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Lakou.Gateway.Listeners;
using Lakou.Transport;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace Lakou.Gateway.Tls;

/// <summary>TLS of a client's connection, with the features by which the layers above know of it.</summary>
internal sealed class TlsConnection : TlsPipes, ITlsConnectionFeature, ITlsApplicationProtocolFeature, ITlsHandshakeFeature
{
    private string? _refusal;

    private TlsConnection(ConnectionContext connection)
        : base(connection)
    {
    }

    /// <summary>Believed; null when the client showed none.</summary>
    public X509Certificate2? ClientCertificate { get; set; }

    /// <summary>What ALPN chose (RFC 7301); empty when the client offered nothing.</summary>
    public ReadOnlyMemory<byte> ApplicationProtocol => Stream.NegotiatedApplicationProtocol.Protocol;

    public SslProtocols Protocol => Stream.SslProtocol;

    public TlsCipherSuite? NegotiatedCipherSuite => Stream.NegotiatedCipherSuite;

    public string HostName => Stream.TargetHostName;

#pragma warning disable CS0618, SYSLIB0058 // The interface still has these; NegotiatedCipherSuite says it better.
    public CipherAlgorithmType CipherAlgorithm => Stream.CipherAlgorithm;

    public int CipherStrength => Stream.CipherStrength;

    public HashAlgorithmType HashAlgorithm => Stream.HashAlgorithm;

    public int HashStrength => Stream.HashStrength;

    public ExchangeAlgorithmType KeyExchangeAlgorithm => Stream.KeyExchangeAlgorithm;

    public int KeyExchangeStrength => Stream.KeyExchangeStrength;
#pragma warning restore CS0618, SYSLIB0058

    /// <summary>Shakes hands and puts itself in the connection's place. Throws what <see cref="SslStream"/> throws.</summary>
    /// <exception cref="ClientCertificateException">The listener asks for a certificate and this client has none that it believes.</exception>
    public static async Task<TlsConnection> OpenAsync(ConnectionContext connection, TlsPlan plan, Protocols protocols, TimeProvider time, CancellationToken cancellation)
    {
        var tls = new TlsConnection(connection);
        try
        {
            await tls.Stream.AuthenticateAsServerAsync(
                static (_, hello, state, _) =>
                {
                    var (tls, plan, protocols, time) = ((TlsConnection, TlsPlan, Protocols, TimeProvider))state!;
                    return new(plan.OptionsFor(hello.ServerName, protocols, time.GetUtcNow(), reason => tls._refusal = reason));
                },
                (tls, plan, protocols, time),
                cancellation);
        }
        catch (Exception e)
        {
            await tls.Stream.DisposeAsync();
            if (tls._refusal is { } reason)
            {
                throw new ClientCertificateException(reason, e);
            }

            throw;
        }

        tls.ClientCertificate = plan.AsksClients ? tls.Stream.RemoteCertificate as X509Certificate2 : null;
        connection.Transport = tls;
        connection.Features.Set<ITlsConnectionFeature>(tls);
        connection.Features.Set<ITlsHandshakeFeature>(tls);
        connection.Features.Set<ITlsApplicationProtocolFeature>(tls); // without it Kestrel serves no HTTP/2
        connection.Features.Set<IHalfCloseFeature>(tls);
        return tls;
    }

    public Task<X509Certificate2?> GetClientCertificateAsync(CancellationToken cancellationToken) => Task.FromResult(ClientCertificate);
}
