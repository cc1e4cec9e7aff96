using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Lakou.Core.Faults;
using Lakou.Http.Tasks;

namespace Lakou.Http.Server;

public sealed partial class Http1Connection<TContext>
{
    /// <summary>
    /// The body of the current request as a stream: framing removed, limits and the minimum rate enforced, "100 Continue"
    /// sent when the application first reads (RFC 9110 §10.1.1). Fails with <see cref="RequestBodyException"/>.
    /// </summary>
    private sealed partial class RequestBody(Http1Connection<TContext> owner) : AsyncStream
    {
        // What is worth reading away so that the connection can be used again.
        private const int DrainBytesMax = 64 * 1024;

        private readonly Http1Connection<TContext> _owner = owner;
        private readonly ChunkedDecoder _chunks = new(MessageSide.Request);
        private BodyKind _kind;
        private long _remaining;
        private long _received;
        private bool _continuePending;
        private Fault? _fault;

        // The rate is judged over windows of time spent waiting for the client: time in which the application does
        // not read is not the client's, and bytes sent early buy no slowness later.
        private readonly Lock _rateGate = new();
        private long _waitingSince = long.MaxValue;
        private long _windowWaited;
        private long _windowStartBytes;

        public bool IsFinished { get; private set; }

        public bool HasStarted { get; private set; }

        public FieldTable? Trailers => _kind == BodyKind.Chunked && IsFinished ? _chunks.Trailers : null;

        /// <summary>True when what is left is known to be small, so that reading it away keeps the connection.</summary>
        public bool IsCheapToDrain => IsFinished || (!_continuePending && _kind == BodyKind.Length && _remaining <= DrainBytesMax);

        public override bool CanWrite => false;

        public void Begin(RequestHead head)
        {
            _kind = head.Body;
            _remaining = head.Body == BodyKind.Length ? head.ContentLength : 0;
            IsFinished = head.Body == BodyKind.None || (head.Body == BodyKind.Length && head.ContentLength == 0);
            HasStarted = false;
            _received = 0;
            _windowWaited = 0;
            _windowStartBytes = 0;
            _continuePending = head.ExpectsContinue && !IsFinished;
            _fault = null;
            if (_kind == BodyKind.Chunked)
            {
                _chunks.Reset(_owner._options.HeadLimits);
            }

            _reader?.Begin();
        }

        [AsyncMethodBuilder(typeof(PooledTaskBuilder<>))]
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await PrepareAsync();
            if (IsFinished || buffer.IsEmpty)
            {
                return 0;
            }

            while (true)
            {
                if (!_owner._input.TryRead(out var result))
                {
                    result = await WaitAsync(cancellationToken);
                }

                var taken = Take(result.Buffer, buffer.Span, out var consumed);
                _owner._input.AdvanceTo(consumed, taken > 0 || IsFinished || _fault is not null ? consumed : result.Buffer.End);
                ThrowIfBroken();
                if (taken > 0 || IsFinished)
                {
                    return taken;
                }

                if (result.IsCompleted)
                {
                    Fail(Truncated());
                }

                cancellationToken.ThrowIfCancellationRequested();
            }
        }

        /// <summary>Reads away what the application left, if it is little. True when the body is finished.</summary>
        public async ValueTask<bool> TryDrainAsync()
        {
            if (!IsCheapToDrain && (_continuePending || _kind != BodyKind.Chunked))
            {
                return false;
            }

            var scratch = ArrayPool<byte>.Shared.Rent(4096);
            try
            {
                var drained = 0;
                while (!IsFinished && drained <= DrainBytesMax)
                {
                    drained += await ReadAsync(scratch);
                }

                return IsFinished;
            }
            catch (RequestBodyException)
            {
                return false;
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(scratch);
            }
        }

        /// <summary>Called by the sweeper: a reader that waits must see the minimum rate.</summary>
        public void CheckRate(long now)
        {
            if (Volatile.Read(ref _waitingSince) == long.MaxValue)
            {
                return;
            }

            lock (_rateGate)
            {
                var grace = _owner._options.RateGrace;
                if (_waitingSince == long.MaxValue
                    || _owner._time.GetElapsedTime(0, _windowWaited + now - _waitingSince) < grace)
                {
                    return;
                }

                if (_received - _windowStartBytes < (long)(_owner._options.BodyRateMin * grace.TotalSeconds))
                {
                    _fault ??= ServerFaults.BodyTimeout.With(
                        $"Less than {_owner._options.BodyRateMin} bytes a second arrived over {grace.TotalSeconds:0.###} s.");
                    _owner.Wake();
                }

                (_windowWaited, _waitingSince, _windowStartBytes) = (0, now, _received);
            }
        }

