namespace Lakou.Messaging.Tests.Simulations;

/// <summary>
/// What clients of a backbone know, and what must follow from it. Every answer that they get is checked against all they got before; what was not answered because
/// the power went off may or may not have happened.
/// </summary>
internal sealed class Ledger(int attempts)
{
    private readonly Dictionary<string, Sent> _sent = [];
    private readonly Dictionary<(string Subscription, string Id), Progress> _progress = [];
    private readonly Dictionary<string, int> _lost = [];

    /// <summary>Ids that were answered with 202.</summary>
    public IEnumerable<string> Accepted => _sent.Where(pair => pair.Value.Place is not null).Select(pair => pair.Key);

    public void Send(string id, string key, string data) => _sent.TryAdd(id, new(key, data));

    public void Accept(string id, int partition, ulong? offset, bool isHeld)
    {
        var sent = _sent[id];
        if (sent.Place is { } place && offset is not null && place.Offset is not null)
        {
            Must(place == (partition, offset), $"{id} was accepted at {place}, and once more at {(partition, offset)}");
        }

        sent.Place ??= (partition, offset);
        sent.IsHeld |= isHeld;
    }

    public void Deliver(string subscription, bool isOrdered, string id, string data, int partition, ulong offset, int attempt, long now, long deadline)
    {
        Must(_sent.TryGetValue(id, out var sent), $"{id} was delivered and never sent");
        Must(sent!.Data == data, $"{id} was delivered with '{data}', and sent with '{sent.Data}'");
        Must(sent.Seen is null || sent.Seen == (partition, offset), $"{id} is at {sent.Seen}, and at {(partition, offset)}");
        Must(sent.Place is not { Offset: { } at } || at == offset, $"{id} was accepted at {sent.Place}, and delivered from {(partition, offset)}");
        sent.Seen = (partition, offset);

        var progress = Of(subscription, id);
        Must(!progress.IsAcknowledged, $"{id} was acknowledged to {subscription}, and delivered again");
        Must(progress.LeasedUntil <= now, $"{id} was leased by {subscription} until {progress.LeasedUntil}, and delivered again at {now}");
        progress.LeasedUntil = deadline;
        progress.MayHaveDied |= MayBeDead(subscription, progress) || attempt >= attempts;
        (progress.Attempt, progress.LostBefore) = (attempt, Lost(subscription));
        if (isOrdered)
        {
            CheckOrder(subscription, id, sent);
        }
    }

    /// <summary>A worker asked for it; whether it happened shows in <see cref="Acknowledged"/>.</summary>
    public void Acknowledge(string subscription, string id) => Of(subscription, id).MayBeFinished = true;

    public void Acknowledged(string subscription, string id)
    {
        var progress = Of(subscription, id);
        progress.IsAcknowledged = true;
        progress.LeasedUntil = 0;
    }

    public void Refuse(string subscription, string id) => Of(subscription, id).LeasedUntil = 0;

    public void Extend(string subscription, string id, long deadline) => Of(subscription, id).LeasedUntil = Math.Max(Of(subscription, id).LeasedUntil, deadline);

    /// <summary>An extension that was not answered, or a lease whose answer was lost: it may end at any time.</summary>
    public void ForgetLeases()
    {
        foreach (var progress in _progress.Values)
        {
            progress.LeasedUntil = 0;
        }
    }

    /// <summary>The answer to a receiver was lost: it may have held anything, and that counts as an attempt.</summary>
    public void LoseDelivery(string subscription) => _lost[subscription] = Lost(subscription) + 1;

    /// <summary>At the end, when all was worked off: what was accepted is there once, and was finished.</summary>
    public void Close(IReadOnlyList<(int Partition, ulong Offset, string Id)> topic, string[] subscriptions)
    {
        foreach (var partition in topic.GroupBy(one => one.Partition))
        {
            Must(partition.Select((one, i) => one.Offset == (ulong)i).All(isDense => isDense), $"partition {partition.Key} has holes: {string.Join(' ', partition.Select(one => one.Offset))}");
        }

        var places = topic.ToLookup(one => one.Id);
        foreach (var (id, sent) in _sent)
        {
            var count = places[id].Count();
            Must(count <= 1, $"{id} is there {count} times");
            Must(sent.Place is null || count == 1, $"{id} was accepted and is not there");
            Must(sent.Place is not { Offset: { } offset } || places[id].Single().Offset == offset, $"{id} was accepted at {sent.Place}, and is elsewhere");
            if (count == 0)
            {
                continue;
            }

            foreach (var subscription in subscriptions)
            {
                Must(Of(subscription, id).IsAcknowledged || Of(subscription, id).MayBeFinished, $"{id} was never finished by {subscription}");
            }
        }
    }

    private static void Must(bool isSo, string otherwise)
    {
        if (!isSo)
        {
            throw new BrokenPromise(otherwise);
        }
    }

    /// <summary>All earlier events with this key are finished, as far as anybody knows.</summary>
    private void CheckOrder(string subscription, string id, Sent sent)
    {
        foreach (var (otherId, other) in _sent)
        {
            if (otherId == id || other.Key != sent.Key || (other.Seen ?? Known(other)) is not { } place || place.Partition != sent.Seen!.Value.Partition || place.Offset >= sent.Seen.Value.Offset)
            {
                continue;
            }

            var before = Of(subscription, otherId);
            Must(before.IsAcknowledged || before.MayBeFinished || before.MayHaveDied || MayBeDead(subscription, before), $"{id} of key {sent.Key} was delivered by {subscription}, and {otherId} before it is not finished");
        }
    }

    private static (int Partition, ulong Offset)? Known(Sent sent) => sent.Place is (var partition, { } offset) ? (partition, offset) : null;

    private bool MayBeDead(string subscription, Progress progress) => progress.Attempt + Lost(subscription) - progress.LostBefore >= attempts;

    private int Lost(string subscription) => _lost.GetValueOrDefault(subscription);

    private Progress Of(string subscription, string id)
    {
        if (!_progress.TryGetValue((subscription, id), out var progress))
        {
            _progress.Add((subscription, id), progress = new());
        }

        return progress;
    }

    private sealed class Sent(string key, string data)
    {
        public string Key => key;

        public string Data => data;

        /// <summary>As the receipt said.</summary>
        public (int Partition, ulong? Offset)? Place { get; set; }

        /// <summary>As a delivery said.</summary>
        public (int Partition, ulong Offset)? Seen { get; set; }

        public bool IsHeld { get; set; }
    }

    private sealed class Progress
    {
        /// <summary>Of the last delivery that is known of.</summary>
        public int Attempt { get; set; }

        /// <summary>It may have died, and been redriven to the end, where its key's order does not hold.</summary>
        public bool MayHaveDied { get; set; }

        /// <summary>How many answers to receivers had been lost before it.</summary>
        public int LostBefore { get; set; }

        public bool IsAcknowledged { get; set; }

        public bool MayBeFinished { get; set; }

        public long LeasedUntil { get; set; }
    }
}

/// <summary>The backbone did what it may not do.</summary>
internal sealed class BrokenPromise(string message) : Exception(message);
