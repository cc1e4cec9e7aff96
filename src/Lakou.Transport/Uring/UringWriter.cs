using System.IO.Pipelines;
using System.Threading.Tasks.Sources;
using Lakou.Transport.Blocks;

namespace Lakou.Transport.Uring;

/// <summary>
/// What a connection is to send, as a <see cref="PipeWriter"/>: one writer, on any thread, fills blocks; the loop hands the flushed
/// part of them to the kernel.
/// </summary>
internal sealed class UringWriter(UringConnection connection) : PipeWriter, IValueTaskSource<FlushResult>
{
    private readonly Lock _outputGate = new();
    private Segment? _first;
    private Segment? _last;
    private Segment? _spare;
    private long _queued;     // bytes flushed and not sent
    private long _unflushed;  // bytes written and not flushed
    private bool _isWriting;  // the writer has memory of the last block in hand
    private bool _isSending;
    private bool _isWaiting;
    private bool _isCanceled;
    private bool _isCompleted;
    private bool _endRequested;
    private bool _isEnded;
    private CancellationToken _token;
    private CancellationTokenRegistration _tokenRegistration;
    private byte[]? _large;
    private ManualResetValueTaskSourceCore<bool> _source = new() { RunContinuationsAsynchronously = !connection.RunsInline };

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => _unflushed;

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sizeHint);
        lock (_outputGate)
        {
            ThrowIfCompleted();
            _isWriting = true;
            if (sizeHint > Block.Bytes)
            {
                // Rare: written beside the blocks, and copied into them when the writer advances.
                return _large = new byte[sizeHint];
            }

            _large = null;
            if (_last is null || _last.Room < Math.Max(sizeHint, 1))
            {
                Add(connection.RentBlock(), 0, 0);
            }

            return _last!.Block.Memory[_last.End..];
        }
    }

    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override void Advance(int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        if (_large is { } large)
        {
            _large = null;
            ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, large.Length);
            Copy(large.AsSpan(0, bytes));
            return;
        }

        if (!_isWriting || bytes > (_last?.Room ?? 0))
        {
            if (bytes == 0)
            {
                return;
            }

            throw new ArgumentOutOfRangeException(nameof(bytes), "More than the memory that was asked for.");
        }

        _last!.Grow(bytes);
        _unflushed += bytes;
    }

    /// <summary>Writes bytes that a reader of the same transport has, without copying them: their block is sent from.</summary>
    public void Share(Segment source, int offset, int count)
    {
        lock (_outputGate)
        {
            ThrowIfCompleted();
            source.Block.Share();
            var start = source.Start + offset;
            Add(source.Block, start, start + count, isShared: true);
            _unflushed += count;
        }
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        bool isNew;
        lock (_outputGate)
        {
            if (cancellationToken.IsCancellationRequested)
            {
                return ValueTask.FromCanceled<FlushResult>(cancellationToken);
            }

            isNew = Commit();
            if (_isEnded || _endRequested || _isCanceled || _queued < connection.Options.OutputPauseBytes)
            {
                var result = TakeResult();
                if (isNew)
                {
                    connection.RequestSend();
                }

                return new(result);
            }

            if (_isWaiting)
            {
                throw new InvalidOperationException("A flush is waiting already.");
            }

            _source.Reset();
            _isWaiting = true;
            _token = cancellationToken;
        }

        if (isNew)
        {
            connection.RequestSend();
        }

        if (cancellationToken.CanBeCanceled)
        {
            _tokenRegistration = cancellationToken.UnsafeRegister(static state => ((UringWriter)state!).Wake(), this);
        }

        return new(this, _source.Version);
    }

    public override void CancelPendingFlush()
    {
        lock (_outputGate)
        {
            _isCanceled = true;
        }

        Wake();
    }

    public override void Complete(Exception? exception = null)
    {
        lock (_outputGate)
        {
            if (_isCompleted)
            {
                return;
            }

            _isCompleted = true;
            Commit();
        }

        if (exception is not null)
        {
            connection.Abort(new Microsoft.AspNetCore.Connections.ConnectionAbortedException(exception.Message, exception));
            return;
        }

        RequestEnd();
    }

    /// <summary>What is flushed by now is the last that is sent.</summary>
    public void RequestEnd()
    {
        lock (_outputGate)
        {
            _endRequested = true;
        }

        connection.RequestSend();
    }

    /// <summary>On the loop: what to send next.</summary>
    /// <param name="vectors">Gets the pieces.</param>
    /// <param name="isLast">Everything is sent, and the end was asked for.</param>
    /// <returns>Pieces; 0 when there is nothing to do now.</returns>
    public unsafe int BeginSend(Span<Vector> vectors, out bool isLast)
    {
        lock (_outputGate)
        {
            isLast = _endRequested && _queued == 0 && !_isSending && !_isEnded;
            if (_isSending || _isEnded || _queued == 0)
            {
                return 0;
            }

            _isSending = true;
            var count = 0;
            var left = _queued;
            for (var segment = _first; left > 0 && count < vectors.Length; segment = segment.NextSegment)
            {
                var length = Math.Min(segment!.Length, left);
                vectors[count++] = new Vector { Address = (ulong)(segment.Block.Pointer + segment.Start), Length = (ulong)length };
                left -= length;
            }

            return count;
        }
    }

    /// <summary>On the loop: so many bytes are the kernel's.</summary>
    public void OnSent(long count)
    {
        bool hasRoom;
        lock (_outputGate)
        {
            _isSending = false;
            if (_isEnded)
            {
                ReleaseAll();
                return;
            }

            _queued -= count;
            Release(count);
            hasRoom = _isWaiting && _queued <= connection.Options.OutputPauseBytes / 2;
        }

        if (hasRoom)
        {
            Wake();
        }
    }

    /// <summary>On the loop: nothing more is sent; what is written from here on is dropped.</summary>
    public void End()
    {
        lock (_outputGate)
        {
            _isEnded = true;
            if (!_isSending)
            {
                ReleaseAll();
            }
        }

        Wake();
    }

    /// <summary>Goes on with a waiting flush.</summary>
    private void Wake()
    {
        lock (_outputGate)
        {
            if (!_isWaiting)
            {
                return;
            }

            _isWaiting = false;
        }

        _source.SetResult(true);
    }

    FlushResult IValueTaskSource<FlushResult>.GetResult(short token)
    {
        _source.GetResult(token);
        _tokenRegistration.Dispose();
        _tokenRegistration = default;
        lock (_outputGate)
        {
            if (!_isCanceled && !_isEnded && _queued > connection.Options.OutputPauseBytes / 2)
            {
                _token.ThrowIfCancellationRequested();
            }

            return TakeResult();
        }
    }

    ValueTaskSourceStatus IValueTaskSource<FlushResult>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<FlushResult>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
        => _source.OnCompleted(continuation, state, token, flags);

    private FlushResult TakeResult()
    {
        // From the request on, for what is written then is dropped: who writes on the loop until told would never let the loop send the end.
        var result = new FlushResult(_isCanceled, _isEnded || _endRequested);
        _isCanceled = false;
        return result;
    }

    /// <summary>Makes what was written part of what is sent. True when there is something new.</summary>
    private bool Commit()
    {
        _isWriting = false;
        _large = null;
        var isNew = _unflushed > 0 && !_isEnded && !_endRequested; // else it is dropped: it lies behind all that is sent
        _queued += isNew ? _unflushed : 0;
        _unflushed = 0;
        if (_isEnded ? !_isSending : _queued == 0)
        {
            ReleaseAll(); // also memory that was asked for and not used
        }

        return isNew;
    }

    private void Copy(ReadOnlySpan<byte> bytes)
    {
        lock (_outputGate)
        {
            while (!bytes.IsEmpty)
            {
                if (_last is null || _last.Room == 0)
                {
                    Add(connection.RentBlock(), 0, 0);
                }

                var count = Math.Min(bytes.Length, _last!.Room);
                bytes[..count].CopyTo(_last.Block.Span[_last.End..]);
                _last.Grow(count);
                _unflushed += count;
                bytes = bytes[count..];
            }
        }
    }

    private void Add(Block block, int start, int end, bool isShared = false)
    {
        var segment = _spare ?? new Segment();
        _spare = null;
        segment.Set(block, start, end, isShared);
        if (_last is null)
        {
            _first = segment;
        }
        else
        {
            _last.Append(segment);
        }

        _last = segment;
    }

    /// <summary>Takes sent bytes off the front. The last block stays while the writer has it in hand or has bytes in it.</summary>
    private void Release(long count)
    {
        while (_first is { } first)
        {
            var here = Math.Min(count, first.Length);
            first.Shrink((int)here);
            count -= here;
            if (first.Length > 0 || (first == _last && (_isWriting || _unflushed > 0)))
            {
                return;
            }

            _first = first.NextSegment;
            first.Release();
            _spare = first;
        }

        _last = null;
    }

    private void ReleaseAll()
    {
        if (_isWriting)
        {
            return; // at the next flush
        }

        _unflushed = 0;
        _queued = 0;
        while (_first is { } first)
        {
            _first = first.NextSegment;
            first.Release();
        }

        _last = null;
    }

    private void ThrowIfCompleted()
    {
        if (_isCompleted)
        {
            throw new InvalidOperationException("Writing is not allowed after the writer was completed.");
        }
    }
}
