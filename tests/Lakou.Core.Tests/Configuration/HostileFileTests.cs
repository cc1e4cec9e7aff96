using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Lakou.Core.Configuration;

namespace Lakou.Core.Tests.Configuration;

/// <summary>Whatever the bytes: problems, never an exception, and what was read can be used.</summary>
public sealed class HostileFileTests
{
    private const string Valid =
        """
        # a configuration with everything in it
        limit: &l { permits: 5, per: "1m", key: 'a', burst: 9, store: { url: "redis://${env:X}", password: "${file:/x}" } }
        routes:
          a:
            strip-prefix: |
              /a
            rate-limit: *l
          b: { rate-limit: false, "strip-prefix": "\u00e9\n" }
          c:
            rate-limit:
              methods:
              - GET
              - POST
        """;

    private static readonly string[] Splices = ["&l ", "*l", "${env:", "}", "[", "{", "- ", ": ", "!!", "<<: *l", "\t", "\"", "'", "|\n", ">-\n", "? ", "---\n", "...\n", "%YAML 1.1\n", "# ", "\0", "\uFEFF", "\ud83d\ude00", "~", "&a *a", ",", "\r", "\u2028"];

    public static TheoryData<string> Corpus => [.. Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "Configuration", "corpus")).Select(Path.GetFileName).OfType<string>()];

    [Theory]
    [MemberData(nameof(Corpus))]
    public void A_saved_file_gives_problems(string name) =>
        Assert.True(Survive(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Configuration", "corpus", name))), "every file of the corpus has something wrong");

    [Fact]
    public void The_file_that_is_cut_and_mutated_is_valid() => Assert.False(Survive(Encoding.UTF8.GetBytes(Valid)));

    [Fact]
    public void Every_prefix_is_survived()
    {
        var bytes = Encoding.UTF8.GetBytes(Valid);
        for (var length = 0; length <= bytes.Length; length++)
        {
            Survive(bytes.AsSpan(0, length));
        }
    }

    [Fact]
    public void Random_bytes_are_survived() => Prop.ForAll<byte[]>(bytes =>
    {
        Survive(bytes);
        return true;
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Random_mutations_are_survived()
    {
        var mutation = ArbMap.Default.GeneratorFor<int>().ListOf(6).ToArbitrary();
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(2000), Prop.ForAll(mutation, choices =>
        {
            var text = new StringBuilder(Valid);
            for (var i = 0; i + 1 < choices.Count; i += 2)
            {
                var at = Math.Abs(choices[i] * 7919 % (text.Length + 1));
                var splice = Splices[Math.Abs(choices[i + 1] % Splices.Length)];
                _ = choices[i] % 3 == 0 && at < text.Length ? text.Remove(at, Math.Min(splice.Length, text.Length - at)) : text.Insert(at, splice);
            }

            Survive(Encoding.UTF8.GetBytes(text.ToString()));
            return true;
        }));
    }

    /// <returns>Whether there were problems.</returns>
    private static bool Survive(ReadOnlySpan<byte> bytes)
    {
        var problems = new Problems();
        var references = Configurations.References(new() { ["X"] = "x" }, new() { ["/x"] = "secret" });
        var document = ConfigDocument.Parse("lakou.yaml", bytes, references, problems);
        if (document.Root is { } root)
        {
            RateLimitShapes.Root.TryRead(root, problems, out _);
            _ = RateLimitShapes.Root.ToDisplay(root)?.ToJsonString();
            Assert.Equal(64, root.Fingerprint().Length);
        }

        Assert.True(document.Root is not null || problems.Any);
        Assert.All(problems.All, problem => Assert.DoesNotContain('\n', problem.ToString()));
        return problems.Any;
    }
}
