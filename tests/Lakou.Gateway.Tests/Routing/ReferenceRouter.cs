using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using Lakou.Gateway.Routing;

namespace Lakou.Gateway.Tests.Routing;

/// <summary>A request of the property tests. Headers and parameters are lists of pairs: a name may come twice.</summary>
internal sealed record SampleRequest(string Host, string Path, string Method, (string Name, string Value)[] Headers, (string Name, string Value)[] Query)
{
    public override string ToString() =>
        $"{Method} {Host}{Path}?{string.Join('&', Query.Select(q => q.Name + "=" + q.Value))} {string.Join(';', Headers.Select(h => h.Name + "=" + h.Value))}";
}

/// <summary>The documented order of <see cref="RouteTree"/>, written down naively: try every route, sort what matches, take the first.</summary>
internal static class ReferenceRouter
{
    private static readonly ConcurrentDictionary<string, Regex> Expressions = new();
    private static readonly TimeSpan Guard = TimeSpan.FromSeconds(30);

    public static List<(string Name, RouteMatch Match)> Matching(IEnumerable<(string Name, RouteMatch Match)> routes, SampleRequest request, bool anyMethod = false)
    {
        var matching = routes.Where(route => Matches(route.Match, request, anyMethod)).ToList();
        matching.Sort((left, right) => Compare(left, right, withTieBreaks: true));
        return matching;
    }

    /// <summary>Zero when only the last, arbitrary steps could decide.</summary>
    public static int CompareRank((string Name, RouteMatch Match) left, (string Name, RouteMatch Match) right) => Compare(left, right, withTieBreaks: false);

    private static int Compare((string Name, RouteMatch Match) left, (string Name, RouteMatch Match) right, bool withTieBreaks)
    {
        var (a, b) = (left.Match, right.Match);
        int[] steps =
        [
            HostRank(a).CompareTo(HostRank(b)),
            ComparePaths(PathRanks(a.Path), PathRanks(b.Path)),
            (a.Methods.Count == 0).CompareTo(b.Methods.Count == 0),
            b.Headers.Count.CompareTo(a.Headers.Count),
            b.Query.Count.CompareTo(a.Query.Count),
            b.Priority.CompareTo(a.Priority),
        ];
        int[] last =
        [
            HeadByGet(a).CompareTo(HeadByGet(b)),
            RegexLength(b).CompareTo(RegexLength(a)),
            string.CompareOrdinal(left.Name, right.Name),
        ];
        return (withTieBreaks ? steps.Concat(last) : steps).FirstOrDefault(step => step != 0);
    }

    private static int HostRank(RouteMatch match) => match.Host is null ? int.MaxValue : match.Host.StartsWith('*') ? 1000 - match.Host.Length : 0;

    private static bool HeadByGet(RouteMatch match) => match.Methods.Contains("GET") && !match.Methods.Contains("HEAD");

    private static int RegexLength(RouteMatch match) => match.Path?.StartsWith('~') == true ? match.Path.Length : 1;

    private static int ComparePaths(List<int> left, List<int> right)
    {
        for (var i = 0; i < Math.Max(left.Count, right.Count); i++)
        {
            // A path that ends is more specific than one that goes on.
            var step = (i < left.Count ? left[i] : -1).CompareTo(i < right.Count ? right[i] : -1);
            if (step != 0)
            {
                return step;
            }
        }

        return 0;
    }

    private static List<int> PathRanks(string? path)
    {
        if (path?.StartsWith('~') == true)
        {
            // The last segment of an expression is never counted as literal, because nothing says that it ends there;
            // and none before a bar, because the other alternative starts differently.
            var segments = path.Contains('|') ? [""] : path[2..].Split('/');
            return [.. segments[..^1].TakeWhile(segment => segment.All(char.IsAsciiLetter)).Select(_ => 0), 2];
        }

        return [.. (path ?? "/**")[1..].Split('/').Select(segment => segment == "**" ? 3 : segment is "*" or "{x}" ? 1 : 0)];
    }

    private static bool Matches(RouteMatch match, SampleRequest request, bool anyMethod) =>
        (match.Host is null || match.Host == request.Host || (match.Host.StartsWith('*') && request.Host.EndsWith(match.Host[1..], StringComparison.Ordinal) && request.Host.Length >= match.Host.Length))
        && Expressions.GetOrAdd(match.Path ?? "/**", path => new Regex(PathExpression(path), RegexOptions.None, Guard)).IsMatch(request.Path)
        && (anyMethod || match.Methods.Count == 0 || match.Methods.Contains(request.Method) || (request.Method == "HEAD" && match.Methods.Contains("GET")))
        && match.Headers.All(wanted => request.Headers.Any(given => given.Name == wanted.Key && (wanted.Value == "*" || wanted.Value == given.Value)))
        && match.Query.All(wanted => request.Query.Any(given => given.Name == wanted.Key && (wanted.Value == "*" || wanted.Value == given.Value)));

    private static string PathExpression(string path) => path.StartsWith('~')
        ? $@"\A(?:{path[1..]})\z"
        : @"\A" + Regex.Replace(path, @"/\*\*$|/\*|/\{x\}|[^/*{}]+|/", part => part.Value switch
        {
            "/**" => "(/.*)?",
            "/*" or "/{x}" => "/[^/]+",
            _ => Regex.Escape(part.Value),
        }, RegexOptions.None, Guard) + @"\z";
}
