using Lakou.Core.Events;

namespace Lakou.Gateway.Actions.Enqueue;

/// <summary>What all routes that enqueue share: the backbone, and the memory for large bodies.</summary>
/// <param name="memory">Bytes of bodies beyond the first <see cref="EnqueueBody.FreeBytes"/> of each.</param>
internal sealed class EnqueueState(long memory = 256 << 20) // 32 of the largest
{
    private long _left = memory;

    /// <summary>Null while no backbone runs.</summary>
    public IEventIntake? Events { get; set; }

    /// <summary>Likewise.</summary>
    public Backbone.BackboneHandler? Api { get; set; }

    public bool TryTake(long bytes)
    {
        if (Interlocked.Add(ref _left, -bytes) >= 0)
        {
            return true;
        }

        Give(bytes);
        return false;
    }

    public void Give(long bytes) => Interlocked.Add(ref _left, bytes);
}
