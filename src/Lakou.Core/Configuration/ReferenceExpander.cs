using System.Text;

namespace Lakou.Core.Configuration;

/// <summary>Expands the references in the strings of one document and remembers which files they named.</summary>
internal sealed class ReferenceExpander(string directory, ReferenceSource source)
{
    /// <summary>All expansions of one document together, in characters: 4 MiB of text can name a file of 1 MiB 300,000 times.</summary>
    private const int Largest = 16 * 1024 * 1024;

    private readonly Dictionary<string, Referenced> files = new(StringComparer.Ordinal);
    private readonly List<string> paths = [];
    private long expanded;

    /// <summary>Absolute, each once, in the order of mention; those that could not be read too, since they may appear later.</summary>
    public IReadOnlyList<string> Files => paths;

    public readonly record struct Expansion(string Text, bool HasReference, string? Broken);

    public Expansion Expand(string written)
    {
        if (!written.Contains("${", StringComparison.Ordinal))
        {
            return new(written, false, null);
        }

        var text = new StringBuilder();
        var broken = new List<string>();
        var hasReference = false;
        for (var at = 0; at < written.Length;)
        {
            var start = written.IndexOf("${", at, StringComparison.Ordinal);
            if (start < 0)
            {
                text.Append(written, at, written.Length - at);
                break;
            }

            if (start > at && written[start - 1] == '$')
            {
                text.Append(written, at, start - 1 - at).Append("${");
                at = start + 2;
                continue;
            }

            text.Append(written, at, start - at);
            var end = written.IndexOf('}', start);
            if (end < 0)
            {
                broken.Add("'${' without a closing '}'; write '$${' for the characters themselves");
                break;
            }

            hasReference = true;
            var (value, why) = Resolve(written[(start + 2)..end]);
            (why is null ? null : broken)?.Add(why!);
            text.Append(value);
            at = end + 1;
        }

        return new(text.ToString(), hasReference, broken.Count > 0 ? string.Join("; ", broken.Distinct(StringComparer.Ordinal)) : null);
    }

    private Referenced Resolve(string reference)
    {
        var (scheme, name) = reference.IndexOf(':', StringComparison.Ordinal) is var colon and >= 0 ? (reference[..colon], reference[(colon + 1)..]) : (reference, "");
        var found = (scheme, name) switch
        {
            ("env" or "file", "") => new(null, $"'${{{scheme}:}}' names nothing"),
            ("env", _) => source.Environment(name) is { } value ? new(value) : new(null, $"environment variable {Quoting.Quote(name)} is not set"),
            ("file", _) => ReadFile(name),
            _ => new Referenced(null, $"unknown reference {Quoting.Quote($"${{{reference}}}")}; ${{env:NAME}} and ${{file:PATH}} exist, '$${{' stands for the characters themselves"),
        };
        expanded += found.Text?.Length ?? 0;
        return expanded <= Largest ? found : new(null, $"all references together are longer than {Largest} characters");
    }

    private Referenced ReadFile(string name)
    {
        var path = Path.GetFullPath(Path.Combine(directory, name));
        if (!files.TryGetValue(path, out var file))
        {
            paths.Add(path);
            file = source.File(path);
            // One newline is how editors and `echo` end a file; more are content.
            file = file.Text is { } text ? new(text.EndsWith("\r\n", StringComparison.Ordinal) ? text[..^2] : text.EndsWith('\n') ? text[..^1] : text) : file;
            files[path] = file;
        }

        return file.Text is not null ? file : new(null, $"file {Quoting.Quote(name)}: {file.Why}");
    }
}
