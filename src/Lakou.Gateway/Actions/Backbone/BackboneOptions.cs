using Lakou.Core.Configuration;

namespace Lakou.Gateway.Actions.Backbone;

internal sealed record BackboneOptions
{
    public IReadOnlyList<string> Topics { get; init; } = [];

    public IReadOnlyList<string> Subscriptions { get; init; } = [];

    public bool Operate { get; init; }

    public static Shape<BackboneOptions> Shape { get; } = Shapes.Object("backbone", "The backbone's own API, for services: `/v1/topics/…` and `/v1/subscriptions/…` below what `strip-prefix` leaves.", () => new BackboneOptions())
        .Field("topics", Shapes.List(Shapes.Text(1, 63)), o => o.Topics, (o, v) => o with { Topics = v }, "Those that are open here; without it all.")
        .Field("subscriptions", Shapes.List(Shapes.Text(1, 63)), o => o.Subscriptions, (o, v) => o with { Subscriptions = v }, "Those that are open here; without it all.")
        .Field("operate", Shapes.Flag(), o => o.Operate, (o, v) => o with { Operate = v }, "Also what is the operator's: make, delete, seek, pause, redrive.");

    /// <summary>What it means beside the rest of the file.</summary>
    /// <param name="route">Path of its route.</param>
    public void Check(string route, ConfigDocument document, Problems problems)
    {
        var hasStore = document.Find("store") is not null || document.Find("topics") is ConfigMap { Entries.Count: > 0 };
        if (!hasStore)
        {
            problems.Add($"{route}.backbone", "there is no backbone; add topics, or a store: {}");
        }

        Check(Topics, "topics", route, document, problems);
        Check(Subscriptions, "subscriptions", route, document, problems);
    }

    private static void Check(IReadOnlyList<string> names, string kind, string route, ConfigDocument document, Problems problems)
    {
        var known = (document.Find(kind) as ConfigMap)?.Entries.Select(entry => entry.Name).ToArray() ?? [];
        for (var i = 0; i < names.Count; i++)
        {
            if (!known.Contains(names[i], StringComparer.Ordinal))
            {
                problems.Add($"{route}.backbone.{kind}[{i}]", $"unknown {kind[..^1]} '{names[i]}'{Nearest.Suggest(names[i], known)}");
            }
        }
    }
}
