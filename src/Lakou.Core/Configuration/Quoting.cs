using System.Globalization;
using System.Text;

namespace Lakou.Core.Configuration;

/// <summary>Shows a text from a file inside a one-line message: clipped, with everything escaped that could move the cursor or hide.</summary>
internal static class Quoting
{
    private const int Longest = 80; // keeps a problem on about one line of a terminal

    /// <summary>Controls, formats (bidirectional overrides), line and paragraph separators, lone surrogates.</summary>
    public static bool IsUnsafe(char c) => char.GetUnicodeCategory(c) is UnicodeCategory.Control or UnicodeCategory.Format
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.Surrogate;

    public static bool IsUnsafe(string text) => text.Any(IsUnsafe);

    public static string Quote(string text, char mark = '\'')
    {
        var clipped = text.Length > Longest ? text.AsSpan(0, Longest) : text;
        var quoted = new StringBuilder(clipped.Length + 2).Append(mark);
        foreach (var c in clipped)
        {
            _ = c switch
            {
                '\n' => quoted.Append("\\n"),
                '\r' => quoted.Append("\\r"),
                '\t' => quoted.Append("\\t"),
                _ when c == mark || IsUnsafe(c) => c == mark ? quoted.Append('\\').Append(c) : quoted.Append($"\\u{(int)c:x4}"),
                _ => quoted.Append(c),
            };
        }

        return (text.Length > Longest ? quoted.Append('…') : quoted).Append(mark).ToString();
    }
}
