using Lakou.Core.Configuration;
using Lakou.Messaging.Store;
using Lakou.Messaging.Subscriptions;
using Lakou.Messaging.Topics;

namespace Lakou.Messaging;

/// <summary>The backbone's part of the file, as written.</summary>
internal sealed record BackboneOptions
{
    public StoreOptions? Store { get; init; }

    public IReadOnlyDictionary<string, TopicOptions> Topics { get; init; } = new Dictionary<string, TopicOptions>();

    public IReadOnlyDictionary<string, SubscriptionOptions> Subscriptions { get; init; } = new Dictionary<string, SubscriptionOptions>();

    /// <summary>Adds the backbone's keys to the shape of the whole file.</summary>
    public static ObjectShape<T> AddTo<T>(ObjectShape<T> root, Func<T, BackboneOptions> get, Func<T, BackboneOptions, T> set)
        where T : notnull
        => root
            .Field("store", StoreOptions.Shape, o => get(o).Store, (o, v) => set(o, get(o) with { Store = v }), "Where topics and subscriptions are kept; with topics there always is one.")
            .Field("topics", Shapes.Named(TopicOptions.Shape), o => get(o).Topics, (o, v) => set(o, get(o) with { Topics = v }), "Durable sequences of events, by name.")
            .Field("subscriptions", Shapes.Named(SubscriptionOptions.Shape), o => get(o).Subscriptions, (o, v) => set(o, get(o) with { Subscriptions = v }), "Durable readers of topics, by name.");
}
