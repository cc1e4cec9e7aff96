namespace Lakou.Gateway.Routing;

/// <summary>Which requests a route takes, as written. Everything that is left out matches anything.</summary>
internal sealed record RouteMatch
{
    private static readonly IReadOnlyDictionary<string, string> None = new Dictionary<string, string>();

    /// <summary><c>api.example.org</c>, or <c>*.example.org</c> for one or more labels below it. Case, port and a trailing dot do not matter.</summary>
    public string? Host { get; init; }

    /// <summary>
    /// <c>/a</c> exact; <c>/a/*</c> and <c>/a/{id}</c> one segment; <c>/a/**</c> and <c>/a/{**rest}</c> the path and all below it;
    /// <c>~</c> starts a regular expression for the whole decoded path. Plain or percent-encoded.
    /// </summary>
    public string? Path { get; init; }

    /// <summary>Upper case, compared exactly. <c>GET</c> serves <c>HEAD</c> too.</summary>
    public IReadOnlyList<string> Methods { get; init; } = [];

    /// <summary>Name to the exact value of one of its field lines, or <c>*</c> for present.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = None;

    /// <summary>Parameter to one of its exact decoded values, or <c>*</c> for present.</summary>
    public IReadOnlyDictionary<string, string> Query { get; init; } = None;

    /// <summary>Decides between routes that are equally specific: higher first.</summary>
    public int Priority { get; init; }
}

/// <summary>What is wrong with one route's match.</summary>
/// <param name="Route">The route's name.</param>
/// <param name="Key">Within <c>match</c>: <c>path</c>, <c>headers.X-Beta</c>, <c>priority</c>, …</param>
/// <param name="Message">What is wrong; what would be right.</param>
internal sealed record RouteProblem(string Route, string Key, string Message)
{
    public override string ToString() => $"{Route}.match.{Key}: {Message}";
}
