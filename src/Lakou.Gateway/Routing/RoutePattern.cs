using System.Buffers;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Routing;

/// <summary>A checked <see cref="RouteMatch"/>, ready to be compared with requests.</summary>
internal sealed class RoutePattern
{
    // RFC 9110 §5.6.2, token.
    private static readonly SearchValues<char> TokenCharacters = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~");

    private RoutePattern(HostPattern host, PathPattern path, RouteMatch match)
    {
        Host = host;
        Path = path;
        Regex = path.Regex;
        // Interned: one string for all routes stays in the processor's cache, and comparing ends at the reference.
        Methods = [.. match.Methods.Order(StringComparer.Ordinal).Select(string.Intern)];
        ServesHeadByGet = Methods.Contains("GET", StringComparer.Ordinal) && !Methods.Contains("HEAD", StringComparer.Ordinal);
        Headers = [.. match.Headers.Select(pair => new HeaderCondition(pair.Key, pair.Value == "*" ? null : pair.Value)).OrderBy(c => c.Name, StringComparer.OrdinalIgnoreCase)];
        Query = [.. match.Query.Select(pair => new QueryCondition(pair.Key, pair.Value == "*" ? null : pair.Value)).OrderBy(c => c.Name, StringComparer.Ordinal)];
        Priority = match.Priority;
        CaptureNames = path.Regex?.CaptureNames
            ?? [.. path.Segments.Where(segment => segment.Kind != SegmentKind.Literal && segment.Text.Length > 0).Select(segment => segment.Text)];
    }

    public HostPattern Host { get; }

    public PathPattern Path { get; }

    /// <summary>The path's; here because every match asks for it.</summary>
    public PathRegex? Regex { get; }

    /// <summary>As listed, sorted; empty for any. <see cref="AllowsMethod"/> says what they take.</summary>
    public string[] Methods { get; }

    /// <summary>Sorted by name.</summary>
    public HeaderCondition[] Headers { get; }

    /// <summary>Sorted by name.</summary>
    public QueryCondition[] Query { get; }

    public int Priority { get; }

    /// <summary>In the order of the path.</summary>
    public IReadOnlyList<string> CaptureNames { get; }

    /// <summary>GET is listed and HEAD is not.</summary>
    public bool ServesHeadByGet { get; }

    /// <param name="match">As written.</param>
    /// <param name="regexTimeout">Of one match of an expression that backtracks.</param>
    /// <param name="problem">Called for everything that is wrong: key within <c>match</c>, then what is wrong and what would be right.</param>
    /// <returns>Null if something is wrong.</returns>
    public static RoutePattern? TryParse(RouteMatch match, TimeSpan regexTimeout, Action<string, string> problem)
    {
        var isGood = true;
        void Wrong(string key, string message)
        {
            isGood = false;
            problem(key, message);
        }

        var host = HostPattern.TryParse(match.Host, message => Wrong("host", message));
        var path = PathPattern.TryParse(match.Path, regexTimeout, message => Wrong("path", message));

        foreach (var method in match.Methods)
        {
            if (!IsToken(method))
            {
                Wrong("methods", $"'{method}' is not a method; 'GET' is one");
            }
            else if (method.Any(char.IsAsciiLetterLower))
            {
                Wrong("methods", $"methods are compared exactly; write '{method.ToUpperInvariant()}' instead of '{method}'");
            }
        }

        if (match.Methods.GroupBy(method => method, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1) is { } twice)
        {
            Wrong("methods", $"'{twice.Key}' is listed twice; once is enough");
        }

        foreach (var name in match.Headers.Keys)
        {
            if (!IsToken(name))
            {
                Wrong("headers." + name, $"'{name}' is not a header name; letters, digits and '-' make one");
            }
            else if (string.Equals(name, "Host", StringComparison.OrdinalIgnoreCase))
            {
                Wrong("headers." + name, "the host is matched by host, next to headers");
            }
        }

        if (match.Headers.Keys.GroupBy(name => name, StringComparer.OrdinalIgnoreCase).FirstOrDefault(group => group.Count() > 1) is { } same)
        {
            Wrong("headers." + same.Last(), $"'{same.First()}' and '{same.Last()}' are the same header; keep one");
        }

        if (match.Query.ContainsKey(""))
        {
            Wrong("query", "a parameter needs a name");
        }

        return isGood ? new RoutePattern(host!, path!, match) : null;
    }

    public bool AllowsMethod(string method)
    {
        if (Methods.Length == 0 || (ServesHeadByGet && method == "HEAD"))
        {
            return true;
        }

        for (var i = 0; i < Methods.Length; i++)
        {
            if (Methods[i] == method)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The first header that a request lacks, or null.</summary>
    public HeaderCondition? FirstUnmet(IHeaderDictionary headers)
    {
        for (var i = 0; i < Headers.Length; i++)
        {
            if (!Headers[i].IsMet(headers))
            {
                return Headers[i];
            }
        }

        return null;
    }

    /// <summary>The first parameter that a query lacks, or null.</summary>
    public QueryCondition? FirstUnmet(ReadOnlySpan<char> query)
    {
        for (var i = 0; i < Query.Length; i++)
        {
            if (!Query[i].IsMet(query))
            {
                return Query[i];
            }
        }

        return null;
    }

    private static bool IsToken(string text) => text.Length > 0 && !text.AsSpan().ContainsAnyExcept(TokenCharacters);
}
