using System.Text;
using System.Text.RegularExpressions;

namespace Lakou.Gateway.Tests.Golden;

/// <summary>The sections of one case file, in order.</summary>
internal sealed partial class GoldenCase
{
    private const string Mark = "=== ";

    private readonly List<(string Name, string Text)> _sections = [];

    public string this[string name] => _sections.Single(section => section.Name == name).Text;

    public static async Task<GoldenCase> ReadAsync(string path)
    {
        var file = new GoldenCase();
        var text = await File.ReadAllTextAsync(path);
        foreach (var part in text.Split(Mark)[1..])
        {
            var end = part.IndexOf('\n', StringComparison.Ordinal);
            file._sections.Add((part[..end], part[(end + 1)..]));
        }

        return file;
    }

    /// <summary>Text of a section as bytes on the wire.</summary>
    public static string Decode(string text) => text.Replace("\\\n", "", StringComparison.Ordinal).Replace("\n", "\r\n", StringComparison.Ordinal).Replace("\\n", "\n", StringComparison.Ordinal);

    private static string Encode(string bytes)
    {
        var lines = bytes.Split("\r\n").Select(line => line.Replace("\n", "\\n", StringComparison.Ordinal)).ToArray();
        return string.Join('\n', lines) + (lines[^1].Length > 0 ? "\\\n" : "");
    }

    public bool Has(string name) => _sections.Exists(section => section.Name == name);

    /// <summary>Fails when the section says otherwise, or takes what was received when told to update.</summary>
    public void Expect(string name, string received, string endpoint)
    {
        var normal = Date().Replace(Trace().Replace(received, "traceparent: {trace}"), "Date: {date}")
            .Replace(endpoint["http://".Length..], "{authority}", StringComparison.Ordinal);
        if (Environment.GetEnvironmentVariable("UPDATE_GOLDEN") == "1")
        {
            var i = _sections.FindIndex(section => section.Name == name);
            _sections[i] = (name, Encode(normal));
        }
        else
        {
            Assert.Equal(Decode(this[name]), normal);
        }
    }

    public Task WriteAsync(string path)
        => File.WriteAllTextAsync(path, string.Concat(_sections.Select(section => $"{Mark}{section.Name}\n{section.Text}")), new UTF8Encoding(false));

    [GeneratedRegex("traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Trace();

    [GeneratedRegex("Date: [^\r]*GMT", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Date();
}
