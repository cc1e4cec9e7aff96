using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Routing;

internal sealed record RouterOptions
{
    public static readonly RouterOptions Default = new();

    /// <summary>Of one match of an expression that backtracks. 100 ms: a request that costs more than that is an attack or a mistake.</summary>
    public TimeSpan RegexTimeout { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Called with the route's name when its expression ran out of time and so counted as no match.</summary>
    public Action<string> RegexTimedOut { get; init; } = static _ => { };
}

/// <summary>One route to compile.</summary>
internal sealed record RouteEntry<TRoute>(string Name, RouteMatch Match, TRoute Route);

/// <summary>One route to compile whose match was parsed before.</summary>
internal sealed record ParsedRoute<TRoute>(string Name, RoutePattern Pattern, TRoute Route);

/// <summary>
/// Finds the route of a request. Immutable and safe for all threads; the cost does not grow with the number of routes,
/// only with how many of them share one host and path and differ in the rest. <see cref="RouteTree"/> states the order.
/// </summary>
internal sealed class Router<TRoute>
{
    private readonly TRoute[] routes;
    private readonly CompiledRoute[] compiled;
    private readonly RouteTree tree;
    private readonly Action<string> onRegexTimeout;

    private Router(TRoute[] routes, CompiledRoute[] compiled, RouteTree tree, Action<string> onRegexTimeout)
    {
        this.routes = routes;
        this.compiled = compiled;
        this.tree = tree;
        this.onRegexTimeout = onRegexTimeout;
    }

    /// <summary>Always gives a router; it is meant to serve only if there are no problems.</summary>
    /// <param name="routes">With distinct names, in the order of writing.</param>
    /// <param name="options">Limits and callbacks.</param>
    /// <param name="problems">Everything that is wrong with any route, in the order of writing.</param>
    public static Router<TRoute> Compile(IEnumerable<RouteEntry<TRoute>> routes, RouterOptions options, out IReadOnlyList<RouteProblem> problems)
    {
        var found = new List<RouteProblem>();
        var parsed = new List<ParsedRoute<TRoute>>();
        foreach (var (name, match, route) in routes)
        {
            if (RoutePattern.TryParse(match, options.RegexTimeout, (key, message) => found.Add(new RouteProblem(name, key, message))) is { } pattern)
            {
                parsed.Add(new(name, pattern, route));
            }
        }

        problems = found;
        return Compile(parsed, options, found);
    }

    /// <inheritdoc cref="Compile(IEnumerable{RouteEntry{TRoute}}, RouterOptions, out IReadOnlyList{RouteProblem})"/>
    public static Router<TRoute> Compile(IEnumerable<ParsedRoute<TRoute>> routes, RouterOptions options, List<RouteProblem> problems)
    {
        ParsedRoute<TRoute>[] all = [.. routes];
        CompiledRoute[] good = [.. all.Select((route, i) => new CompiledRoute(route.Name, route.Pattern, i))];
        var root = new RouteTree(good, problems.Add);
        RouteConflicts.Find(good, problems.Add);
        return new([.. all.Select(route => route.Route)], good, root, options.RegexTimedOut);
    }

    /// <summary>The same decisions with something else for each route.</summary>
    public Router<TOther> Select<TOther>(Func<TRoute, TOther> other) => new([.. routes.Select(other)], compiled, tree, onRegexTimeout);

    /// <param name="host">As in the Host header or the target's authority; its port does not matter.</param>
    /// <param name="path">Decoded: <see cref="RequestTarget.Path"/>. Captures are slices of it.</param>
    /// <param name="method">Compared exactly.</param>
    /// <param name="headers">Of the request.</param>
    /// <param name="query">Raw, with or without its <c>?</c>.</param>
    public RouteResult<TRoute> Match(ReadOnlySpan<char> host, ReadOnlyMemory<char> path, string method, IHeaderDictionary headers, ReadOnlySpan<char> query)
    {
        if (!path.Span.StartsWith('/'))
        {
            return RouteResult<TRoute>.NotFound;
        }

        Span<int> segmentEnds = stackalloc int[PathPattern.MaxSegments];
        var search = new RouteSearch(path, method, headers, query, segmentEnds, onRegexTimeout);
        if (tree.Find(host, ref search) is { } route)
        {
            return RouteResult<TRoute>.Matched(route.Name, routes[route.Index], new RouteCaptures(route.Pattern, path, search.RegexMatch));
        }

        if (!search.MissedByMethod)
        {
            return RouteResult<TRoute>.NotFound;
        }

        search.Allowed = new SortedSet<string>(StringComparer.Ordinal);
        _ = tree.Find(host, ref search);
        return search.Allowed is { Count: > 0 } allowed ? RouteResult<TRoute>.MethodNotAllowed([.. allowed]) : RouteResult<TRoute>.NotFound;
    }

    /// <summary>Says which route takes a request and why, and why the closest others do not. Looks at every route: for people, not for traffic.</summary>
    /// <param name="host">As for <see cref="Match"/>, likewise the next four.</param>
    /// <param name="path">Decoded.</param>
    /// <param name="method">Compared exactly.</param>
    /// <param name="headers">Of the request.</param>
    /// <param name="query">Raw.</param>
    /// <param name="most">How many other routes to name.</param>
    public RouteExplanation Explain(string host, string path, string method, IHeaderDictionary headers, string query, int most = 5)
    {
        var result = Match(host, path.AsMemory(), method, headers, query);
        return RouteExplainer.Explain(compiled, result.Name, result.Outcome, new ExplainedRequest(host, path, method, headers, query), most);
    }
}
