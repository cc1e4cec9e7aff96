using System.Text;
using Lakou.Core.Configuration;

namespace Lakou.Gateway.Routing;

/// <summary>
/// Text with names in braces, filled from a request: a route's captures, and <c>{host}</c>, <c>{path}</c>, <c>{query}</c>.
/// What comes from a path goes back into one: captures are encoded again, segment by segment. Behind a <c>?</c> everything becomes
/// part of one value, but for <c>{query}</c>, which goes on with more of them.
/// </summary>
internal sealed class PathTemplate
{
    private static readonly string[] BuiltIn = ["host", "path", "query"];

    private readonly List<(string Literal, string? Name)> _parts = [];

    private PathTemplate(string text) => Text = text;

    public string Text { get; }

    public bool HasQuery => Text.Contains('?', StringComparison.Ordinal) || _parts.Exists(part => part.Name == "query");

    /// <summary>Reports what is wrong at <paramref name="at"/>; the template is usable anyway.</summary>
    public static PathTemplate Parse(string text, RoutePattern pattern, string at, Problems problems)
    {
        var template = new PathTemplate(text);
        var rest = text.AsSpan();
        while (rest.Length > 0)
        {
            var open = rest.IndexOf('{');
            if (open < 0)
            {
                template._parts.Add((rest.ToString(), null));
                break;
            }

            var close = rest[open..].IndexOf('}');
            if (close < 0)
            {
                problems.Add(at, "a '{' has no '}'");
                break;
            }

            var name = rest.Slice(open + 1, close - 1).TrimStart('*').ToString();
            if (!BuiltIn.Contains(name, StringComparer.Ordinal) && !pattern.CaptureNames.Contains(name, StringComparer.Ordinal))
            {
                problems.Add(at, $"the route's path captures no '{{{name}}}'{Nearest.Suggest(name, [.. pattern.CaptureNames, .. BuiltIn])}");
            }

            template._parts.Add((rest[..open].ToString(), name));
            rest = rest[(open + close + 1)..];
        }

        return template;
    }

    public string Fill(in RouteCaptures captures, string host, ReadOnlyMemory<char> encodedPath, ReadOnlyMemory<char> query)
    {
        var text = new StringBuilder(64);
        var isInQuery = false;
        foreach (var (literal, name) in _parts)
        {
            text.Append(literal);
            isInQuery |= literal.Contains('?', StringComparison.Ordinal);
            switch (name)
            {
                case null:
                    break;
                case "query":
                    text.Append(isInQuery && query.Length > 1 ? "&" : "").Append(query.Span[(isInQuery && query.Length > 0 ? 1 : 0)..]);
                    isInQuery |= query.Length > 0;
                    break;
                default:
                    var (decoded, encoded) = Value(name, captures, host, encodedPath);
                    text.Append(isInQuery ? Uri.EscapeDataString(decoded.Replace(RequestTarget.EncodedSlash, '/')) : encoded);
                    break;
            }
        }

        return text.ToString();
    }

    /// <summary>As a value of its own, and as it stands in an address.</summary>
    private static (string Value, string InAddress) Value(string name, in RouteCaptures captures, string host, ReadOnlyMemory<char> encodedPath)
    {
        switch (name)
        {
            case "host":
                return (host, host);
            case "path":
                var path = encodedPath.ToString();
                return (path, path);
            default:
                return captures.TryGet(name, out var value) ? (value.ToString(), PathCharacters.Escape(value.Span)) : ("", "");
        }
    }
}
