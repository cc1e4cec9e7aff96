using System.IO.Pipelines;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using Lakou.Transport;
using Microsoft.AspNetCore.Connections;

namespace Lakou.Gateway.Tls;

/// <summary>
/// TLS over a transport's pipes: the same pipes in plain text. The end of our sending half is a close_notify, then the transport's own.
/// </summary>
internal abstract class TlsPipes : IHalfCloseFeature, IDuplexPipe, IAsyncDisposable
{
    // 16 KiB: the largest TLS record (RFC 8446 §5.1).
    private const int RecordBytes = 16 * 1024;

    private readonly IHalfCloseFeature? _below;
    private bool _ended;

    protected TlsPipes(ConnectionContext connection)
    {
        Stream = new SslStream(new PipeStream(connection.Transport), leaveInnerStreamOpen: false);
        _below = connection.Features.Get<IHalfCloseFeature>();
        Input = PipeReader.Create(Stream, new StreamPipeReaderOptions(bufferSize: RecordBytes, minimumReadSize: 1024, leaveOpen: true, useZeroByteReads: true));
        Output = PipeWriter.Create(Stream, new StreamPipeWriterOptions(leaveOpen: true));
    }

    public PipeReader Input { get; protected init; }

    public PipeWriter Output { get; }

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

    protected SslStream Stream { get; }

    public async ValueTask ShutdownSendAsync(CancellationToken cancellationToken)
    {
        await Output.FlushAsync(cancellationToken);
        await EndAsync();
        if (_below is not null)
        {
            await _below.ShutdownSendAsync(cancellationToken);
        }
    }

    /// <summary>Ends our half with a close_notify, without which the other side cannot tell the end from a cut (RFC 8446 §6.1).</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await EndAsync();
        }
        catch (Exception e) when (e is IOException or AuthenticationException or ConnectionAbortedException or InvalidOperationException or ObjectDisposedException)
        {
            // The connection is no more.
        }

        await Stream.DisposeAsync();
    }

    private async ValueTask EndAsync()
    {
        if (!_ended)
        {
            _ended = true;
            try
            {
                await Stream.ShutdownAsync();
            }
            catch (CryptographicException e)
            {
                throw new IOException("TLS has failed on this connection, and cannot end it.", e); // a record that was none
            }
        }
    }
}
