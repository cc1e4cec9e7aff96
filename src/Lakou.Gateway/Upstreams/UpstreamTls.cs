using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Lakou.Core.Configuration;
using Lakou.Gateway.Listeners;
using Lakou.Gateway.Tls;
using Lakou.Transport;
using Microsoft.AspNetCore.Connections;

namespace Lakou.Gateway.Upstreams;

/// <summary>How the endpoints of an upstream are spoken to over TLS. Equal when its options and their files are.</summary>
internal sealed class UpstreamTls : IEquatable<UpstreamTls>
{
    private const string NoHttp2 = "it does not speak HTTP/2 (no ALPN h2); have it do so, or write protocol: http1";

    private readonly SslProtocols _protocols;
    private readonly SslStreamCertificateContext? _certificate;
    private readonly X509ChainPolicy _policy;
    private readonly UpstreamTlsOptions _options;

    private UpstreamTls(UpstreamTlsOptions options, X509Certificate2Collection? roots, SslStreamCertificateContext? certificate, string files)
    {
        _options = options;
        _certificate = certificate;
        Fingerprint = files;
        _protocols = options.MinVersion == TlsVersion.Tls13 ? SslProtocols.Tls13 : SslProtocols.Tls12 | SslProtocols.Tls13;

        // Nothing is fetched for a handshake, which runs on a loop: neither missing certificates nor revocation lists.
        _policy = new X509ChainPolicy { RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };
        if (roots is not null)
        {
            _policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            _policy.CustomTrustStore.AddRange(roots);
        }
    }

    /// <summary>Changes when a file's content does.</summary>
    public string Fingerprint { get; }

    public static UpstreamTls Build(string path, UpstreamTlsOptions options, string directory, Problems problems)
    {
        var files = "";
        var certificate = options.Certificate is null ? null : TlsPlan.LoadContext($"{path}.certificate", options.Certificate, directory, problems, out files);
        X509Certificate2Collection? roots = null;
        if (options.Ca.Length > 0)
        {
            roots = [];
            try
            {
                var file = Path.GetFullPath(options.Ca, directory);
                roots.ImportFromPemFile(file);
                files += TlsPlan.PrintOf(file);
            }
            catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
            {
            }

            if (roots.Count == 0)
            {
                problems.Add($"{path}.ca", "the file cannot be read or holds no certificate; a PEM file is expected");
            }
        }

        if (!options.Verify && options.Ca.Length > 0)
        {
            problems.Add($"{path}.verify", "'ca' has no meaning where nothing is verified");
        }

        return new(options, roots, certificate, files);
    }

    /// <summary>Shakes hands on a connection that is open; it is closed when that fails.</summary>
    /// <param name="connection">To the endpoint.</param>
    /// <param name="host">The endpoint's, by which it is known when the options name nothing else.</param>
    /// <exception cref="AuthenticationException">The endpoint is not to be trusted, or does not agree; the message says why.</exception>
    public async ValueTask<ConnectionContext> OpenAsync(ConnectionContext connection, string host, CancellationToken cancellationToken)
    {
        var tls = new EndpointPipes(connection);
        await ShakeAsync(connection, host, SslApplicationProtocol.Http11, options => tls.OpenAsync(options, cancellationToken));
        return new EndpointConnection(connection, tls);
    }

    /// <summary>The same for HTTP/2, as a stream over one that closes the connection when it is disposed.</summary>
    /// <inheritdoc cref="OpenAsync"/>
    public async ValueTask<SslStream> OpenHttp2Async(ConnectionContext connection, Stream below, string host, CancellationToken cancellationToken)
    {
        var tls = new SslStream(below);
        await ShakeAsync(connection, host, SslApplicationProtocol.Http2, options => tls.AuthenticateAsClientAsync(options, cancellationToken));
        if (tls.NegotiatedApplicationProtocol != SslApplicationProtocol.Http2)
        {
            await tls.DisposeAsync();
            throw new AuthenticationException(NoHttp2);
        }

        return tls;
    }

    private async Task ShakeAsync(ConnectionContext connection, string host, SslApplicationProtocol protocol, Func<SslClientAuthenticationOptions, Task> shake)
    {
        var problem = "";
        try
        {
            await shake(new SslClientAuthenticationOptions
            {
                TargetHost = _options.ServerName.Length > 0 ? _options.ServerName : host,
                EnabledSslProtocols = _protocols,
                ApplicationProtocols = [protocol],
                ClientCertificateContext = _certificate,
                CertificateChainPolicy = _policy.Clone(),
                AllowRenegotiation = false,
                RemoteCertificateValidationCallback = (_, _, chain, errors) => !_options.Verify || (problem = ProblemOf(chain, errors)).Length == 0,
            });
        }
        catch (Exception e)
        {
            connection.Abort();
            await connection.DisposeAsync();
            if (e is OperationCanceledException)
            {
                throw;
            }

            if (protocol == SslApplicationProtocol.Http2 && e.ToString().Contains("application protocol", StringComparison.OrdinalIgnoreCase)) // OpenSSL's name of the alert
            {
                throw new AuthenticationException(NoHttp2, e);
            }

            throw new AuthenticationException(problem.Length > 0 ? problem : $"the TLS handshake failed ({e.InnerException?.Message ?? e.Message})", e);
        }
    }

    public bool Equals(UpstreamTls? other) => other is not null && _options == other._options && Fingerprint == other.Fingerprint;

    public override bool Equals(object? obj) => Equals(obj as UpstreamTls);

    public override int GetHashCode() => HashCode.Combine(_options, Fingerprint);

    private string ProblemOf(X509Chain? chain, SslPolicyErrors errors) => errors switch
    {
        SslPolicyErrors.None => "",
        _ when errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable) => "it shows no certificate",
        _ when errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors) => $"its certificate is not trusted ({string.Join(", ", chain?.ChainStatus.Select(status => status.Status) ?? [])})",
        _ => "its certificate is for another name" + (_options.ServerName.Length > 0 ? $" than {_options.ServerName}" : ""),
    };

    private sealed class EndpointPipes : TlsPipes
    {
        public EndpointPipes(ConnectionContext connection)
            : base(connection)
            => Input = new EagerReader(Input);

        public async Task OpenAsync(SslClientAuthenticationOptions options, CancellationToken cancellationToken)
        {
            try
            {
                await Stream.AuthenticateAsClientAsync(options, cancellationToken);
            }
            catch
            {
                await Stream.DisposeAsync();
                throw;
            }
        }
    }

    private sealed class EndpointConnection : ConnectionLayer
    {
        private readonly ConnectionContext _below;
        private readonly TlsPipes _tls;

        public EndpointConnection(ConnectionContext below, TlsPipes tls)
            : base(below)
        {
            (_below, _tls) = (below, tls);
            below.Transport = tls;
            below.Features.Set<IHalfCloseFeature>(tls);
        }

        public override async ValueTask DisposeAsync()
        {
            await _tls.DisposeAsync();
            await _below.DisposeAsync();
            await base.DisposeAsync();
        }
    }
}
