using System.IO.Pipelines;

namespace Lakou.Gateway.Tls;

/// <summary>
/// A reader over TLS that can tell whether something has come. The one below decrypts only for who reads, so
/// <see cref="TryRead"/> begins a read, and the next one goes on with it. One reader at a time, as of any pipe.
/// </summary>
internal sealed class EagerReader(PipeReader below) : PipeReader
{
    private Task<ReadResult>? _begun;

    /// <summary>A read that was begun has ended: with bytes, or the end. On any thread.</summary>
    public bool IsHere => Volatile.Read(ref _begun) is { IsCompleted: true };

    public override bool TryRead(out ReadResult result)
    {
        _begun ??= below.ReadAsync().AsTask();
        if (!_begun.IsCompleted)
        {
            result = default;
            return false;
        }

        result = Take().GetAwaiter().GetResult();
        return true;
    }

    /// <param name="cancellationToken">Of no effect on a read that <see cref="TryRead"/> has begun; <see cref="CancelPendingRead"/> has one.</param>
    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
        => _begun is null ? below.ReadAsync(cancellationToken) : new(Take());

    public override void AdvanceTo(SequencePosition consumed) => below.AdvanceTo(consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => below.AdvanceTo(consumed, examined);

    public override void CancelPendingRead() => below.CancelPendingRead();

    public override void Complete(Exception? exception = null) => below.Complete(exception);

    private Task<ReadResult> Take()
    {
        var begun = _begun!;
        _begun = null;
        return begun;
    }
}
