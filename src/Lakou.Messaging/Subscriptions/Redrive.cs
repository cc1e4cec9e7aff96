using Lakou.Messaging.Events;
using Lakou.Messaging.Store;
using Lakou.Messaging.Topics;

namespace Lakou.Messaging.Subscriptions;

/// <summary>Which dead events are meant: those of these places, or those that a filter matches, or all.</summary>
/// <param name="Places">Empty for any.</param>
/// <param name="Filter">Null for any.</param>
internal sealed record DeadSelection(IReadOnlyList<EventPlace> Places, EventFilter? Filter)
{
    public static readonly DeadSelection All = new([], null);

    /// <summary>Chooses. With a filter it reads events, so not under the store's gate.</summary>
    public DeadChoice Of(BackboneStore store, QueueRuntime queue)
    {
        (EventPlace Place, long Died)[] meant;
        lock (store.Gate)
        {
            var dead = queue.State.Queue.Dead;
            var entries = Places.Count > 0 ? Places.Distinct().Select(place => dead.GetValueOrDefault(place)).OfType<QueueEntry>() : dead.Values;
            meant = [.. entries.Select(entry => (entry.Place, entry.Due))];
        }

        var chosen = Filter is null ? meant : meant.Where(one => Matches(store, queue, one.Place));
        return new(queue, [.. chosen.OrderBy(one => one.Died).ThenBy(one => one.Place.Value)]);
    }

    private bool Matches(BackboneStore store, QueueRuntime queue, EventPlace place)
    {
        if (!store.Files.TryGet(queue.State.Topic.Id, place.Partition, out var log))
        {
            return false;
        }

        using var block = log.Read(place.Offset, 1, 1);
        return block.Count > 0 && Filter!.Matches(new EventFrame(block.Frames));
    }
}

/// <summary>Dead events that were chosen, oldest first. What dies again after that is not among them. Under the store's gate.</summary>
internal sealed class DeadChoice(QueueRuntime queue, (EventPlace Place, long Died)[] chosen)
{
    /// <summary>Most that one record takes: it is short, and the gate is not held for long.</summary>
    public const int StepMost = 1_000;

    /// <summary>Of one event in a record.</summary>
    public const int EntryBytes = 2 * sizeof(ulong);

    private int _next;

    /// <summary>How many were not taken yet.</summary>
    public int Left => chosen.Length - _next;

    /// <summary>The next ones, without those that are not dead any more.</summary>
    public IReadOnlyList<QueueEntry> Take(int most)
    {
        List<QueueEntry> taken = [];
        while (taken.Count < most && _next < chosen.Length)
        {
            var (place, died) = chosen[_next++];
            if (queue.State.Queue.Dead.TryGetValue(place, out var entry) && entry.Due == died)
            {
                taken.Add(entry);
            }
        }

        return taken;
    }
}

/// <summary>A redrive that goes on, so many a second, in memory alone: what is left when Lakou ends is dead as before. Under the store's gate.</summary>
/// <param name="ToEnd">Behind all that was accepted until then.</param>
/// <param name="Began">µs since 1970.</param>
internal sealed record RedriveJob(DeadChoice Choice, int PerSecond, bool ToEnd, long Began)
{
    /// <summary>How many it has brought back.</summary>
    public int Moved { get; set; }

    public bool IsStopped { get; set; }

    /// <summary>Whether there is more to do.</summary>
    public bool GoesOn => !IsStopped && Choice.Left > 0;
}
