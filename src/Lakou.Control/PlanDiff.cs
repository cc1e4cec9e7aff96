using System.Text.Json.Serialization;
using Lakou.Gateway;
using Lakou.Messaging;

namespace Lakou.Control;

/// <summary>Names that came, went, or mean something else now; each sorted.</summary>
internal sealed record NameDiff(IReadOnlyList<string> Added, IReadOnlyList<string> Removed, IReadOnlyList<string> Changed)
{
    public static readonly NameDiff None = new([], [], []);

    [JsonIgnore]
    public bool IsEmpty => Added.Count + Removed.Count + Changed.Count == 0;

    /// <param name="from">Name to fingerprint.</param>
    /// <param name="to">Name to fingerprint.</param>
    public static NameDiff Between(IReadOnlyDictionary<string, string> from, IReadOnlyDictionary<string, string> to) => new(
        [.. to.Keys.Where(name => !from.ContainsKey(name)).Order(StringComparer.Ordinal)],
        [.. from.Keys.Where(name => !to.ContainsKey(name)).Order(StringComparer.Ordinal)],
        [.. to.Where(pair => from.TryGetValue(pair.Key, out var before) && before != pair.Value).Select(pair => pair.Key).Order(StringComparer.Ordinal)]);

    internal IEnumerable<string> Lines(string word) =>
        Removed.Select(name => $"- {word} {name}")
            .Concat(Changed.Select(name => $"~ {word} {name}"))
            .Concat(Added.Select(name => $"+ {word} {name}"));
}

/// <summary>What a reload changes. Everything that is not named keeps its connections and its state.</summary>
/// <param name="Listeners">By name.</param>
/// <param name="Upstreams">By name.</param>
/// <param name="Routes">By name; a change of the common <c>filters</c> changes every route.</param>
/// <param name="Topics">By name.</param>
/// <param name="Subscriptions">By name.</param>
/// <param name="Settings">Other keys of the file whose content changed: <c>store</c>, <c>transport</c>, <c>admin</c>, <c>log</c>, <c>telemetry</c>, <c>drain</c>.</param>
internal sealed record PlanDiff(
    NameDiff Listeners, NameDiff Upstreams, NameDiff Routes, NameDiff Topics, NameDiff Subscriptions, IReadOnlyList<string> Settings)
{
    public static readonly PlanDiff None = new(NameDiff.None, NameDiff.None, NameDiff.None, NameDiff.None, NameDiff.None, []);

    private static readonly string[] SettingKeys = ["store", "transport", "admin", "log", "telemetry", "drain"];

    public bool IsEmpty => Listeners.IsEmpty && Upstreams.IsEmpty && Routes.IsEmpty && Topics.IsEmpty && Subscriptions.IsEmpty && Settings.Count == 0;

    /// <summary><c>+ route hello</c>, <c>~ upstream orders</c>, <c>- listener web</c>.</summary>
    public IReadOnlyList<string> Lines =>
    [
        .. Listeners.Lines("listener"), .. Upstreams.Lines("upstream"), .. Routes.Lines("route"),
        .. Topics.Lines("topic"), .. Subscriptions.Lines("subscription"), .. Settings.Select(key => $"~ {key}"),
    ];

    public static PlanDiff Between(LakouPlan? from, LakouPlan to)
    {
        var (gateway, backbone) = (from?.Gateway ?? GatewayPlan.Empty, from?.Backbone ?? BackbonePlan.Empty);
        return new(
            NameDiff.Between(Prints(gateway.Listeners, plan => plan.Fingerprint), Prints(to.Gateway.Listeners, plan => plan.Fingerprint)),
            NameDiff.Between(Prints(gateway.Upstreams, plan => plan.Fingerprint), Prints(to.Gateway.Upstreams, plan => plan.Fingerprint)),
            NameDiff.Between(Prints(gateway.Routes, plan => plan.Fingerprint), Prints(to.Gateway.Routes, plan => plan.Fingerprint)),
            NameDiff.Between(Prints(backbone.Topics, plan => plan.Fingerprint), Prints(to.Backbone.Topics, plan => plan.Fingerprint)),
            NameDiff.Between(Prints(backbone.Subscriptions, plan => plan.Fingerprint), Prints(to.Backbone.Subscriptions, plan => plan.Fingerprint)),
            [.. SettingKeys.Where(key => from?.Document.Find(key)?.Fingerprint() != to.Document.Find(key)?.Fingerprint())]);
    }

    /// <summary>One line for a log: <c>1 route changed, 2 upstreams added</c>.</summary>
    public override string ToString()
    {
        string[] parts = [.. Count(Listeners, "listener"), .. Count(Upstreams, "upstream"), .. Count(Routes, "route"), .. Count(Topics, "topic"), .. Count(Subscriptions, "subscription"), .. Settings.Select(key => $"{key} changed")];
        return parts.Length == 0 ? "nothing changed" : string.Join(", ", parts);

        static IEnumerable<string> Count(NameDiff diff, string word) =>
            new[] { (diff.Added, "added"), (diff.Changed, "changed"), (diff.Removed, "removed") }
                .Where(part => part.Item1.Count > 0)
                .Select(part => $"{part.Item1.Count} {word}{(part.Item1.Count == 1 ? "" : "s")} {part.Item2} ({string.Join(", ", part.Item1.Take(10))}{(part.Item1.Count > 10 ? ", …" : "")})");
    }

    private static Dictionary<string, string> Prints<T>(IReadOnlyDictionary<string, T> plans, Func<T, string> print)
        => plans.ToDictionary(pair => pair.Key, pair => print(pair.Value), StringComparer.Ordinal);
}
