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

    /// <summary>Under the store's gate; with a filter it reads events.</summary>
    /// <param name="most">At most so many, oldest first.</param>
    /// <param name="total">How many there are.</param>
    public IReadOnlyList<QueueEntry> Of(BackboneStore store, QueueRuntime queue, int most, out int total)
    {
        var dead = queue.State.Queue.Dead;
        var meant = Places.Count > 0 ? Places.Select(place => dead.GetValueOrDefault(place)).OfType<QueueEntry>() : dead.Values;
        QueueEntry[] chosen = [.. meant.Where(entry => Matches(store, queue, entry)).OrderBy(entry => entry.Due).ThenBy(entry => entry.Place.Value)];
        total = chosen.Length;
        return chosen.Length > most ? chosen[..most] : chosen;
    }

    private bool Matches(BackboneStore store, QueueRuntime queue, QueueEntry entry)
    {
        if (Filter is null)
        {
            return true;
        }

        if (!store.Files.TryGet(queue.State.Topic.Id, entry.Place.Partition, out var log))
        {
            return false;
        }

        using var block = log.Read(entry.Place.Offset, 1, 1);
        return block.Count > 0 && Filter.Matches(new EventFrame(block.Frames));
    }
}

/// <summary>A redrive that goes on, so many a second.</summary>
/// <param name="PerSecond">How many.</param>
/// <param name="ToEnd">Behind all that was accepted until then.</param>
/// <param name="Before">Only what died before it was asked for, µs since 1970: what dies again stays dead.</param>
internal sealed record RedriveJob(DeadSelection Selection, int PerSecond, bool ToEnd, long Before);
