using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Lakou.Http.Tasks;
using Lakou.Transport;

namespace Lakou.Http.Server;

public sealed partial class Http1Connection<TContext>
{
    /// <summary>
    /// The response's body as a pipe. Until the head is written, and in chunked framing, bytes asked for by
    /// <see cref="GetMemory"/> are held back until the flush that frames them; in the other framings they are written
    /// into the connection's own output. <see cref="WriteAsync"/> never holds back.
    /// </summary>
    private sealed class ResponseWriter(Http1Connection<TContext> owner) : PipeWriter, ISharingWriter
    {
        private const string Ended = "The response is complete; whatever came behind it would be read as the next one.";

        private byte[] _held = [];
        private int _heldCount;
        private long _written;
        private bool _lentHeld;
        private bool _ended;

        public override bool CanGetUnflushedBytes => true;

        public override long UnflushedBytes => _heldCount + owner._output.UnflushedBytes;

        private bool Holds => !owner.HasStarted || owner._responseKind is BodyKind.Chunked or BodyKind.None;

        public void Begin()
        {
            _heldCount = 0;
            _written = 0;
            _ended = false;
        }

        /// <summary>Writes the head; the body's length is not known yet unless the application declared it.</summary>
        public void Start()
        {
            if (!owner.HasStarted)
            {
                owner.DecideFraming(completeLength: -1);
                owner.WriteHead();
            }
        }

        public override Memory<byte> GetMemory(int sizeHint = 0)
        {
            ThrowIfEnded();
            _lentHeld = Holds;
            if (!_lentHeld)
            {
                WriteHeld();
                return owner._output.GetMemory(sizeHint);
            }

            var wanted = _heldCount + Math.Max(sizeHint, 256);
            if (_held.Length < wanted)
            {
                var grown = ArrayPool<byte>.Shared.Rent(Math.Max(wanted, 4096));
                _held.AsSpan(0, _heldCount).CopyTo(grown);
                Release();
                _held = grown;
            }

            return _held.AsMemory(_heldCount);
        }

        public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

        /// <summary>The bytes are where <see cref="GetMemory"/> had them put, even if the head was written in between.</summary>
        public override void Advance(int bytes)
        {
            if (_lentHeld)
            {
                ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)bytes, (uint)(_held.Length - _heldCount), nameof(bytes));
                _heldCount += bytes;
            }
            else
            {
                Count(bytes);
                owner._output.Advance(bytes);
            }
        }

        public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
        {
            if (_ended)
            {
                return source.IsEmpty ? default : throw new InvalidOperationException(Ended);
            }

            if (!owner.HasStarted && owner._onStarting is { Count: > 0 })
            {
                return WriteSlowAsync(source, cancellationToken);
            }

            Start();
            WriteHeld();
            WriteBody(new ReadOnlySequence<byte>(source));
            return owner.FlushOutputAsync(cancellationToken);
        }

        public void WriteShared(in ReadOnlySequence<byte> bytes)
        {
            ThrowIfEnded();
            Start();
            WriteHeld();
            WriteBody(bytes);
        }

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
            => WriteAsync(ReadOnlyMemory<byte>.Empty, cancellationToken);

        /// <summary>Ends the body: what is held, the last chunk and the trailers, then one flush.</summary>
        [AsyncMethodBuilder(typeof(PooledTaskBuilder))]
        public async ValueTask EndAsync()
        {
            if (_ended)
            {
                return;
            }

            await owner.RunOnStartingAsync();
            _ended = true;
            if (!owner.HasStarted)
            {
                owner.DecideFraming(_heldCount);
                owner.WriteHead();
            }

            WriteHeld();
            if (owner._responseKind == BodyKind.Chunked)
            {
                WriteLastChunk();
            }
            else if (owner._responseKind == BodyKind.Length && _written != owner._contentLength && !owner._upgraded)
            {
                throw new InvalidOperationException($"The response declared {owner._contentLength} bytes and ended after {_written}.");
            }

            Release();
            await owner.FlushOutputAsync(CancellationToken.None);
        }

        /// <summary>Gives the buffer back.</summary>
        public void Release()
        {
            if (_held.Length > 0)
            {
                ArrayPool<byte>.Shared.Return(_held);
                _held = [];
            }
        }

        public override void CancelPendingFlush() => owner._output.CancelPendingFlush();

        public override void Complete(Exception? exception = null)
        {
            // The connection ends the response when the application returns.
        }

        private async ValueTask<FlushResult> WriteSlowAsync(ReadOnlyMemory<byte> source, CancellationToken cancellation)
        {
            await owner.RunOnStartingAsync();
            return await WriteAsync(source, cancellation);
        }

        private void WriteHeld()
        {
            if (_heldCount > 0)
            {
                WriteBody(new ReadOnlySequence<byte>(_held, 0, _heldCount));
                _heldCount = 0;
            }
        }

        private void WriteBody(in ReadOnlySequence<byte> bytes)
        {
            if (bytes.IsEmpty || owner._responseKind == BodyKind.None)
            {
                return;
            }

            Count(bytes.Length);
            if (owner._responseKind == BodyKind.Chunked)
            {
                owner._output.Advance(ChunkedEncoder.WriteSizeLine(owner._output.GetSpan(ChunkedEncoder.LongestSizeLine), (int)bytes.Length));
                owner._output.WriteShared(bytes);
                owner._output.Write("\r\n"u8);
            }
            else
            {
                owner._output.WriteShared(bytes);
            }
        }

        private void WriteLastChunk()
        {
            var trailers = owner._responseTrailers;
            var length = ChunkedEncoder.LastChunkLength(trailers);
            owner._output.Advance(ChunkedEncoder.WriteLastChunk(owner._output.GetSpan(length), trailers));
        }

        private void Count(long bytes)
        {
            _written += bytes;
            if (owner._responseKind == BodyKind.Length && _written > owner._contentLength)
            {
                throw new InvalidOperationException($"The response declared {owner._contentLength} bytes and wrote more.");
            }
        }

        private void ThrowIfEnded()
        {
            if (_ended)
            {
                throw new InvalidOperationException(Ended);
            }
        }
    }
}
