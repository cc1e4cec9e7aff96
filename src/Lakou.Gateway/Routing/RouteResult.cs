namespace Lakou.Gateway.Routing;

internal enum RouteOutcome
{
    NotFound,
    MethodNotAllowed,
    Matched,
}

/// <summary>What the router says of one request.</summary>
internal readonly struct RouteResult<TRoute>
{
    private RouteResult(RouteOutcome outcome, string? name, TRoute? route, RouteCaptures captures, IReadOnlyList<string> allow)
    {
        Outcome = outcome;
        Name = name;
        Route = route;
        Captures = captures;
        Allow = allow;
    }

    public RouteOutcome Outcome { get; }

    /// <summary>The route's name when matched.</summary>
    public string? Name { get; }

    /// <summary>The route when matched.</summary>
    public TRoute? Route { get; }

    public RouteCaptures Captures { get; }

    /// <summary>
    /// When the method is not allowed: sorted, the methods of all routes that match in everything else; HEAD with GET.
    /// </summary>
    public IReadOnlyList<string> Allow { get; }

    public static RouteResult<TRoute> NotFound { get; } = new(RouteOutcome.NotFound, null, default, default, []);

    public static RouteResult<TRoute> MethodNotAllowed(IReadOnlyList<string> allow) => new(RouteOutcome.MethodNotAllowed, null, default, default, allow);

    public static RouteResult<TRoute> Matched(string name, TRoute route, RouteCaptures captures) => new(RouteOutcome.Matched, name, route, captures, []);
}
