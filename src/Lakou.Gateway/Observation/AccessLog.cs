using Lakou.Core.Metrics;
using Lakou.Gateway.Layer4;
using Microsoft.Extensions.Logging;

namespace Lakou.Gateway.Observation;

/// <summary>Written as <c>log.access: json | text | off</c>.</summary>
public enum AccessLogFormat
{
    Json,
    Text,
    Off,
}

/// <summary>
/// One line for each exchange. Requests never wait for the reader of the log: lines go into one of two buffers while one writer empties
/// the other; when both are full lines are dropped and counted.
/// </summary>
internal sealed class AccessLog : IAsyncDisposable
{
    /// <summary>Both buffers together hold 1 MiB: a second of about 2,500 requests of 400 bytes with a reader that stands still.</summary>
    internal const int BufferBytes = 512 * 1024;

    // 64 KiB is what a Linux pipe holds: more cannot be handed over at once anyway.
    private const int WriteAtBytes = 64 * 1024;

    // Someone who follows the log sees a line at once, and an idle gateway is not woken.
    private static readonly TimeSpan s_writeAfter = TimeSpan.FromMilliseconds(100);

    [ThreadStatic]
    private static byte[]? t_line;

    private readonly AccessLogFormat _format;
    private readonly Stream _output;
    private readonly TimeProvider _time;
    private readonly Counter _dropped;
    private readonly ILogger _logger;
    private readonly ITimer _timer;
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly Lock _gate = new();
    private byte[] _filling = [];
    private byte[] _emptying = [];
    private int _used;
    private int _lines;
    private bool _due;
    private bool _closed;
    private Episode _full;
    private Episode _broken;

    /// <param name="format">How lines look, or none at all.</param>
    /// <param name="output">Standard output as a rule; not disposed here.</param>
    /// <param name="time">For the time of a line and the delay of writing.</param>
    /// <param name="dropped"><c>lakou_access_log_dropped_total</c>.</param>
    /// <param name="logger">Told once when lines begin to be dropped.</param>
    public AccessLog(AccessLogFormat format, Stream output, TimeProvider time, Counter dropped, ILogger logger)
    {
        _format = format;
        _output = output;
        _time = time;
        _dropped = dropped;
        _logger = logger;
        _timer = time.CreateTimer(static log => _ = ((AccessLog)log!).FlushAsync(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        if (format != AccessLogFormat.Off)
        {
            _filling = GC.AllocateUninitializedArray<byte>(BufferBytes);
            _emptying = GC.AllocateUninitializedArray<byte>(BufferBytes);
        }
    }

    /// <summary>Adds the line of a finished exchange; never waits, never throws.</summary>
    public void Write(Exchange exchange)
    {
        if (_format == AccessLogFormat.Off)
        {
            return;
        }

        // Formatted before the lock, which then covers a copy of some hundred bytes.
        byte[] line = t_line ??= GC.AllocateUninitializedArray<byte>(AccessLine.MaxBytes);
        int length = AccessLine.Format(exchange, _format == AccessLogFormat.Json, _time.GetUtcNow(), line);
        Add(line.AsSpan(0, length));
    }

    /// <inheritdoc cref="Write(Exchange)"/>
    public void Write(RelayedConnection connection)
    {
        if (_format != AccessLogFormat.Off)
        {
            byte[] line = t_line ??= GC.AllocateUninitializedArray<byte>(AccessLine.MaxBytes);
            Add(line.AsSpan(0, AccessLine.Format(connection, _format == AccessLogFormat.Json, _time.GetUtcNow(), line)));
        }
    }

    /// <summary>Returns when every line added before the call was written, or dropped because the output is broken.</summary>
    public async Task FlushAsync()
    {
        await _writing.WaitAsync();
        try
        {
            (ReadOnlyMemory<byte> batch, int lines) = Swap();
            if (lines > 0)
            {
                await WriteAsync(batch, lines);
            }
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>Writes what is there; a line added later is counted as dropped.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _closed = true;
        }

        await _timer.DisposeAsync();
        await FlushAsync();
    }

    private void Add(ReadOnlySpan<byte> line)
    {
        bool first, due = false, report = false;
        lock (_gate)
        {
            first = _used == 0;
            if (_closed || _used + line.Length > BufferBytes)
            {
                first = false;
                _dropped.Increment();
                report = !_closed && _full.Begins();
            }
            else
            {
                line.CopyTo(_filling.AsSpan(_used));
                _used += line.Length;
                _lines++;
                due = _used >= WriteAtBytes && !_due;
                _due |= due;
            }
        }

        if (first)
        {
            _timer.Change(s_writeAfter, Timeout.InfiniteTimeSpan);
        }

        if (due)
        {
            ThreadPool.UnsafeQueueUserWorkItem(static log => _ = log.FlushAsync(), this, preferLocal: false);
        }

        if (report)
        {
            // Elsewhere, for a logger may wait for the same reader.
            ThreadPool.UnsafeQueueUserWorkItem(
                static log => log._logger.LogWarning("The access log is read too slowly: lines are dropped and counted in lakou_access_log_dropped_total"), this, preferLocal: false);
        }
    }

    private (ReadOnlyMemory<byte> Batch, int Lines) Swap()
    {
        lock (_gate)
        {
            (_filling, _emptying) = (_emptying, _filling);
            (ReadOnlyMemory<byte>, int) full = (_emptying.AsMemory(0, _used), _lines);
            _used = 0;
            _lines = 0;
            _due = false;
            _full.Turn();
            return full;
        }
    }

    private async Task WriteAsync(ReadOnlyMemory<byte> batch, int lines)
    {
        try
        {
            await _output.WriteAsync(batch);
            await _output.FlushAsync();
            _broken.Turn();
        }
        catch (Exception error)
        {
            // Whatever a stream throws: nobody reads the log any more, and requests must not suffer for it.
            _dropped.Add(lines);
            if (_broken.Begins())
            {
                _logger.LogWarning("The access log cannot be written, lines are dropped: {Reason}", error.Message);
            }
        }
    }

    /// <summary>Trouble that is reported when it begins, and again only after a whole turn without it.</summary>
    private struct Episode
    {
        private bool _running;
        private bool _seen;

        public bool Begins()
        {
            bool begins = !_running;
            _running = _seen = true;
            return begins;
        }

        public void Turn()
        {
            _running = _seen;
            _seen = false;
        }
    }
}
