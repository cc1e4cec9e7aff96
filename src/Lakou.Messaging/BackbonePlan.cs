using Lakou.Core.Configuration;
using Lakou.Messaging.Store;
using Lakou.Messaging.Subscriptions;
using Lakou.Messaging.Topics;

namespace Lakou.Messaging;

/// <summary>The backbone's configuration, checked as a whole and immutable. Building it opens nothing.</summary>
/// <param name="Store">Null when the file has neither a store nor topics: there is no backbone.</param>
internal sealed record BackbonePlan(
    StorePlan? Store, IReadOnlyDictionary<string, TopicPlan> Topics, IReadOnlyDictionary<string, SubscriptionPlan> Subscriptions)
{
    public static readonly BackbonePlan Empty = new(null, new Dictionary<string, TopicPlan>(), new Dictionary<string, SubscriptionPlan>());

    /// <param name="options">As written.</param>
    /// <param name="document">For the fingerprints, by which a reload knows what did not change.</param>
    /// <param name="directory">What relative files are relative to.</param>
    /// <param name="problems">Gets everything that is wrong.</param>
    public static BackbonePlan Build(BackboneOptions options, ConfigDocument document, string directory, Problems problems)
    {
        // 1. The store, which topics have whether it is written or not.
        var store = options.Store is null && options.Topics.Count == 0
            ? null
            : StorePlan.Build(options.Store ?? new(), directory, Print(document, "store"));

        // 2. Topics.
        var topics = options.Topics.ToDictionary(
            pair => pair.Key, pair => TopicPlan.Build(pair.Key, pair.Value, Print(document, $"topics.{pair.Key}")), StringComparer.Ordinal);

        // 3. Subscriptions, each to one of them. One that is wrong in itself is written all the same.
        var written = (document.Find("topics") as ConfigMap)?.Entries.Select(entry => entry.Name).ToArray() ?? [];
        var subscriptions = new Dictionary<string, SubscriptionPlan>(StringComparer.Ordinal);
        foreach (var (name, subscription) in options.Subscriptions)
        {
            if (!written.Contains(subscription.Topic, StringComparer.Ordinal))
            {
                problems.Add($"subscriptions.{name}.topic", $"unknown topic '{subscription.Topic}'{(written.Length > 0 ? Nearest.Suggest(subscription.Topic, written) : $"; add topics: {{ {subscription.Topic}: {{}} }}")}");
            }

            subscriptions.Add(name, SubscriptionPlan.Build(name, subscription, Print(document, $"subscriptions.{name}")));
        }

        return new(store, topics, subscriptions);
    }

    private static string Print(ConfigDocument document, string path) => document.Find(path)?.Fingerprint() ?? "";
}
