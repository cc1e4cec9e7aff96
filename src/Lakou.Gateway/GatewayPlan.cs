using Lakou.Core.Configuration;
using Lakou.Gateway.Actions.Compose;
using Lakou.Gateway.Filters;
using Lakou.Gateway.Layer4;
using Lakou.Gateway.Listeners;
using Lakou.Gateway.Routing;
using Lakou.Gateway.Upstreams;
using Lakou.Gateway.Upstreams.Balancing;

namespace Lakou.Gateway;

/// <summary>The gateway's configuration, checked as a whole and immutable. Building it opens nothing.</summary>
internal sealed record GatewayPlan(
    IReadOnlyDictionary<string, ListenerPlan> Listeners,
    IReadOnlyDictionary<string, UpstreamPlan> Upstreams,
    IReadOnlyDictionary<string, RoutePlan> Routes,
    Router<RoutePlan> Router)
{
    public static readonly GatewayPlan Empty = new(
        new Dictionary<string, ListenerPlan>(), new Dictionary<string, UpstreamPlan>(), new Dictionary<string, RoutePlan>(), Router<RoutePlan>.Compile([], RouterOptions.Default, out _));

    /// <param name="options">As written.</param>
    /// <param name="document">For the fingerprints, by which a reload knows what did not change.</param>
    /// <param name="directory">What relative files are relative to.</param>
    /// <param name="problems">Gets everything that is wrong.</param>
    public static GatewayPlan Build(GatewayOptions options, ConfigDocument document, string directory, Problems problems)
    {
        // 1. Listeners, and no two on one address.
        var listeners = new Dictionary<string, ListenerPlan>(StringComparer.Ordinal);
        foreach (var (name, listener) in options.Listeners)
        {
            if (ListenerPlan.Build(name, listener, directory, Print(document, $"listeners.{name}"), problems) is { } plan)
            {
                if (listeners.Values.FirstOrDefault(other => other.Overlaps(plan)) is { } other)
                {
                    problems.Add($"listeners.{name}.address", $"listener '{other.Name}' has this address already ({other.Address.Text}); give each its own");
                }

                listeners.Add(name, plan);
            }
        }

        // 2. Upstreams.
        var upstreams = options.Upstreams.ToDictionary(
            pair => pair.Key,
            pair => UpstreamPlan.Build(pair.Key, pair.Value, directory, Print(document, $"upstreams.{pair.Key}"), problems),
            StringComparer.Ordinal);
        foreach (var listener in listeners.Values)
        {
            Layer4Plan.Check(listener, upstreams, document, problems);
        }

        // 3. Routes: each on its own, then against each other.
        var routes = new Dictionary<string, RoutePlan>(StringComparer.Ordinal);
        var common = Print(document, "filters");
        foreach (var (name, route) in options.Routes)
        {
            if (BuildRoute(name, route, options.Filters, common, upstreams, document, problems) is { } plan)
            {
                routes.Add(name, plan);
            }
        }

        foreach (var upstream in upstreams.Values.Where(upstream => upstream.Balance.Hash.Source == HashSource.Capture))
        {
            var captures = routes.Values.Where(route => route.Upstreams.Contains(upstream.Name)).Select(route => route.Pattern.CaptureNames);
            BalancePlan.CheckCapture(upstream, [.. captures], problems);
        }

        var conflicts = new List<RouteProblem>();
        var router = Router<RoutePlan>.Compile(routes.Values.Select(route => new ParsedRoute<RoutePlan>(route.Name, route.Pattern, route)), RouterOptions.Default, conflicts);
        foreach (var conflict in conflicts)
        {
            problems.Add($"routes.{conflict.Route}.match.{conflict.Key}", conflict.Message);
        }

        return new(listeners, upstreams, routes, router);
    }

    private static RoutePlan? BuildRoute(
        string name,
        RouteOptions options,
        IReadOnlyDictionary<string, object?> common,
        string commonFingerprint,
        Dictionary<string, UpstreamPlan> upstreams,
        ConfigDocument document,
        Problems problems)
    {
        var path = $"routes.{name}";
        var fingerprint = Print(document, path) + commonFingerprint;
        var pattern = RoutePattern.TryParse(options.Match, RouterOptions.Default.RegexTimeout, (key, message) => problems.Add($"{path}.match.{key}", message));
        foreach (var (target, i) in (options.To ?? []).Select((target, i) => (target, i)))
        {
            CheckUpstream(options.To!.Count == 1 ? $"{path}.to" : $"{path}.to[{i}].upstream", target.Upstream);
        }

        foreach (var (part, composed) in options.Compose?.Parts ?? ComposeOptions.NoParts)
        {
            CheckUpstream($"{path}.compose.parts.{part}.to", composed.To);
            if (upstreams.TryGetValue(composed.To, out var asked) && asked.Protocol != UpstreamProtocol.Http1)
            {
                problems.Add($"{path}.compose.parts.{part}.to", $"parts are asked for over HTTP/1.1, and '{composed.To}' speaks HTTP/2; give them an upstream with protocol: http1");
            }
        }

        if (options.To is { Count: > 0 } targets && targets.All(target => target.Weight == 0))
        {
            problems.Add($"{path}.to", "every target has weight 0; one needs more");
        }

        if (pattern is null)
        {
            return null;
        }

        if (options.Redirect is { } redirect)
        {
            PathTemplate.Parse(redirect.To, pattern, $"{path}.redirect", problems);
        }

        options.Enqueue?.Check(pattern, path, document, problems);
        options.Backbone?.Check(path, document, problems);
        var compose = options.Compose is null ? null : ComposePlan.Build(options.Compose, pattern, path, problems);
        var filters = FilterCatalog.All
            .Where(filter => (options.Filters.TryGetValue(filter.Name, out var own) || common.TryGetValue(filter.Name, out own)) && own is not null)
            .OrderBy(filter => filter.Phase)
            .Select(filter => new FilterPlan(filter, options.Filters.TryGetValue(filter.Name, out var own) ? own! : common[filter.Name]!))
            .ToArray();
        foreach (var filter in filters)
        {
            var at = options.Filters.ContainsKey(filter.Descriptor.Name) ? $"{path}.filters.{filter.Descriptor.Name}" : $"filters.{filter.Descriptor.Name}";
            filter.Descriptor.Check(filter.Options, pattern, at, problems);
        }

        return new(name, options.Match, pattern, filters, options.To ?? [], options.Respond, options.Redirect, compose, options.Enqueue, options.Backbone, fingerprint);

        void CheckUpstream(string at, string upstream)
        {
            if (upstreams.TryGetValue(upstream, out var plan))
            {
                Layer4Plan.CheckRoute(at, plan, problems);
            }
            else if (document.Find($"upstreams.{upstream}") is null)
            {
                problems.Add(at, $"unknown upstream '{upstream}'{Nearest.Suggest(upstream, (document.Find("upstreams") as ConfigMap)?.Entries.Select(entry => entry.Key.Text) ?? [])}");
            }
        }
    }

    private static string Print(ConfigDocument document, string path) => document.Find(path)?.Fingerprint() ?? "";
}
