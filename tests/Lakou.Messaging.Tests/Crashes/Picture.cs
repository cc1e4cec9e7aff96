using System.Globalization;
using System.Text;
using Lakou.Messaging.Store;
using Lakou.Messaging.Subscriptions;

namespace Lakou.Messaging.Tests.Crashes;

/// <summary>Everything that a state says, as text in one order: two states are equal when their pictures are.</summary>
internal static class Picture
{
    public static string Of(BackboneState state)
    {
        var text = new StringBuilder();
        Line(text, $"lsn {state.Lsn} time {state.Time} next id {state.NextId}");
        foreach (var topic in state.Topics.Values.OrderBy(one => one.Id))
        {
            Line(text, $"topic {topic.Id} {topic.Name} {topic.IsByHand} {topic.Options}");
            Line(text, $"  {string.Join(' ', topic.Partitions.Select(one => $"{one.Start}..{one.End}"))}");
            Line(text, $"  held to {topic.HeldEnd}: {string.Join(' ', topic.Held.OrderBy(one => one.Key))}");
        }

        foreach (var subscription in state.Subscriptions.Values.OrderBy(one => one.Id))
        {
            Line(text, $"subscription {subscription.Id} {subscription.Name} of {subscription.Topic.Id} {subscription.Mode} {subscription.IsByHand} {subscription.IsPaused} {subscription.Options}");
            Line(text, $"  committed {string.Join(' ', subscription.Committed)}");
            Add(text, subscription);
        }

        AddKeys(text, state);
        return text.ToString();
    }

    private static void Add(StringBuilder text, SubscriptionState subscription)
    {
        var facts = subscription.Queue;
        for (var partition = 0; partition < facts.Considered.Length; partition++)
        {
            var considered = facts.Considered[partition];
            var above = Enumerable.Range(0, (int)subscription.Topic.Partitions[partition].End).Where(offset => (ulong)offset > considered.Floor && considered.Contains((ulong)offset));
            Line(text, $"  considered to {considered.Floor}, {string.Join(' ', above)}");
        }

        foreach (var entry in facts.Live.Values.Concat(facts.Dead.Values).OrderBy(one => one.Place.Value))
        {
            Line(text, $"  {entry.Place} {entry.State} key {entry.Key} priority {entry.Priority} attempts {entry.Attempts} lease {entry.Lease} due {entry.Due} rank {entry.Rank}: {string.Join("; ", entry.History)}");
        }
    }

    private static void AddKeys(StringBuilder text, BackboneState state)
    {
        var writer = new RecordWriter();
        writer.Begin(RecordKind.None);
        List<string> keys = [];
        var isHead = true;
        state.Keys.Write(writer, () =>
        {
            var reader = new RecordReader(writer.Written);
            if (isHead)
            {
                Line(text, $"outcomes to {reader.ULong()}");
                isHead = false;
                return;
            }

            for (var left = reader.Int(); left > 0; left--)
            {
                var key = string.Create(CultureInfo.InvariantCulture, $"key {reader.Hash()} until {reader.Long()} at {reader.ULong()}");
                keys.Add(reader.Flag() ? string.Create(CultureInfo.InvariantCulture, $"{key} work {reader.Hash()} by {reader.ULong()} outcome {reader.ULong()}") : key);
            }
        });
        keys.Order(StringComparer.Ordinal).ToList().ForEach(key => text.Append(key).Append('\n'));
    }

    private static void Line(StringBuilder text, FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
}
