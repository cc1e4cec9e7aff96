using static Lakou.Core.Tests.Configuration.Configurations;

namespace Lakou.Core.Tests.Configuration;

public sealed class FingerprintTests
{
    [Theory]
    [InlineData("{ a: 1, b: 2 }", "{ b: 2, a: 1 }")]
    [InlineData("[a, 'b']", "\n  - \"a\"\n  - b\n")]
    [InlineData("${env:X}", "x")]
    [InlineData("~", "")]
    public void Same_content_has_the_same_fingerprint(string one, string other) => Assert.Equal(Of(one), Of(other));

    [Theory]
    [InlineData("[a, b]", "[b, a]")]
    [InlineData("[a, b]", "[ab]")]
    [InlineData("[[a], b]", "[[a, b]]")]
    [InlineData("{ a: b }", "[a, b]")]
    [InlineData("''", "~")]
    [InlineData("'null'", "null")]
    [InlineData("${env:X}", "${env:Y}")]
    [InlineData("{}", "[]")]
    public void Different_content_has_different_fingerprints(string one, string other) => Assert.NotEqual(Of(one), Of(other));

    [Fact]
    public void A_fingerprint_is_stable() =>
        Assert.Equal("18336c44fa913fc0d563fd0d349f2c43291a2e92337626fb3bf1cf8d7a1026f8", Of("{ a: [1, 'x'], b: }"));

    private static string Of(string value)
    {
        var (document, problems) = Parse($"x: {value}", References(new() { ["X"] = "x", ["Y"] = "y" }));
        Assert.False(problems.Any);
        return document.Find("x")!.Fingerprint();
    }
}
