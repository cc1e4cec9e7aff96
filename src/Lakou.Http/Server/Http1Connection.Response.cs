using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Lakou.Http.Tasks;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;

namespace Lakou.Http.Server;

/// <summary>The response half of the features: status, fields, framing, interim responses.</summary>
public sealed partial class Http1Connection<TContext>
    : IHttpResponseFeature, IHttpResponseBodyFeature, IHttpResponseTrailersFeature, IHttpInformationalFeature
{
    private static readonly FieldSet HopByHop = FieldSet.Where(KnownFields.IsHopByHop);
    private static readonly byte[]?[] StatusLines = new byte[1000][]; // made when first sent

    private readonly FieldTable _responseFields = new();
    private readonly FieldTable _responseTrailers = new();
    private readonly ResponseWriter _responseWriter;
    private List<(Func<object, Task> Callback, object State)>? _onStarting;
    private List<(Func<object, Task> Callback, object State)>? _onCompleted;
    private Stream? _responseStream;
    private bool _keepAlive;
    private long _contentLength = -1;
    private BodyKind _responseKind;

    // Heads are written whole: "100 Continue" comes from another thread when the application reads and answers at once.
    private readonly Lock _outputGate = new();

    // The write rate: what the peer had acknowledged when a flush began to wait.
    private long _writeCheckAt = long.MaxValue;
    private long _markedFor;  // the sweeper's: the check that it has a mark for
    private ulong _writeMark; // and what the client had acknowledged by then

    /// <summary>From 100 to 999; with the head it is out of reach.</summary>
    public int StatusCode
    {
        get;
        set
        {
            ThrowIfStarted();
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 100);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, 999);
            field = value;
        }
    }

    public string? ReasonPhrase
    {
        get;
        set
        {
            ThrowIfStarted();
            field = value is null || FieldGrammar.IsValue(value) ? value : throw new ArgumentException("A reason phrase holds no control characters.", nameof(value));
        }
    }

    [AllowNull]
    IHeaderDictionary IHttpResponseFeature.Headers
    {
        get => _responseFields;
        set => throw new NotSupportedException("Change the fields of the response instead of replacing them.");
    }

    /// <summary>The response's fields; frozen once the head is written.</summary>
    public FieldTable ResponseFields => _responseFields;

    [AllowNull]
    IHeaderDictionary IHttpResponseTrailersFeature.Trailers
    {
        get => _responseTrailers;
        set => throw new NotSupportedException("Change the trailers of the response instead of replacing them.");
    }

    public bool HasStarted { get; private set; }

    [AllowNull]
    Stream IHttpResponseFeature.Body
    {
        get => Stream;
        set => throw new NotSupportedException("Set IHttpResponseBodyFeature instead.");
    }

    public Stream Stream => _responseStream ??= _responseWriter.AsStream(leaveOpen: true);

    public PipeWriter Writer => _responseWriter;

    bool IHttpInformationalFeature.CanSend => !_head.IsHttp10 && !HasStarted;

    public void OnStarting(Func<object, Task> callback, object state)
    {
        ThrowIfStarted();
        (_onStarting ??= []).Add((callback, state));
    }

    public void OnCompleted(Func<object, Task> callback, object state) => (_onCompleted ??= []).Add((callback, state));

    public void DisableBuffering()
    {
        // Nothing is buffered beyond what the caller has not flushed.
    }

    /// <summary>Writes the head into the output without flushing it, so that it travels with the first bytes of the body.</summary>
    public Task StartAsync(CancellationToken cancellationToken = default)
    {
        if (HasStarted)
        {
            return Task.CompletedTask;
        }

        if (_onStarting is { Count: > 0 })
        {
            return StartSlowAsync();
        }

        _responseWriter.Start();
        return Task.CompletedTask;
    }

    public Task CompleteAsync() => _responseWriter.EndAsync().AsTask();

    public Task SendFileAsync(string path, long offset, long? count, CancellationToken cancellationToken = default)
        => SendFileFallback.SendFileAsync(Stream, path, offset, count, cancellationToken);

    async ValueTask IHttpInformationalFeature.SendAsync(int status, FieldTable fields, CancellationToken cancellation)
    {
        if (_head.IsHttp10 || HasStarted)
        {
            return;
        }

        WriteInterim(status, fields);
        await FlushOutputAsync(cancellation);
    }

    private void WriteInterim(int status, FieldTable fields)
    {
        lock (_outputGate)
        {
            var head = new HeadBuffer(_output);
            WriteStatusLine(ref head, status, null);
            fields.WriteLines(ref head, HopByHop);
            head.Write("\r\n"u8);
            head.End();
        }
    }

    /// <summary>Called by whoever reads the request's body, perhaps while another thread starts the response: then it is not needed any more.</summary>
    private ValueTask<FlushResult> SendContinueAsync()
    {
        lock (_outputGate)
        {
            if (HasStarted)
            {
                return default;
            }

            _output.Write("HTTP/1.1 100 Continue\r\n\r\n"u8);
            return _output.FlushAsync();
        }
    }

    private async Task StartSlowAsync()
    {
        await RunOnStartingAsync();
        _responseWriter.Start();
    }

    private void BeginResponse()
    {
        HasStarted = false;
        StatusCode = 200;
        ReasonPhrase = null;
        _responseFields.Clear();
        _responseTrailers.Clear();
        _onStarting?.Clear();
        _onCompleted?.Clear();
        _keepAlive = _head.KeepAlive;
        _contentLength = -1;
        _responseWriter.Begin();
    }

    /// <summary>Callbacks run last registered first, as ASP.NET Core does.</summary>
    private async ValueTask RunOnStartingAsync()
    {
        while (!HasStarted && _onStarting is { Count: > 0 } callbacks)
        {
            var (callback, state) = callbacks[^1];
            callbacks.RemoveAt(callbacks.Count - 1);
            await callback(state);
        }
    }

    /// <returns>The last failure of a callback: each runs, whatever the others did.</returns>
    private async ValueTask<Exception?> RunOnCompletedAsync()
    {
        Exception? failure = null;
        while (_onCompleted is { Count: > 0 } callbacks)
        {
            var (callback, state) = callbacks[^1];
            callbacks.RemoveAt(callbacks.Count - 1);
            try
            {
                await callback(state);
            }
            catch (Exception e)
            {
                failure = e;
            }
        }

        return failure;
    }

    private void ThrowIfStarted()
    {
        if (HasStarted)
        {
            throw new InvalidOperationException("The response's head has been sent.");
        }
    }

    /// <summary>Decides the framing (RFC 9112 §6.3) and writes the head.</summary>
    /// <param name="completeLength">The whole body's length when the application ended without flushing; else -1.</param>
    private void DecideFraming(long completeLength)
    {
        if (StatusCode < 200 && !_upgraded)
        {
            throw new InvalidOperationException($"{StatusCode} is no final status.");
        }

        _responseFields.Remove(KnownField.TransferEncoding);
        var declared = _responseFields.ContentLength;
        if (declared is null || _responseFields.CountOf(KnownField.ContentLength) > 1)
        {
            // No number, or several: neither goes beside our own framing.
            _responseFields.Remove(KnownField.ContentLength);
            declared = null;
        }

        if (_responseFields.TryGet(KnownField.Connection, out _))
        {
            if (_responseFields.ListContains(KnownField.Connection, "close"u8))
            {
                _keepAlive = false;
            }

            if (!_upgraded)
            {
                _responseFields.Remove(KnownField.Connection);
            }
        }

        var head = string.Equals(Method, "HEAD", StringComparison.Ordinal);
        if (StatusCode is (>= 100 and < 200) or 204 or 304 || head)
        {
            _responseKind = BodyKind.None;
            if (StatusCode is (>= 100 and < 200) or 204)
            {
                _responseFields.Remove(KnownField.ContentLength);
            }
        }
        else if (declared is { } length)
        {
            (_responseKind, _contentLength) = (BodyKind.Length, length);
        }
        else if (completeLength >= 0)
        {
            (_responseKind, _contentLength) = (BodyKind.Length, completeLength);
        }
        else if (_head.IsHttp10)
        {
            (_responseKind, _keepAlive) = (BodyKind.UntilClose, false);
        }
        else
        {
            _responseKind = BodyKind.Chunked;
        }

        // A body nobody began to read and that is not small is not worth reading: say that the connection ends.
        if (_closeRequested || (!_upgraded && !_requestBody.HasStarted && !_requestBody.IsCheapToDrain))
        {
            _keepAlive = false;
        }
    }

    private void WriteHead()
    {
        lock (_outputGate)
        {
            WriteHeadLines();
            HasStarted = true;
        }

        _responseFields.Freeze();
    }

    private void WriteHeadLines()
    {
        var head = new HeadBuffer(_output);
        WriteStatusLine(ref head, StatusCode, ReasonPhrase);
        _responseFields.WriteLines(ref head, default);
        if (_contentLength >= 0 && !_responseFields.Contains(KnownField.ContentLength))
        {
            head.Write("Content-Length: "u8);
            head.Write(_contentLength);
            head.Write("\r\n"u8);
        }
        else if (_responseKind == BodyKind.Chunked)
        {
            head.Write("Transfer-Encoding: chunked\r\n"u8);
        }

        if (!_responseFields.Contains(KnownField.Date))
        {
            head.Write(HttpDate.Field(_time));
        }

        if (!_upgraded && !_keepAlive)
        {
            head.Write("Connection: close\r\n"u8);
        }
        else if (_head.IsHttp10)
        {
            head.Write("Connection: keep-alive\r\n"u8);
        }

        head.Write("\r\n"u8);
        head.End();
    }

    private static void WriteStatusLine(ref HeadBuffer head, int status, string? reason)
        => head.Write(reason is null ? StatusLines[status] ??= StatusLine(status, null) : StatusLine(status, reason));

    private static byte[] StatusLine(int status, string? reason)
    {
        var phrase = reason ?? (status == 103 ? "Early Hints" : ReasonPhrases.GetReasonPhrase(status)); // theirs are from before RFC 8297
        return System.Text.Encoding.Latin1.GetBytes($"HTTP/1.1 {status} {phrase}\r\n");
    }

    /// <summary>Flushes, and watches the client's reading rate while it waits. A dead connection is a completed flush, as pipes have it; TLS throws.</summary>
    private ValueTask<FlushResult> FlushOutputAsync(CancellationToken cancellation)
    {
        var flush = _output.FlushAsync(cancellation);
        return flush.IsCompletedSuccessfully ? flush : WatchAsync(flush);

        [AsyncMethodBuilder(typeof(PooledTaskBuilder<>))]
        async ValueTask<FlushResult> WatchAsync(ValueTask<FlushResult> pending)
        {
            Volatile.Write(ref _writeCheckAt, _time.GetTimestamp());
            try
            {
                return await pending;
            }
            catch (Exception e) when (e is IOException or ConnectionAbortedException or ObjectDisposedException)
            {
                return new FlushResult(isCanceled: false, isCompleted: true);
            }
            finally
            {
                Volatile.Write(ref _writeCheckAt, long.MaxValue);
            }
        }
    }

    /// <summary>
    /// A flush that still waits when the sweeper comes by has a grace period from there: the client must acknowledge the minimum rate
    /// meanwhile, or it holds a connection and its buffers for nothing. The kernel's count is asked, because its send buffer hides the client's pace.
    /// </summary>
    private void CheckWriteRate(long now)
    {
        var checkAt = Volatile.Read(ref _writeCheckAt);
        if (now < checkAt)
        {
            return;
        }

        // Whatever is concluded holds only while the same flush waits; another one has another time.
        var acknowledged = AcknowledgedBytes();
        if (_markedFor != checkAt || acknowledged - _writeMark >= (ulong)(_options.BodyRateMin * _options.RateGrace.TotalSeconds))
        {
            var next = now + Ticks(_options.RateGrace);
            if (Interlocked.CompareExchange(ref _writeCheckAt, next, checkAt) == checkAt)
            {
                (_markedFor, _writeMark) = (next, acknowledged);
            }
        }
        else if (Interlocked.CompareExchange(ref _writeCheckAt, long.MaxValue, checkAt) == checkAt)
        {
            _connection.Abort(new ConnectionAbortedException("The client read the response too slowly."));
        }
    }

    /// <summary>tcpi_bytes_acked of Linux's <c>struct tcp_info</c> (offset 120); 0 where there is none, so that only a standstill counts.</summary>
    private ulong AcknowledgedBytes()
    {
        if (!OperatingSystem.IsLinux() || _connection.Features.Get<IConnectionSocketFeature>()?.Socket is not { } socket
            || socket.AddressFamily == System.Net.Sockets.AddressFamily.Unix)
        {
            return 0;
        }

        Span<byte> info = stackalloc byte[192];
        try
        {
            return socket.GetRawSocketOption(6, 11, info) >= 128 ? BitConverter.ToUInt64(info[120..]) : 0;
        }
        catch (Exception e) when (e is System.Net.Sockets.SocketException or ObjectDisposedException)
        {
            return 0;
        }
    }
}
