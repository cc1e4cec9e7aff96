using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Routing;

/// <summary>
/// One request on its way down the tree, most specific branch first, back up where a branch does not match.
/// A node is visited at most once, so a request visits at most <see cref="RouteNode.WorstVisits"/> nodes a host,
/// which <see cref="RouteTree.MaxVisits"/> bounds when routes are checked.
/// </summary>
internal ref struct RouteSearch
{
    private readonly ReadOnlyMemory<char> path;
    private readonly ReadOnlySpan<char> text;
    private readonly string method;
    private readonly IHeaderDictionary headers;
    private readonly ReadOnlySpan<char> query;
    private readonly Action<string> onRegexTimeout;

    // Where each segment ends; found when first needed.
    private readonly Span<int> segmentEnds;
    private int knownSegments;

    /// <param name="path">Decoded, starting with a slash.</param>
    /// <param name="method">Compared exactly.</param>
    /// <param name="headers">Of the request.</param>
    /// <param name="query">With or without <c>?</c>.</param>
    /// <param name="segmentEnds">Room for <see cref="PathPattern.MaxSegments"/> numbers.</param>
    /// <param name="onRegexTimeout">Called with the route's name.</param>
    public RouteSearch(
        ReadOnlyMemory<char> path, string method, IHeaderDictionary headers, ReadOnlySpan<char> query, Span<int> segmentEnds, Action<string> onRegexTimeout)
    {
        this.path = path;
        text = path.Span;
        this.method = method;
        this.headers = headers;
        this.query = query;
        this.segmentEnds = segmentEnds;
        this.onRegexTimeout = onRegexTimeout;
    }

    /// <summary>The match of an expression that names groups.</summary>
    public Match? RegexMatch { get; private set; }

    /// <summary>A route had the right path but another method; whether all else fits is not known yet.</summary>
    public bool MissedByMethod { get; private set; }

    /// <summary>An expression ran out of time. The others that backtrack are then not tried: one request pays one timeout.</summary>
    public bool TimedOut { get; private set; }

    public int Visits { get; private set; }

    /// <summary>Set for a second pass: collects the methods of routes that would match but for the method.</summary>
    public SortedSet<string>? Allowed { get; set; }

    /// <param name="node">Of the tree of one host.</param>
    /// <param name="depth">How many segments led to it.</param>
    public CompiledRoute? Find(RouteNode node, int depth = 0)
    {
        Visits++;
        var start = depth == 0 ? 1 : segmentEnds[depth - 1] + 1;
        if (start > text.Length)
        {
            if (FirstThatFits(node.Ends) is { } exact)
            {
                return exact;
            }
        }
        else if (depth < segmentEnds.Length)
        {
            var segment = text[start..SegmentEnd(depth, start)];
            if (node.Literal(segment) is { } literal && Find(literal, depth + 1) is { } byLiteral)
            {
                return byLiteral;
            }

            if (node.Single is { } single && !segment.IsEmpty && Find(single, depth + 1) is { } bySingle)
            {
                return bySingle;
            }
        }

        return FirstThatFits(node.Regexes) ?? FirstThatFits(node.Tails);
    }

    private int SegmentEnd(int depth, int start)
    {
        if (depth == knownSegments)
        {
            var length = text[start..].IndexOf('/');
            segmentEnds[knownSegments++] = length < 0 ? text.Length : start + length;
        }

        return segmentEnds[depth];
    }

    private CompiledRoute? FirstThatFits(CompiledRoute[] routes)
    {
        foreach (var route in routes)
        {
            var pattern = route.Pattern;
            var allows = pattern.AllowsMethod(method);
            MissedByMethod |= !allows;
            if ((allows || Allowed is not null) && pattern.FirstUnmet(headers) is null && pattern.FirstUnmet(query) is null
                && (pattern.Regex is not { } regex || IsMatch(regex, route.Name)))
            {
                if (allows)
                {
                    return route;
                }

                Allow(pattern);
            }
        }

        return null;
    }

    private bool IsMatch(PathRegex regex, string route)
    {
        if (regex.Backtracks && TimedOut)
        {
            return false;
        }

        try
        {
            if (regex.CaptureNames.Count == 0)
            {
                return regex.IsMatch(text);
            }

            var match = regex.Match(path.ToString());
            RegexMatch = match;
            return match.Success;
        }
        catch (RegexMatchTimeoutException)
        {
            TimedOut = true;
            onRegexTimeout(route);
            return false;
        }
    }

    private readonly void Allow(RoutePattern pattern)
    {
        Allowed!.UnionWith(pattern.Methods);
        if (pattern.ServesHeadByGet)
        {
            Allowed.Add("HEAD");
        }
    }
}
