using System.Text.RegularExpressions;

namespace Lakou.Gateway.Routing;

/// <summary>
/// What the captures of a route took from a path: slices of the decoded path, found when asked for, so that a route whose
/// captures nobody reads pays nothing. Valid as long as the path's memory is.
/// </summary>
internal readonly struct RouteCaptures
{
    private readonly RoutePattern? pattern;
    private readonly ReadOnlyMemory<char> path;
    private readonly Match? regexMatch;

    public RouteCaptures(RoutePattern pattern, ReadOnlyMemory<char> path, Match? regexMatch)
    {
        this.pattern = pattern;
        this.path = path;
        this.regexMatch = regexMatch;
    }

    /// <summary>In the order of the path.</summary>
    public IReadOnlyList<string> Names => pattern?.CaptureNames ?? [];

    /// <summary>
    /// The decoded value. Of <c>{**rest}</c> it has no leading slash and is empty for <c>/a</c> and <c>/a/</c>. An encoded
    /// slash, where a listener allows one, is <see cref="RequestTarget.EncodedSlash"/>; <see cref="Text"/> has it as a slash.
    /// </summary>
    public bool TryGet(string name, out ReadOnlyMemory<char> value)
    {
        value = default;
        if (pattern is null)
        {
            return false;
        }

        if (pattern.Path.Regex is not null)
        {
            if (regexMatch?.Groups[name] is { Success: true } group && pattern.CaptureNames.Contains(name, StringComparer.Ordinal))
            {
                value = path.Slice(group.Index, group.Length);
                return true;
            }

            return false;
        }

        var start = 1;
        foreach (var segment in pattern.Path.Segments)
        {
            var isWanted = segment.Kind != SegmentKind.Literal && segment.Text == name && name.Length > 0;
            var rest = start > path.Length ? default : path[start..];
            if (segment.Kind == SegmentKind.Tail)
            {
                value = isWanted ? rest : default;
                return isWanted;
            }

            var length = rest.Span.IndexOf('/');
            length = length < 0 ? rest.Length : length;
            if (isWanted)
            {
                value = rest[..length];
                return true;
            }

            start += length + 1;
        }

        return false;
    }

    /// <summary>The decoded value as text, or null if there is no such capture.</summary>
    public string? Text(string name) => TryGet(name, out var value) ? value.ToString().Replace(RequestTarget.EncodedSlash, '/') : null;
}
