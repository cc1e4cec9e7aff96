using System.Text.RegularExpressions;

namespace Lakou.Gateway.Routing;

/// <summary>Puts into words what <see cref="RouteSearch"/> decides. Values of headers and parameters stay out: they may be secrets.</summary>
internal static class RouteExplainer
{
    private enum Closeness
    {
        Matches,
        Query,
        Header,
        Method,
        Path,
        Host,
    }

    public static RouteExplanation Explain(IEnumerable<CompiledRoute> routes, string? winner, RouteOutcome outcome, ExplainedRequest request, int most)
    {
        var reason = outcome switch
        {
            RouteOutcome.NotFound => "no route matches",
            RouteOutcome.MethodNotAllowed => $"routes match, but none with method {request.Method}",
            _ => "",
        };
        var misses = new List<(Closeness Closeness, int Segments, RouteMiss Miss)>();
        foreach (var route in routes)
        {
            if (route.Name == winner)
            {
                reason = WhyItMatches(route.Pattern, request);
                continue;
            }

            var (closeness, segments, why) = FirstMiss(route.Pattern, request);
            why ??= winner is null ? "its expression ran out of time" : $"matches too, but route '{winner}' is more specific or has a higher priority";
            misses.Add((closeness, segments, new RouteMiss(route.Name, why)));
        }

        return new RouteExplanation(outcome, winner, reason, [.. misses
            .OrderBy(miss => miss.Closeness)
            .ThenByDescending(miss => miss.Segments)
            .ThenBy(miss => miss.Miss.Route, StringComparer.Ordinal)
            .Take(most)
            .Select(miss => miss.Miss)]);
    }

    private static (Closeness Closeness, int Segments, string? Why) FirstMiss(RoutePattern pattern, ExplainedRequest request)
    {
        var matchesPath = MatchesPath(pattern.Path, request.Path, out var segments, out var why);
        if (!pattern.Host.Matches(HostPattern.NameIn(request.Host)))
        {
            // Of routes with another host, those with the right path are closest.
            return (Closeness.Host, matchesPath ? int.MaxValue : segments, $"host is not {pattern.Host}");
        }

        return !matchesPath ? (Closeness.Path, segments, why)
            : !pattern.AllowsMethod(request.Method) ? (Closeness.Method, segments, $"method {request.Method} is not one of {string.Join(", ", pattern.Methods)}")
            : pattern.FirstUnmet(request.Headers) is { } header ? (Closeness.Header, segments,
                request.Headers.ContainsKey(header.Name) ? $"header {header.Name} has another value" : $"header {header.Name} is missing")
            : pattern.FirstUnmet(request.Query) is { } parameter ? (Closeness.Query, segments,
                new QueryCondition(parameter.Name, null).IsMet(request.Query) ? $"query parameter {parameter.Name} has another value" : $"query parameter {parameter.Name} is missing")
            : (Closeness.Matches, segments, null);
    }

    /// <summary>Against one pattern alone, without the tree.</summary>
    private static bool MatchesPath(PathPattern pattern, string path, out int segments, out string why)
    {
        segments = 0;
        why = $"path is not {pattern.Written}";
        if (!path.StartsWith('/'))
        {
            return false;
        }

        var texts = path[1..].Split('/');
        foreach (var segment in pattern.Segments)
        {
            if (segment.Kind == SegmentKind.Tail)
            {
                return true;
            }

            if (segments == texts.Length)
            {
                why = $"path ends before segment {segments + 1} of {pattern.Written}";
                return false;
            }

            if (segment.Kind == SegmentKind.Literal ? texts[segments] != segment.Text : texts[segments].Length == 0)
            {
                why = $"path differs from {pattern.Written} at segment {segments + 1}";
                return false;
            }

            segments++;
        }

        if (pattern.Regex is { } regex)
        {
            return MatchesRegex(regex, path, ref why);
        }

        why = $"path goes on after {pattern.Written}";
        return segments == texts.Length;
    }

    private static bool MatchesRegex(PathRegex regex, string path, ref string why)
    {
        try
        {
            why = $"path does not match the expression {regex.Text}";
            return regex.IsMatch(path);
        }
        catch (RegexMatchTimeoutException)
        {
            why = $"the expression {regex.Text} ran out of time, which counts as no match";
            return false;
        }
    }

    private static string WhyItMatches(RoutePattern pattern, ExplainedRequest request)
    {
        var path = pattern.Path;
        var literals = path.Segments.Count(segment => segment.Kind == SegmentKind.Literal);
        var singles = path.Segments.Count(segment => segment.Kind == SegmentKind.Single);
        List<string> parts = [];
        if (literals > 0)
        {
            parts.Add($"{literals} literal");
        }

        if (singles > 0)
        {
            parts.Add($"{singles} of any text");
        }

        if (path.Regex is not null)
        {
            parts.Add("an expression");
        }
        else if (path.HasTail)
        {
            parts.Add("then anything");
        }

        List<string> reasons =
        [
            pattern.Host.Kind switch { HostKind.Exact => $"host {pattern.Host} exact", HostKind.Wildcard => $"host {pattern.Host} by wildcard", _ => "any host" },
            $"path {path.Written} ({string.Join(", ", parts)})",
            pattern.Methods.Length == 0 ? "any method" : pattern.ServesHeadByGet && request.Method == "HEAD" ? "method HEAD served by GET" : $"method {request.Method} listed",
            .. pattern.Headers.Select(header => header.Value is null ? $"header {header.Name} present" : $"header {header.Name} equal"),
            .. pattern.Query.Select(parameter => parameter.Value is null ? $"query parameter {parameter.Name} present" : $"query parameter {parameter.Name} equal"),
        ];
        if (pattern.Priority != 0)
        {
            reasons.Add($"priority {pattern.Priority}");
        }

        return string.Join(", ", reasons);
    }
}
