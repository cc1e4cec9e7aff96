using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Lakou.Http.Tasks;

namespace Lakou.Http.Server;

public sealed partial class Http1Connection<TContext>
{
    private sealed partial class RequestBody
    {
        private PayloadReader? _reader;

        /// <summary>A body as a pipe. Ours of known length is given out where it was received; a chunked one does not lie together there.</summary>
        public static PipeReader ToPipe(Stream body) => body is RequestBody { _kind: BodyKind.Length } own
            ? own._reader ??= new PayloadReader(own)
            : PipeReader.Create(body, new StreamPipeReaderOptions(bufferSize: 16 * 1024, leaveOpen: true));

        private sealed class PayloadReader(RequestBody body) : PipeReader
        {
            private ReadOnlySequence<byte> _given;
            private long _seen;      // bytes that the application has looked at and left
            private bool _isReading; // and has not given back what it was given
            private volatile bool _isCanceled;

            private PipeReader Input => body._owner._input;

            public void Begin() => (_seen, _isReading, _isCanceled) = (0, false, false);

            public override bool TryRead(out ReadResult result)
            {
                body.ThrowIfBroken();
                if (body.IsFinished)
                {
                    result = End();
                    return true;
                }

                result = default;
                return body is { HasStarted: true, _continuePending: false } && Input.TryRead(out var received) && TryGive(received, out result);
            }

            [AsyncMethodBuilder(typeof(PooledTaskBuilder<>))]
            public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
            {
                await body.PrepareAsync();
                if (body.IsFinished)
                {
                    return End();
                }

                while (true)
                {
                    if (!Input.TryRead(out var received))
                    {
                        received = await body.WaitAsync(cancellationToken);
                    }

                    if (TryGive(received, out var result))
                    {
                        return result;
                    }

                    cancellationToken.ThrowIfCancellationRequested();
                }
            }

            public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

            public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
            {
                if (!_isReading)
                {
                    return; // behind the end
                }

                _isReading = false;
                var isWhole = _given.Length == body._remaining;
                var taken = _given.Slice(0, consumed).Length;
                _seen = isWhole ? 0 : _given.Slice(0, examined).Length - taken;
                body.Count(taken);
                Input.AdvanceTo(consumed, isWhole ? consumed : examined); // no more will come of what is here whole
            }

            public override void CancelPendingRead()
            {
                _isCanceled = true;
                body._owner.Wake();
            }

            /// <summary>What was not taken is the connection's to read away.</summary>
            public override void Complete(Exception? exception = null)
            {
                if (_isReading)
                {
                    AdvanceTo(_given.Start);
                }
            }

            private ReadResult End() => new(default, TakeCanceled(), isCompleted: true);

            /// <summary>False, and given back, when there is nothing that the application has not seen.</summary>
            private bool TryGive(in ReadResult received, out ReadResult result)
            {
                var here = received.Buffer.Slice(0, Math.Min(received.Buffer.Length, body._remaining));
                var isCanceled = TakeCanceled();
                if (body._fault is null && (here.Length > _seen || isCanceled))
                {
                    _given = here;
                    _isReading = true;
                    result = new(here, isCanceled, isCompleted: here.Length == body._remaining);
                    return true;
                }

                Input.AdvanceTo(received.Buffer.Start, received.Buffer.End);
                body.ThrowIfBroken();
                if (received.IsCompleted)
                {
                    body.Fail(Truncated());
                }

                result = default;
                return false;
            }

            private bool TakeCanceled()
            {
                var isCanceled = _isCanceled;
                _isCanceled = false;
                return isCanceled;
            }
        }
    }
}