        /// <summary>Before each read: a fault that there was, the limit, the client that waits for a word.</summary>
        private ValueTask<FlushResult> PrepareAsync()
        {
            ThrowIfBroken();
            if (!HasStarted && !IsFinished)
            {
                HasStarted = true;
                if (_kind == BodyKind.Length && _remaining > _owner.MaxRequestBodySize)
                {
                    Fail(TooLarge());
                }
            }

            if (!_continuePending)
            {
                return default;
            }

            _continuePending = false;
            return _owner.SendContinueAsync();
        }

        [AsyncMethodBuilder(typeof(PooledTaskBuilder<>))]
        private async ValueTask<ReadResult> WaitAsync(CancellationToken cancellation)
        {
            lock (_rateGate)
            {
                _waitingSince = _owner._time.GetTimestamp();
            }

            try
            {
                return await _owner._input.ReadAsync(cancellation);
            }
            finally
            {
                lock (_rateGate)
                {
                    _windowWaited += _owner._time.GetTimestamp() - _waitingSince;
                    _waitingSince = long.MaxValue;
                }
            }
        }

        /// <summary>Payload of a body of known length has been taken; its limit was looked at before the first.</summary>
        private void Count(long taken)
        {
            _received += taken;
            _remaining -= taken;
            IsFinished = _remaining == 0;
        }

        /// <summary>Moves payload from the input into the target; sets <see cref="IsFinished"/> or the fault.</summary>
        private int Take(in ReadOnlySequence<byte> input, Span<byte> target, out SequencePosition consumed)
        {
            var taken = 0;
            long offset = 0;
            foreach (var segment in input)
            {
                var rest = segment.Span;
                while (rest.Length > 0 && !IsFinished && _fault is null && taken < target.Length)
                {
                    var used = _kind == BodyKind.Length
                        ? TakeLength(rest, target[taken..], ref taken)
                        : TakeChunk(rest, target[taken..], ref taken);
                    offset += used;
                    rest = rest[used..];
                }
            }

            if (taken > 0)
            {
                _received += taken;
                if (_received > _owner.MaxRequestBodySize)
                {
                    _fault ??= TooLarge();
                }
            }

            consumed = input.GetPosition(offset);
            return taken;
        }

        private int TakeLength(ReadOnlySpan<byte> input, Span<byte> target, ref int taken)
        {
            var count = (int)Math.Min(Math.Min(input.Length, target.Length), _remaining);
            input[..count].CopyTo(target);
            taken += count;
            _remaining -= count;
            IsFinished = _remaining == 0;
            return count;
        }

        private int TakeChunk(ReadOnlySpan<byte> input, Span<byte> target, ref int taken)
        {
            // The decoder yields payload as a run inside its input, so give it no more than the target can take.
            var status = _chunks.Read(input[..Math.Min(input.Length, target.Length)], out var consumed, out var dataOffset, out var dataLength);
            input.Slice(dataOffset, dataLength).CopyTo(target);
            taken += dataLength;
            switch (status)
            {
                case ParseStatus.Done:
                    IsFinished = true;
                    break;
                case ParseStatus.Invalid:
                    _fault = _chunks.Error;
                    break;
            }

            return consumed;
        }

        private static Fault Truncated() => ServerFaults.BodyTruncated.With("The client closed the connection before the body was complete.");

        private Fault TooLarge()
            => ServerFaults.BodyTooLarge.With($"At most {_owner.MaxRequestBodySize} bytes are allowed here.");

        private void ThrowIfBroken()
        {
            if (_fault is not null)
            {
                _owner._keepAlive = false;
                throw new RequestBodyException(_fault);
            }
        }

        private void Fail(Fault fault)
        {
            _fault = fault;
            ThrowIfBroken();
        }
    }
}
