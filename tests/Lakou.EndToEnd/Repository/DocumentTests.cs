using System.Text.RegularExpressions;
using Lakou.Control;
using Lakou.Core.Configuration;

namespace Lakou.EndToEnd.Repository;

public sealed partial class DocumentTests
{
    public static TheoryData<string> Documents => [.. Checkout.Files(".md").Select(Checkout.Relative)];

    [Theory]
    [MemberData(nameof(Documents))]
    public void Every_configuration_in_a_document_is_whole_and_right(string document)
    {
        foreach (Match block in YamlBlock().Matches(Read(document)))
        {
            var loaded = ConfigurationLoader.LoadText(document, block.Groups["text"].Value, Checkout.Root, ReferenceSource.None);
            Assert.True(loaded.Problems.Count == 0, $"{string.Join('\n', loaded.Problems)}\nin\n{block.Groups["text"].Value}");
        }
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void Every_link_of_a_document_leads_somewhere(string document)
    {
        var folder = Path.GetDirectoryName(Path.Combine(Checkout.Root, document))!;
        foreach (Match link in Link().Matches(Read(document)))
        {
            var target = link.Groups["target"].Value;
            if (target.Contains("://", StringComparison.Ordinal))
            {
                continue;
            }

            var (path, anchor) = target.Split('#') is [var file, var part] ? (file, part) : (target, "");
            var full = path.Length == 0 ? Path.Combine(Checkout.Root, document) : Path.GetFullPath(path, folder);
            Assert.True(File.Exists(full) || Directory.Exists(full), $"{document} links to {target}, which does not exist.");
            if (anchor.Length > 0)
            {
                var headings = File.ReadLines(full).Where(line => line.StartsWith('#')).Select(line => Anchor(line.TrimStart('#').Trim()));
                Assert.True(headings.Contains(anchor, StringComparer.Ordinal), $"{document} links to {target}, but there is no such heading.");
            }
        }
    }

    [Fact]
    public void The_readme_shows_the_demo_and_the_check_first()
    {
        var readme = Read("README.md");
        Assert.InRange(readme.IndexOf("./lakou demo", StringComparison.Ordinal), 0, readme.IndexOf("./check", StringComparison.Ordinal));
        Assert.InRange(readme.IndexOf("./check", StringComparison.Ordinal), 0, readme.IndexOf("./lakou proxy", StringComparison.Ordinal));
    }

    [Fact]
    public void Nothing_is_left_undone_in_the_code()
    {
        foreach (var file in Checkout.Files(".cs").Where(file => !file.EndsWith("DocumentTests.cs", StringComparison.Ordinal)))
        {
            Assert.DoesNotMatch(@"\b(TODO|FIXME|HACK|NotImplementedException)\b", File.ReadAllText(file));
        }
    }

    private static string Read(string document) => File.ReadAllText(Path.Combine(Checkout.Root, document));

    private static string Anchor(string heading) => NotInAnchors().Replace(heading.ToLowerInvariant().Replace(' ', '-'), "");

    [GeneratedRegex(@"^```yaml\r?\n(?<text>.*?)^```", RegexOptions.Singleline | RegexOptions.Multiline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex YamlBlock();

    [GeneratedRegex(@"\]\((?<target>[^)\s]+)\)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Link();

    [GeneratedRegex("[^a-z0-9_-]", RegexOptions.None, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex NotInAnchors();
}
