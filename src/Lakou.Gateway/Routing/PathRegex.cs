using System.Text.RegularExpressions;

namespace Lakou.Gateway.Routing;

/// <summary>
/// A regular expression for a whole decoded path. It runs in time linear in the path where .NET can do that
/// (no look-around, no back-references); otherwise with a timeout.
/// </summary>
internal sealed class PathRegex
{
    private readonly Regex regex;

    private PathRegex(string text, Regex regex, bool backtracks)
    {
        Text = text;
        this.regex = regex;
        Backtracks = backtracks;
        CaptureNames = [.. regex.GetGroupNames().Where(name => !char.IsAsciiDigit(name[0]))];
    }

    public string Text { get; }

    /// <summary>Whether a match can time out.</summary>
    public bool Backtracks { get; }

    /// <summary>Named groups; numbered ones capture nothing.</summary>
    public IReadOnlyList<string> CaptureNames { get; }

    /// <param name="text">Without the leading <c>~</c>.</param>
    /// <param name="timeout">Of one match that backtracks.</param>
    /// <param name="problem">Called with what is wrong.</param>
    /// <param name="leading">Literal segments that every matching path starts with; where the expression hangs in the tree.</param>
    public static PathRegex? TryParse(string text, TimeSpan timeout, Action<string> problem, out PathSegment[] leading)
    {
        leading = [];
        try
        {
            // Alone first: `a)|(b` must not become valid by being wrapped.
            _ = new Regex(text, RegexOptions.CultureInvariant, timeout);
            var whole = $@"\A(?:{text})\z";
            leading = [.. LeadingSegments(text).Take(PathPattern.MaxSegments - 1)];
            try
            {
                // Without a timeout, which is one of the wall clock: a thread that waits for a core would find no match.
                return new PathRegex(text, new Regex(whole, RegexOptions.CultureInvariant | RegexOptions.NonBacktracking), backtracks: false);
            }
            catch (NotSupportedException)
            {
                return new PathRegex(text, new Regex(whole, RegexOptions.CultureInvariant, timeout), backtracks: true);
            }
        }
        catch (ArgumentException e)
        {
            problem($"'~{text}' is not a regular expression of .NET: {e.Message}");
            return null;
        }
    }

    /// <summary>Throws <see cref="RegexMatchTimeoutException"/> only if <see cref="Backtracks"/>.</summary>
    public bool IsMatch(ReadOnlySpan<char> path) => regex.IsMatch(path);

    /// <summary>With captures; it needs a string, so it runs only for expressions that name a group.</summary>
    public Match Match(string path) => regex.Match(path);

    /// <summary>
    /// Segments of plain text before the first operator, each ended by a slash that is not itself optional. Anything
    /// doubtful ends them early: that costs speed and specificity, never a match.
    /// </summary>
    private static IEnumerable<PathSegment> LeadingSegments(string text)
    {
        // An alternative or an inline option may change the meaning of what stands before it.
        if (HasOptions(text) || HasTopLevelAlternative(text))
        {
            yield break;
        }

        var at = text.StartsWith('^') ? 1 : 0;
        if (at >= text.Length || text[at] != '/' || IsQuantifier(text, at + 1))
        {
            yield break;
        }

        var segment = new System.Text.StringBuilder();
        for (at++; at < text.Length; at++)
        {
            var c = text[at];
            if (c == '\\' && at + 1 < text.Length && !char.IsAsciiLetterOrDigit(text[at + 1]) && text[at + 1] != '_')
            {
                c = text[++at];
            }
            else if (!char.IsAsciiLetterOrDigit(c) && c is not ('/' or '-' or '_' or '~' or '%' or '@' or ',' or ';' or '!'))
            {
                yield break;
            }

            if (IsQuantifier(text, at + 1))
            {
                yield break;
            }

            if (c != '/')
            {
                segment.Append(c);
                continue;
            }

            yield return new PathSegment(SegmentKind.Literal, segment.ToString());
            segment.Clear();
        }
    }

    private static bool IsQuantifier(string text, int at) => at < text.Length && text[at] is ('?' or '*' or '+' or '{');

    /// <summary>Inline options and comments, and classes that subtract classes, which the scan below does not read.</summary>
    private static bool HasOptions(string text)
    {
        if (text.Contains("-[", StringComparison.Ordinal))
        {
            return true;
        }

        for (var at = text.IndexOf("(?", StringComparison.Ordinal); at >= 0; at = text.IndexOf("(?", at + 2, StringComparison.Ordinal))
        {
            if (at + 2 < text.Length && text[at + 2] is not (':' or '<' or '=' or '!' or '>'))
            {
                return true;
            }
        }

        return false;
    }

    private static bool HasTopLevelAlternative(string text)
    {
        var depth = 0;
        for (var i = 0; i < text.Length; i++)
        {
            switch (text[i])
            {
                case '\\':
                    i++;
                    break;
                case '[':
                    i = EndOfClass(text, i);
                    break;
                case '(':
                    depth++;
                    break;
                case ')':
                    depth--;
                    break;
                case '|' when depth == 0:
                    return true;
            }
        }

        return false;
    }

    /// <summary>Where the character class of a valid expression ends.</summary>
    private static int EndOfClass(string text, int at)
    {
        // The first bracket is a member: []a] and [^]a].
        at += text[at + 1] == '^' ? 2 : 1;
        for (var first = at; text[at] != ']' || at == first; at++)
        {
            if (text[at] == '\\')
            {
                at++;
            }
        }

        return at;
    }
}
