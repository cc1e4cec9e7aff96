namespace Lakou.Gateway.Routing;

/// <summary>What a segment of a pattern takes, most specific first.</summary>
internal enum SegmentKind
{
    /// <summary>Exactly this text.</summary>
    Literal,

    /// <summary>One segment that is not empty.</summary>
    Single,

    /// <summary>Whatever follows, nothing included; always last.</summary>
    Tail,
}

/// <param name="Kind">What it takes.</param>
/// <param name="Text">The decoded text of a literal; the name of a capture, or empty.</param>
internal readonly record struct PathSegment(SegmentKind Kind, string Text);

/// <summary>The path of a route: segments, or literal leading segments and a regular expression for the whole path.</summary>
internal sealed class PathPattern
{
    /// <summary>Deep enough for any interface seen; it bounds the recursion of matching.</summary>
    public const int MaxSegments = 64;

    private PathPattern(string written, PathSegment[] segments, PathRegex? regex)
    {
        Written = written;
        Segments = segments;
        Regex = regex;
        Shape = string.Concat(segments.Select(segment => segment.Kind switch
        {
            SegmentKind.Literal => "/" + segment.Text,
            SegmentKind.Single => "/\u0001",
            _ => "/\u0002",
        })) + (regex is null ? "" : "\u0003" + regex.Text);
    }

    public string Written { get; }

    public IReadOnlyList<PathSegment> Segments { get; }

    public PathRegex? Regex { get; }

    /// <summary>Whether <c>**</c> or <c>{**rest}</c> ends it.</summary>
    public bool HasTail => Segments.Count > 0 && Segments[^1].Kind == SegmentKind.Tail;

    /// <summary>Equal for patterns that match the same paths at the same place of the order; capture names do not matter.</summary>
    public string Shape { get; }

    /// <param name="written">Null for every path.</param>
    /// <param name="regexTimeout">For expressions that .NET can only run by backtracking.</param>
    /// <param name="problem">Called with everything that is wrong.</param>
    public static PathPattern? TryParse(string? written, TimeSpan regexTimeout, Action<string> problem)
    {
        written ??= "/**";
        if (written.StartsWith('~'))
        {
            return PathRegex.TryParse(written[1..], regexTimeout, problem, out var leading) is { } regex ? new PathPattern(written, leading, regex) : null;
        }

        if (!written.StartsWith('/'))
        {
            problem($"a path starts with '/' (or with '~' as a regular expression): write '/{written}'");
            return null;
        }

        var texts = written[1..].Split('/');
        if (texts.Length > MaxSegments)
        {
            problem($"{texts.Length} segments are too many; at most {MaxSegments}");
            return null;
        }

        var segments = new PathSegment[texts.Length];
        var isGood = true;
        for (var i = 0; i < texts.Length; i++)
        {
            var wrong = ParseSegment(texts[i], isLast: i == texts.Length - 1, out segments[i]);
            if (wrong is null && segments[i] is { Kind: not SegmentKind.Literal, Text: { Length: > 0 } name }
                && segments.Take(i).Any(earlier => earlier.Kind != SegmentKind.Literal && earlier.Text == name))
            {
                wrong = $"'{name}' is captured twice; use different names";
            }

            if (wrong is not null)
            {
                problem(wrong);
                isGood = false;
            }
        }

        return isGood ? new PathPattern(written, segments, null) : null;
    }

    private static string? ParseSegment(string text, bool isLast, out PathSegment segment)
    {
        segment = default;
        if (text is "*")
        {
            segment = new PathSegment(SegmentKind.Single, "");
            return null;
        }

        var isTail = text is "**" || (text.StartsWith("{**", StringComparison.Ordinal) && text.EndsWith('}'));
        if (isTail && !isLast)
        {
            return $"'{text}' takes the rest of the path and must be the last segment; for one segment use '{(text is "**" ? "*" : "{" + text[3..])}'";
        }

        if (text is "**")
        {
            segment = new PathSegment(SegmentKind.Tail, "");
            return null;
        }

        if (text.AsSpan().ContainsAny("{}"))
        {
            if (!text.StartsWith('{') || !text.EndsWith('}') || text.AsSpan().Count('{') != 1 || text.AsSpan().Count('}') != 1)
            {
                return $"'{text}' mixes text and a capture; a capture is a whole segment: '{{id}}', or use a regular expression that starts with '~' (a brace itself is %7B or %7D)";
            }

            var name = text[(isTail ? 3 : 1)..^1];
            segment = new PathSegment(isTail ? SegmentKind.Tail : SegmentKind.Single, name);
            return IsName(name) ? null : $"'{text}' is not a capture; its name has letters, digits, '-' and '_' and starts with a letter: '{{id}}'";
        }

        return text.Contains('*')
            ? $"'{text}' mixes text and '*'; '*' is a whole segment, or use a regular expression that starts with '~' (a star itself is %2A)"
            : ParseLiteral(text, isLast, out segment);
    }

    private static string? ParseLiteral(string text, bool isLast, out PathSegment segment)
    {
        segment = default;
        if (text.Length == 0)
        {
            segment = new PathSegment(SegmentKind.Literal, "");
            return isLast ? null : "an empty segment matches nothing, because '//' counts as '/'; write one '/'";
        }

        if (text.Contains('?'))
        {
            return $"'{text}' has a '?', and a query is no part of the path; put parameters under query (a question mark itself is %3F)";
        }

        // The same reading as for requests, so that both decode to the same text.
        var raw = "/" + EscapeNonAscii(text);
        var fault = PathNormaliser.Normalise(raw, 0, PatternRules, out var decoded, out _);
        if (fault is not null)
        {
            return $"'{text}': {fault.Detail}";
        }

        segment = new PathSegment(SegmentKind.Literal, decoded[1..]);
        return decoded.Length > 1 ? null : $"'{text}' never reaches a route: dot segments are removed from requests first";
    }

    private static readonly TargetRules PatternRules = new() { AllowEncodedSlash = true };

    private static string EscapeNonAscii(string text)
    {
        var builder = new System.Text.StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune.IsAscii && rune.Value != ' ')
            {
                builder.Append((char)rune.Value);
            }
            else
            {
                PathCharacters.AppendEscaped(builder, rune);
            }
        }

        return builder.ToString();
    }

    private static bool IsName(string name) =>
        name.Length > 0 && char.IsAsciiLetter(name[0]) && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_');
}
