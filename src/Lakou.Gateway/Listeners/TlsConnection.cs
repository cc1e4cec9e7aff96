using System.IO.Pipelines;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Lakou.Transport;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace Lakou.Gateway.Listeners;

/// <summary>
/// TLS between the transport and HTTP: the handshake, then the same pipes in plain text, with the features by which the
/// layers above know of it. The end of our sending half is a close_notify, then the transport's own.
/// </summary>
internal sealed class TlsConnection : ITlsConnectionFeature, ITlsApplicationProtocolFeature, ITlsHandshakeFeature, IHalfCloseFeature, IDuplexPipe, IAsyncDisposable
{
    // 16 KiB: the largest TLS record (RFC 8446 §5.1).
    private const int RecordBytes = 16 * 1024;

    private readonly SslStream _stream;
    private readonly IHalfCloseFeature? _below;
    private bool _ended;

    private TlsConnection(ConnectionContext connection)
    {
        _stream = new SslStream(new PipeStream(connection.Transport), leaveInnerStreamOpen: false);
        _below = connection.Features.Get<IHalfCloseFeature>();
        Input = PipeReader.Create(_stream, new StreamPipeReaderOptions(bufferSize: RecordBytes, minimumReadSize: 1024, leaveOpen: true, useZeroByteReads: true));
        Output = PipeWriter.Create(_stream, new StreamPipeWriterOptions(leaveOpen: true));
    }

    public PipeReader Input { get; }

    public PipeWriter Output { get; }

    public X509Certificate2? ClientCertificate { get; set; }

    /// <summary>What ALPN chose (RFC 7301); empty when the client offered nothing.</summary>
    public ReadOnlyMemory<byte> ApplicationProtocol => _stream.NegotiatedApplicationProtocol.Protocol;

    public SslProtocols Protocol => _stream.SslProtocol;

    public TlsCipherSuite? NegotiatedCipherSuite => _stream.NegotiatedCipherSuite;

    public string HostName => _stream.TargetHostName;

#pragma warning disable CS0618, SYSLIB0058 // The interface still has these; NegotiatedCipherSuite says it better.
    public CipherAlgorithmType CipherAlgorithm => _stream.CipherAlgorithm;

    public int CipherStrength => _stream.CipherStrength;

    public HashAlgorithmType HashAlgorithm => _stream.HashAlgorithm;

    public int HashStrength => _stream.HashStrength;

    public ExchangeAlgorithmType KeyExchangeAlgorithm => _stream.KeyExchangeAlgorithm;

    public int KeyExchangeStrength => _stream.KeyExchangeStrength;
#pragma warning restore CS0618, SYSLIB0058

    public bool KeepOpenOnPeerFin
    {
        get => _below?.KeepOpenOnPeerFin ?? false;
        set
        {
            if (_below is not null)
            {
                _below.KeepOpenOnPeerFin = value;
            }
        }
    }

    /// <summary>Shakes hands and puts itself in the connection's place. Throws what <see cref="SslStream"/> throws.</summary>
    public static async Task<TlsConnection> OpenAsync(ConnectionContext connection, TlsPlan plan, Protocols protocols, CancellationToken cancellation)
    {
        var tls = new TlsConnection(connection);
        try
        {
            await tls._stream.AuthenticateAsServerAsync(
                static (_, hello, state, _) =>
                {
                    var (plan, protocols) = ((TlsPlan, Protocols))state!;
                    return new(plan.OptionsFor(hello.ServerName, protocols));
                },
                (plan, protocols),
                cancellation);
        }
        catch
        {
            await tls._stream.DisposeAsync();
            throw;
        }

        connection.Transport = tls;
        connection.Features.Set<ITlsConnectionFeature>(tls);
        connection.Features.Set<ITlsHandshakeFeature>(tls);
        connection.Features.Set<ITlsApplicationProtocolFeature>(tls); // without it Kestrel serves no HTTP/2
        connection.Features.Set<IHalfCloseFeature>(tls);
        return tls;
    }

    public Task<X509Certificate2?> GetClientCertificateAsync(CancellationToken cancellationToken) => Task.FromResult(ClientCertificate);

    public async ValueTask ShutdownSendAsync(CancellationToken cancellationToken)
    {
        await Output.FlushAsync(cancellationToken);
        await EndAsync();
        if (_below is not null)
        {
            await _below.ShutdownSendAsync(cancellationToken);
        }
    }

    /// <summary>Ends our half with a close_notify, without which a client cannot tell the end from a cut (RFC 8446 §6.1).</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await EndAsync();
        }
        catch (Exception e) when (e is IOException or ConnectionAbortedException or InvalidOperationException or ObjectDisposedException)
        {
            // The connection is no more.
        }

        await _stream.DisposeAsync();
    }

    private async ValueTask EndAsync()
    {
        if (!_ended)
        {
            _ended = true;
            await _stream.ShutdownAsync();
        }
    }
}
