using System.Buffers;
using System.Buffers.Text;
using System.IO.Pipelines;

namespace Lakou.Gateway.Filters.GrpcWeb;

/// <summary>Encodes what is flushed, each flush on its own with its padding: nothing of a message stays behind. Holds what is not flushed, which its user bounds.</summary>
internal sealed class Base64Writer(PipeWriter below) : PipeWriter
{
    private readonly ArrayBufferWriter<byte> _held = new();

    public override Memory<byte> GetMemory(int sizeHint = 0) => _held.GetMemory(sizeHint);

    public override Span<byte> GetSpan(int sizeHint = 0) => _held.GetSpan(sizeHint);

    public override void Advance(int bytes) => _held.Advance(bytes);

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        if (_held.WrittenCount > 0)
        {
            Base64.EncodeToUtf8(_held.WrittenSpan, below.GetSpan(Base64.GetMaxEncodedToUtf8Length(_held.WrittenCount)), out _, out var count);
            below.Advance(count);
            _held.ResetWrittenCount();
        }

        return below.FlushAsync(cancellationToken);
    }

    public override void CancelPendingFlush() => below.CancelPendingFlush();

    public override void Complete(Exception? exception = null) => below.Complete(exception);
}
