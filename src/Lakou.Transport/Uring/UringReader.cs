using System.Buffers;
using System.IO.Pipelines;
using System.Threading.Tasks.Sources;
using Lakou.Transport.Blocks;

namespace Lakou.Transport.Uring;

/// <summary>
/// What a connection received, as a <see cref="PipeReader"/>: the blocks of the kernel, without a copy. The loop appends;
/// one reader, on any thread, takes.
/// </summary>
internal sealed class UringReader(UringConnection connection) : PipeReader, IValueTaskSource<ReadResult>
{
    // Less than this is copied behind what is there already, so that a peer who sends byte by byte does not hold a block for each.
    private const int Crumbs = Block.Bytes / 4;

    private readonly Lock _inputGate = new();
    private Segment? _first;
    private Segment? _last;
    private Segment? _spare;
    private int _taken;      // bytes of the first segment that are consumed
    private long _length;    // bytes not consumed
    private long _examined;  // bytes of these that the reader has seen in vain
    private bool _isReading;
    private bool _isWaiting;
    private bool _isCanceled;
    private bool _isEnded;
    private bool _isAborted;
    private bool _isCompleted;
    private Exception? _error;
    private CancellationToken _token;
    private CancellationTokenRegistration _tokenRegistration;
    private ManualResetValueTaskSourceCore<bool> _source = new() { RunContinuationsAsynchronously = !connection.RunsInline };

    /// <summary>
    /// Bytes that the reader has not examined, for the loop. Those that it has seen in vain do not count, as in a Pipe: who
    /// waits for a whole message larger than the limit would wait for ever.
    /// </summary>
    public long Unexamined
    {
        get
        {
            lock (_inputGate)
            {
                return _length - _examined;
            }
        }
    }

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        lock (_inputGate)
        {
            if (cancellationToken.IsCancellationRequested)
            {
                return ValueTask.FromCanceled<ReadResult>(cancellationToken);
            }

            if (TryTake(out var result))
            {
                return new(result);
            }

            if (_isWaiting)
            {
                throw new InvalidOperationException("A read is waiting already.");
            }

            _source.Reset();
            _isWaiting = true;
            _token = cancellationToken;
        }

        if (cancellationToken.CanBeCanceled)
        {
            _tokenRegistration = cancellationToken.UnsafeRegister(static state => ((UringReader)state!).Wake(), this);
        }

        return new(this, _source.Version);
    }

    public override bool TryRead(out ReadResult result)
    {
        lock (_inputGate)
        {
            if (_isWaiting)
            {
                throw new InvalidOperationException("A read is waiting already.");
            }

            return TryTake(out result);
        }
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        lock (_inputGate)
        {
            ThrowIfCompleted();
            _isReading = false;
            if (_first is null)
            {
                return;
            }

            var seen = OffsetOf(examined);
            var count = OffsetOf(consumed);
            if (count < 0 || seen < count || seen > _length)
            {
                throw new InvalidOperationException("Positions lie outside of what was read, or examined before consumed.");
            }

            _examined = seen - count;
            Consume(count);
        }

        connection.OnConsumed();
    }

    public override void CancelPendingRead()
    {
        lock (_inputGate)
        {
            _isCanceled = true;
        }

        Wake();
    }

    public override void Complete(Exception? exception = null)
    {
        lock (_inputGate)
        {
            if (_isCompleted)
            {
                return;
            }

            _isCompleted = true;
            _isReading = false;
            Consume(_length);
            _spare = null;
        }

        connection.OnReaderCompleted();
    }

    /// <summary>From the loop: bytes at the start of a block, which becomes the reader's. True when the reader waits for them.</summary>
    public bool Append(Block block, int count)
    {
        lock (_inputGate)
        {
            if (_isCompleted)
            {
                block.Dispose();
                return false;
            }

            _length += count;
            if (_last is { } last && count < Crumbs && last.Room >= count && last.Block.IsUnshared)
            {
                block.Span[..count].CopyTo(last.Block.Span[last.End..]);
                last.Grow(count);
                block.Dispose();
            }
            else
            {
                var segment = Interlocked.Exchange(ref _spare, null) ?? new Segment();
                segment.Set(block, 0, count);
                if (_last is null)
                {
                    _first = segment;
                    _taken = 0;
                }
                else
                {
                    _last.Append(segment);
                }

                _last = segment;
            }

            return _isWaiting;
        }
    }

    /// <summary>No more will come. What is here is read first, unless the connection was aborted.</summary>
    /// <param name="error">Why, unless it is the peer's plain end.</param>
    /// <param name="isAborted">Nothing more is read, also what is here.</param>
    public void End(Exception? error, bool isAborted)
    {
        lock (_inputGate)
        {
            if (_isEnded && !isAborted)
            {
                return;
            }

            _isEnded = true;
            _isAborted |= isAborted;
            _error ??= error;
            if (isAborted && !_isReading)
            {
                Consume(_length);
            }
        }

        Wake();
    }

    /// <summary>Goes on with a waiting reader, if there is a reason to.</summary>
    public void Wake()
    {
        lock (_inputGate)
        {
            // Whoever wakes it may come late, when the reader has already taken what there was and waits anew.
            if (!_isWaiting || !HasReason())
            {
                return;
            }

            _isWaiting = false;
        }

        _source.SetResult(true);
    }

    ReadResult IValueTaskSource<ReadResult>.GetResult(short token)
    {
        _source.GetResult(token);
        _tokenRegistration.Dispose();
        _tokenRegistration = default;
        lock (_inputGate)
        {
            if (TryTake(out var result))
            {
                return result;
            }

            _token.ThrowIfCancellationRequested();
            return Result(isCanceled: false);
        }
    }

    ValueTaskSourceStatus IValueTaskSource<ReadResult>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<ReadResult>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
        => _source.OnCompleted(continuation, state, token, flags);

    private bool TryTake(out ReadResult result)
    {
        ThrowIfCompleted();
        if (_isCanceled)
        {
            _isCanceled = false;
            result = Result(isCanceled: true);
            return true;
        }

        if (_length > _examined && !_isAborted)
        {
            result = Result(isCanceled: false);
            return true;
        }

        if (_error is not null)
        {
            throw _error;
        }

        result = _isEnded ? Result(isCanceled: false) : default;
        return _isEnded;
    }

    private bool HasReason() => _isCanceled || _length > _examined || _isEnded || _isCompleted || _token.IsCancellationRequested;

    private ReadResult Result(bool isCanceled)
    {
        _isReading = true;
        var buffer = _first is null ? default : new ReadOnlySequence<byte>(_first, _taken, _last!, _last!.Length);
        return new ReadResult(buffer, isCanceled, _isEnded && _error is null);
    }

    private long OffsetOf(SequencePosition position) => position.GetObject() is Segment segment
        ? segment.RunningIndex + position.GetInteger() - _first!.RunningIndex - _taken
        : 0;

    private void Consume(long count)
    {
        _length -= count;
        while (_first is { } first)
        {
            var here = first.Length - _taken;
            if (count < here)
            {
                _taken += (int)count;
                return;
            }

            count -= here;
            _first = first.NextSegment;
            _taken = 0;
            first.Release();
            _spare = first;
        }

        _last = null;
    }

    private void ThrowIfCompleted()
    {
        if (_isCompleted)
        {
            throw new InvalidOperationException("Reading is not allowed after the reader was completed.");
        }
    }
}
