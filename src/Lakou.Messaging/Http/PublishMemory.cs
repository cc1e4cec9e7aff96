using System.Buffers;
using Lakou.Core.Events;
using Lakou.Messaging.Events;

namespace Lakou.Messaging.Http;

/// <summary>What a request that publishes holds until it is answered, kept for the next one on the same event loop.</summary>
internal sealed class PublishMemory
{
    // Of one thread: as many small requests as usually wait for a commit together.
    private const int KeptMost = 64;
    private const int KeptBytes = 16 << 10;

    [ThreadStatic]
    private static Stack<PublishMemory>? s_kept;

    private PublishMemory()
    {
    }

    public EventBatch Batch { get; } = new();

    public List<AcceptedEvent> Accepted { get; } = [];

    public ArrayBufferWriter<byte> Answer { get; } = new(256);

    public static PublishMemory Take() => s_kept is { Count: > 0 } kept ? kept.Pop() : new();

    /// <summary>Nothing of it is used any more. One that is not given back is the collector's.</summary>
    public void GiveBack()
    {
        var kept = s_kept ??= new();
        if (kept.Count == KeptMost || Batch.Length > KeptBytes || Answer.WrittenCount > KeptBytes)
        {
            Batch.Dispose();
            return;
        }

        Batch.Clear();
        Accepted.Clear();
        Answer.ResetWrittenCount();
        kept.Push(this);
    }
}
