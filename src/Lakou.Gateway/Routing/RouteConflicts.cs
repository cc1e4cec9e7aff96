namespace Lakou.Gateway.Routing;

/// <summary>
/// Routes between which nothing decides, and routes that never get a request. Both need the same host, the same shape of
/// path and the same number of conditions: where those differ, one is more specific and leaves the other something.
/// </summary>
internal static class RouteConflicts
{
    /// <param name="routes">In the order of writing.</param>
    /// <param name="problem">Called at most once a route, in the order of writing.</param>
    public static void Find(IReadOnlyList<CompiledRoute> routes, Action<RouteProblem> problem)
    {
        var problems = new List<(int Index, RouteProblem Problem)>();
        foreach (var peers in routes.GroupBy(route => Rank(route.Pattern)).Where(group => group.Skip(1).Any()))
        {
            // Higher priority first, then as written: what a route can conflict with stands before it.
            var kinds = new Dictionary<string, ConditionKind>(StringComparer.Ordinal);
            foreach (var route in peers.OrderByDescending(route => route.Pattern.Priority).ThenBy(route => route.Index))
            {
                var conditions = new RouteConditions(route);
                if (kinds.Values.Select(kind => kind.ConflictWith(conditions)).FirstOrDefault(conflict => conflict is not null) is { } conflict)
                {
                    problems.Add((route.Index, conflict));
                }

                if (!kinds.TryGetValue(conditions.Kind, out var own))
                {
                    kinds.Add(conditions.Kind, own = new ConditionKind(conditions));
                }

                own.Add(conditions);
            }
        }

        foreach (var (_, found) in problems.OrderBy(one => one.Index))
        {
            problem(found);
        }
    }

    private static (HostPattern Host, string Shape, bool IsAnyMethod, int Headers, int Query) Rank(RoutePattern pattern) =>
        (pattern.Host, pattern.Path.Shape, pattern.Methods.Length == 0, pattern.Headers.Length, pattern.Query.Length);

    /// <summary>Header and query conditions of a route as one list of keys and values.</summary>
    private sealed class RouteConditions
    {
        private readonly Dictionary<string, string> exact = new(StringComparer.Ordinal);

        public RouteConditions(CompiledRoute route)
        {
            Route = route;
            var present = new List<string>();
            foreach (var (key, value) in route.Pattern.Headers.Select(header => ("header " + header.Name.ToLowerInvariant(), header.Value))
                .Concat(route.Pattern.Query.Select(parameter => ("parameter " + parameter.Name, parameter.Value))))
            {
                AllKeys.Add(key);
                if (value is null)
                {
                    present.Add(key);
                }
                else
                {
                    exact.Add(key, value);
                }
            }

            ExactKeys = [.. exact.Keys];
            Kind = string.Join('\u0001', [.. route.Pattern.Methods, "", .. ExactKeys, "", .. present]);
        }

        public CompiledRoute Route { get; }

        /// <summary>Equal for routes that differ only in values and priority.</summary>
        public string Kind { get; }

        public HashSet<string> AllKeys { get; } = new(StringComparer.Ordinal);

        /// <summary>The keys with a value, not only present.</summary>
        public string[] ExactKeys { get; }

        public bool HasExact(string key) => exact.ContainsKey(key);

        public string ValuesOf(string[] keys) => string.Join('\u0001', keys.Select(key => $"{exact[key].Length}:{exact[key]}"));
    }

    /// <summary>
    /// Peers with the same methods and the same keys: they differ only in values and priority, so that one look into a
    /// dictionary replaces a comparison with each.
    /// </summary>
    private sealed class ConditionKind(RouteConditions first)
    {
        private readonly List<RouteConditions> members = [];
        private readonly Dictionary<string, Index> indexes = new(StringComparer.Ordinal);

        private string[] Methods => first.Route.Pattern.Methods;

        public void Add(RouteConditions member)
        {
            members.Add(member);
            foreach (var index in indexes.Values)
            {
                index.Add(member);
            }
        }

        public RouteProblem? ConflictWith(RouteConditions later)
        {
            var (route, pattern) = (later.Route, later.Route.Pattern);

            // Different values of one header or parameter keep routes apart. So do different methods as listed: HEAD
            // listed goes before HEAD by GET.
            if (Methods.Length == 0 || Methods.Any(pattern.Methods.Contains))
            {
                var common = first.ExactKeys.Where(later.HasExact).ToArray();
                if (IndexBy(common).Find(later) is { } near && near.Last.Pattern.Priority == pattern.Priority)
                {
                    var host = pattern.Host.Kind == HostKind.Any ? "" : pattern.Host + " ";
                    return new RouteProblem(route.Name, "priority",
                        $"ambiguous with route '{near.Last.Name}': both can match {host}{pattern.Path.Written}; give one a higher priority, or conditions that exclude each other");
                }
            }

            // A route is covered if the one before it asks for nothing more.
            if (Methods.Length == 0 || pattern.Methods.All(method => Methods.Contains(method) || (method == "HEAD" && Methods.Contains("GET"))))
            {
                if (first.AllKeys.SetEquals(later.AllKeys) && first.ExactKeys.All(later.HasExact)
                    && IndexBy(first.ExactKeys).Find(later) is { } near && near.First.Pattern.Priority > pattern.Priority)
                {
                    return new RouteProblem(route.Name, "path",
                        $"can never match: route '{near.First.Name}' takes every such request first, by its priority {near.First.Pattern.Priority}; change the match of one");
                }
            }

            return null;
        }

        private Index IndexBy(string[] keys)
        {
            var name = string.Join('\u0001', keys);
            if (!indexes.TryGetValue(name, out var index))
            {
                indexes.Add(name, index = new Index(keys));
                members.ForEach(index.Add);
            }

            return index;
        }
    }

    /// <summary>Of all routes with the same values for some keys, the first and the last: those of highest and lowest priority.</summary>
    private sealed class Index(string[] keys)
    {
        private readonly Dictionary<string, (CompiledRoute First, CompiledRoute Last)> byValues = new(StringComparer.Ordinal);

        public void Add(RouteConditions conditions)
        {
            var values = conditions.ValuesOf(keys);
            byValues[values] = byValues.TryGetValue(values, out var known) ? (known.First, conditions.Route) : (conditions.Route, conditions.Route);
        }

        public (CompiledRoute First, CompiledRoute Last)? Find(RouteConditions conditions) =>
            byValues.TryGetValue(conditions.ValuesOf(keys), out var found) ? found : null;
    }
}
