namespace Lakou.Gateway.Routing;

/// <summary>
/// All routes, by host and then by path. Of the routes that match a request the most specific wins, compared in this order
/// until two differ:
/// <list type="number">
/// <item>host: exact, then the longer wildcard, then any;</item>
/// <item>path, segment by segment from the left: literal, then <c>*</c> or a capture, then a regular expression (it counts
/// as literal segments as far as its text is plain, and as an expression from there), then <c>**</c>. A path that ends is
/// more specific than one that goes on with an expression or <c>**</c>;</item>
/// <item>method: listed, then any;</item>
/// <item>number of headers, more first; then number of query parameters, more first;</item>
/// <item>priority, higher first;</item>
/// <item>what no <see cref="RouteConflicts"/> objects to: HEAD listed before HEAD by GET, the longer expression, the name.</item>
/// </list>
/// </summary>
internal sealed class RouteTree
{
    /// <summary>
    /// Of nodes a request may visit for one host. Real tables need about twice their depth; only captures and literals
    /// alternating at every depth reach a thousand, and such a table is a mistake.
    /// </summary>
    public const int MaxVisits = 1024;

    private readonly Dictionary<string, RouteNode> exact = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, RouteNode> wildcards = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, RouteNode>.AlternateLookup<ReadOnlySpan<char>> exactLookup;
    private readonly Dictionary<string, RouteNode>.AlternateLookup<ReadOnlySpan<char>> wildcardLookup;
    private readonly RouteNode any = new();

    public RouteTree(IEnumerable<CompiledRoute> routes, Action<RouteProblem> problem)
    {
        exactLookup = exact.GetAlternateLookup<ReadOnlySpan<char>>();
        wildcardLookup = wildcards.GetAlternateLookup<ReadOnlySpan<char>>();
        var firstOfHost = new Dictionary<RouteNode, CompiledRoute>();
        foreach (var route in routes)
        {
            var root = RootFor(route.Pattern.Host);
            root.Add(route);
            firstOfHost.TryAdd(root, route);
        }

        foreach (var (root, first) in firstOfHost)
        {
            root.Complete();
            if (root.WorstVisits > MaxVisits)
            {
                problem(new RouteProblem(first.Name, "path",
                    $"the routes of host {first.Pattern.Host} mix literal segments and captures at so many depths that one request may have to try {root.WorstVisits} ways; at most {MaxVisits}: use '**', or fewer captures beside literals"));
            }
        }
    }

    /// <param name="host">As in the Host header.</param>
    /// <param name="search">Of the request; tells more when nothing is found.</param>
    public CompiledRoute? Find(ReadOnlySpan<char> host, ref RouteSearch search)
    {
        var name = HostPattern.NameIn(host);
        if (exactLookup.TryGetValue(name, out var root) && search.Find(root) is { } byName)
        {
            return byName;
        }

        // From the longest suffix to the shortest; a name has at most 127 labels.
        if (wildcards.Count > 0)
        {
            for (var dot = name.IndexOf('.'); dot >= 0; dot = name.IndexOf('.'))
            {
                var label = dot;
                name = name[(dot + 1)..];
                if (label > 0 && wildcardLookup.TryGetValue(name, out root) && search.Find(root) is { } bySuffix)
                {
                    return bySuffix;
                }
            }
        }

        return search.Find(any);
    }

    private RouteNode RootFor(HostPattern host)
    {
        if (host.Kind == HostKind.Any)
        {
            return any;
        }

        var roots = host.Kind == HostKind.Exact ? exact : wildcards;
        if (!roots.TryGetValue(host.Name, out var root))
        {
            roots.Add(host.Name, root = new RouteNode());
        }

        return root;
    }
}
