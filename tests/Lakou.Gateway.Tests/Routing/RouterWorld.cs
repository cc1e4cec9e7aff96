using Lakou.Gateway.Routing;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Tests.Routing;

/// <summary>A router over a few named routes, and requests written in one line.</summary>
internal sealed class RouterWorld
{
    private readonly List<RouteEntry<string>> entries = [];
    private Router<string>? router;

    public RouterOptions Options { get; init; } = RouterOptions.Default;

    public RouterWorld Route(string name, string? path = null, string? host = null, string? methods = null, string? headers = null, string? query = null, int priority = 0)
    {
        entries.Add(new RouteEntry<string>(name, Match(path, host, methods, headers, query, priority), name));
        router = null;
        return this;
    }

    public Router<string> Router
    {
        get
        {
            if (router is null)
            {
                router = Router<string>.Compile(entries, Options, out var problems);
                Assert.Empty(problems);
            }

            return router;
        }
    }

    public Router<string> RouterInSpiteOfProblems => Router<string>.Compile(entries, Options, out _);

    public IReadOnlyList<RouteProblem> Problems
    {
        get
        {
            _ = Router<string>.Compile(entries, Options, out var problems);
            return problems;
        }
    }

    public RouteResult<string> Match(string path, string host = "", string method = "GET", string? headers = null, string query = "") =>
        Router.Match(host, path.AsMemory(), method, Headers(headers), query);

    /// <summary>The route's name, or null.</summary>
    public string? Winner(string path, string host = "", string method = "GET", string? headers = null, string query = "") =>
        Match(path, host, method, headers, query).Name;

    /// <summary><c>X-A=1;X-B=*</c>.</summary>
    public static Dictionary<string, string> Pairs(string? text) =>
        text is null ? [] : text.Split(';').Select(pair => pair.Split('=')).ToDictionary(pair => pair[0], pair => pair[1]);

    public static RouteMatch Match(string? path, string? host, string? methods, string? headers, string? query, int priority) => new()
    {
        Path = path,
        Host = host,
        Methods = methods?.Split(' ') ?? [],
        Headers = Pairs(headers),
        Query = Pairs(query),
        Priority = priority,
    };

    /// <summary><c>X-A=1;X-A=2</c>: a name may come twice.</summary>
    public static HeaderDictionary Headers(string? text)
    {
        var headers = new HeaderDictionary();
        foreach (var pair in text?.Split(';') ?? [])
        {
            var parts = pair.Split('=');
            if (!headers.TryAdd(parts[0], parts[1]))
            {
                headers.Append(parts[0], parts[1]);
            }
        }

        return headers;
    }
}
