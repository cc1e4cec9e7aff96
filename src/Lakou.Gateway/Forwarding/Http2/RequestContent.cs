using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Forwarding.Http2;

/// <summary>
/// The client's body as it comes: what is at hand goes out before more is waited for, so that no message of a stream lies here while its
/// sender waits for an answer. Its beginning is kept, so that a request which the endpoint refused can go out once more.
/// </summary>
internal sealed class RequestContent : HttpContent
{
    // Most calls have one message, and it is smaller.
    private const int KeptBytes = 8 * 1024;

    private readonly Http2Call _call;
    private readonly PipeReader _body;
    private readonly CancellationToken _end;
    private byte[]? _kept = [];
    private bool _isWhole;
    private Task _sending = Task.CompletedTask;

    /// <param name="call">Hears how it goes.</param>
    /// <param name="body">The client's.</param>
    /// <param name="length">Null when it is not known.</param>
    /// <param name="end">Nobody wants more of it.</param>
    public RequestContent(Http2Call call, PipeReader body, long? length, CancellationToken end)
    {
        (_call, _body, _end) = (call, body, end);
        Headers.ContentLength = length;
    }

    public bool IsSending => !_sending.IsCompleted;

    /// <summary>Once its end was told: the body is read no more.</summary>
    public async Task EndAsync() => await _sending.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        => _sending = SendAsync(_sending, stream, cancellationToken);

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false; // what is declared stands in the headers
    }

    private async Task SendAsync(Task before, Stream stream, CancellationToken cancellationToken)
    {
        await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // sent again while the first is on its way out
        if (_kept is null)
        {
            throw _call.OnRefused();
        }

        using var end = CancellationTokenSource.CreateLinkedTokenSource(_end, cancellationToken);
        await WriteAsync(stream, _kept, end.Token);
        await PumpAsync(stream, end.Token);
    }

    private async Task PumpAsync(Stream stream, CancellationToken end)
    {
        var unflushed = true; // the head
        while (!_isWhole)
        {
            if (!TryRead(out var read))
            {
                if (unflushed)
                {
                    await FlushAsync(stream, end);
                }

                read = await ReadAsync(end);
            }

            unflushed = true;
            _isWhole = read.IsCompleted;
            _call.OnRead(read.Buffer.Length);
            Keep(read.Buffer);
            try
            {
                foreach (var piece in read.Buffer)
                {
                    await WriteAsync(stream, piece, end);
                }
            }
            finally
            {
                Advance(read.Buffer.End);
            }
        }

        _call.OnSentWhole();
    }

    private bool TryRead(out ReadResult read)
    {
        try
        {
            return _body.TryRead(out read);
        }
        catch (Exception e) when (IsClients(e))
        {
            throw Broken(e);
        }
    }

    /// <summary>Where Kestrel counts what it allows.</summary>
    private void Advance(SequencePosition to)
    {
        try
        {
            _body.AdvanceTo(to);
        }
        catch (Exception e) when (IsClients(e))
        {
            throw Broken(e);
        }
    }

    private async Task<ReadResult> ReadAsync(CancellationToken end)
    {
        try
        {
            return await _body.ReadAsync(end);
        }
        catch (Exception e) when (!end.IsCancellationRequested && IsClients(e))
        {
            throw Broken(e);
        }
    }

    private static bool IsClients(Exception e) => e is IOException or BadHttpRequestException or ConnectionAbortedException or OperationCanceledException;

    /// <summary>The exception has the stream reset: an endpoint must not take what it got for a whole request.</summary>
    private IOException Broken(Exception e)
    {
        _call.OnClientBroke(e);
        return new IOException(e.Message, e);
    }

    /// <summary>Until it is too much, or the endpoint has begun to answer.</summary>
    private void Keep(in ReadOnlySequence<byte> bytes)
    {
        if (_kept is null || _call.IsAnswered || _kept.Length + bytes.Length > KeptBytes)
        {
            _kept = null;
            return;
        }

        var count = _kept.Length;
        Array.Resize(ref _kept, count + (int)bytes.Length);
        bytes.CopyTo(_kept.AsSpan(count));
    }

    private async ValueTask WriteAsync(Stream stream, ReadOnlyMemory<byte> bytes, CancellationToken end)
    {
        var write = stream.WriteAsync(bytes, end);
        if (!write.IsCompleted)
        {
            _call.OnSendWaits();
        }

        await write;
        _call.OnSendMoves();
    }

    private async ValueTask FlushAsync(Stream stream, CancellationToken end)
    {
        var flush = stream.FlushAsync(end);
        if (!flush.IsCompleted)
        {
            _call.OnSendWaits();
        }

        await flush;
        _call.OnSendMoves();
    }
}
