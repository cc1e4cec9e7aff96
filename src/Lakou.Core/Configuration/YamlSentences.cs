using YamlDotNet.Core;

namespace Lakou.Core.Configuration;

/// <summary>The parser's messages in the words of someone who has to repair a file.</summary>
internal static class YamlSentences
{
    private const string Tab = "a tab indents this line; indent with spaces";

    private static readonly (string Part, string Sentence)[] Known =
    [
        ("found invalid tab as indentation", Tab),
        ("found a tab character that violate indentation", Tab),
        ("did not find expected ',' or", "a ',' or the closing bracket is expected here; inside brackets, quote texts that hold { } [ ] , such as '${env:NAME}'"),
        ("While scanning a quoted scalar, found unexpected end of stream", "this quote is not closed"),
        ("found invalid mapping", "': ' inside a plain text, or a line indented wrongly; quote the text if it holds ': '"),
        ("character that cannot start any token", "a value cannot begin with this character; quote it"),
        ("While parsing a block mapping, did not find expected key", "this line does not line up with the keys above it"),
        ("did not find expected '-' indicator", "this line does not line up with the list above it"),
        ("unknown escape character", "an unknown escape in double quotes; single quotes take a backslash as it is"),
        ("did not find expected node content", "a value is missing here"),
    ];

    public static Problem Problem(string file, string text, YamlException e)
    {
        var (line, column) = ((int)e.Start.Line, (int)e.Start.Column);
        var sentence = Sentence(e.Message);
        if (sentence == Tab)
        {
            (line, column) = IndentingTab(text, line);
        }

        return new Problem(file, line, column, "", $"not valid YAML: {sentence}");
    }

    /// <summary>The parser names the start of what the tab is in.</summary>
    private static (int Line, int Column) IndentingTab(string text, int from)
    {
        var line = 0;
        foreach (var content in text.AsSpan().EnumerateLines())
        {
            var indent = content[..^content.TrimStart().Length];
            if (++line >= from && indent.Length < content.Length && indent.IndexOf('\t') is var tab and >= 0)
            {
                return (line, tab + 1);
            }
        }

        return (from, 1);
    }

    private static string Sentence(string message)
    {
        foreach (var (part, sentence) in Known)
        {
            if (message.Contains(part, StringComparison.Ordinal))
            {
                return sentence;
            }
        }

        return $"{char.ToLowerInvariant(message[0])}{message.AsSpan(1).TrimEnd('.')}";
    }
}
