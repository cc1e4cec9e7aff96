using Lakou.Core.Configuration;
using static Lakou.Core.Tests.Configuration.Configurations;

namespace Lakou.Core.Tests.Configuration;

public sealed class ReferenceTests
{
    private static readonly string Here = Path.GetFullPath(".");

    [Theory]
    [InlineData("${env:HOST}", "api.example.org")]
    [InlineData("https://${env:HOST}:${env:PORT}/", "https://api.example.org:443/")]
    [InlineData("$${env:HOST}", "${env:HOST}")]
    [InlineData("$$${env:HOST}", "$${env:HOST}")]
    [InlineData("a$b{c}", "a$b{c}")]
    [InlineData("${env:EMPTY}", "")]
    [InlineData("${env:TRICKY}", "${env:HOST}")]
    [InlineData("${file:secret}", "s3cret")]
    [InlineData("${file:/run/two}!", "one\n!")]
    public void References_expand_once(string written, string expanded)
    {
        var source = References(
            new() { ["HOST"] = "api.example.org", ["PORT"] = "443", ["EMPTY"] = "", ["TRICKY"] = "${env:HOST}" },
            new() { [Path.Combine(Here, "secret")] = "s3cret\r\n", ["/run/two"] = "one\n\n" });
        var (document, problems) = Parse($"a: '{written}'", source);

        var scalar = Assert.IsType<ConfigScalar>(document.Find("a"));
        Assert.False(problems.Any);
        Assert.Equal((expanded, written), (scalar.Text, scalar.Written));
    }

    [Theory]
    [InlineData("${env:NOPE}", "environment variable 'NOPE' is not set")]
    [InlineData("${file:nope.txt}", "file 'nope.txt': no such file")]
    [InlineData("${env:A}${env:B}", "environment variable 'A' is not set; environment variable 'B' is not set")]
    [InlineData("${vault:x}", "unknown reference '${vault:x}'; ${env:NAME} and ${file:PATH} exist, '$${' stands for the characters themselves")]
    [InlineData("${env:}", "'${env:}' names nothing")]
    [InlineData("a ${env:X", "'${' without a closing '}'; write '$${' for the characters themselves")]
    public void What_cannot_be_expanded_is_one_problem_at_its_place(string written, string problem)
    {
        // Read as a number too: what is missing must not be called misspelt as well.
        Assert.Equal([$"lakou.yaml:1:4 a: {problem}"], ProblemsOf(Shapes.Map(Shapes.Integer()), $"a: '{written}'"));
    }

    [Fact]
    public void Messages_never_hold_what_a_reference_stands_for()
    {
        var source = References(new() { ["X"] = "hunter2", ["N"] = "4711" });

        Assert.Equal("x: expected a duration such as 5s or 250ms, not '${env:X}'", Refusal(Shapes.Duration(), "${env:X}", source));
        Assert.Equal("x: '${env:N}' is not allowed; 1 to 100", Refusal(Shapes.Integer(1, 100), "${env:N}", source));
        Assert.Equal("x: '${env:N}' is not allowed; an even number", Refusal(Shapes.Integer().Where(n => n % 2 == 0, "an even number"), "${env:N}", source));
    }

    [Fact]
    public void Named_files_are_listed_once_found_or_not()
    {
        var (document, _) = Parse("a: ${file:x} ${file:/y}\nb: ${file:x}\n", References(files: new() { ["/y"] = "" }));

        Assert.Equal([Path.Combine(Here, "x"), "/y"], document.Files);
    }

    [Fact]
    public void Expansion_is_bounded()
    {
        var source = References(files: new() { ["/big"] = new string('x', 1024 * 1024) });

        Assert.Equal(
            "lakou.yaml:1:4 a: all references together are longer than 16777216 characters",
            Assert.Single(ProblemsOf($"a: {string.Concat(Enumerable.Repeat("${file:/big}", 10_000))}\n", source)));
    }

    [Fact]
    public void A_file_larger_than_1MiB_is_refused()
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(file, new byte[ReferenceSource.LargestFile + 1]);
            Assert.Equal(new Referenced(null, "larger than 1MiB"), ReferenceSource.System.File(file));
            File.WriteAllBytes(file, [0xC0, 0x80]);
            Assert.Equal(new Referenced(null, "not UTF-8 text"), ReferenceSource.System.File(file));
        }
        finally
        {
            File.Delete(file);
        }
    }
}
