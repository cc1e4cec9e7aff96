namespace Lakou.Gateway.Tests.Routing;

public sealed class RouteCapturesTests
{
    [Theory]
    [InlineData("/a/{id}", "/a/17", "id", "17")]
    [InlineData("/{a}/x/{b}", "/1/x/2", "a", "1")]
    [InlineData("/{a}/x/{b}", "/1/x/2", "b", "2")]
    [InlineData("/{a}/*/{b}", "/1/x/2", "b", "2")]
    [InlineData("/a/{id}", "/a/x y%", "id", "x y%")]
    [InlineData("/a/{id}", "/a/x\u001Fy", "id", "x/y")]
    [InlineData("/a/{**rest}", "/a", "rest", "")]
    [InlineData("/a/{**rest}", "/a/", "rest", "")]
    [InlineData("/a/{**rest}", "/a/b/c/", "rest", "b/c/")]
    [InlineData("/{**rest}", "/", "rest", "")]
    [InlineData("/{a}/{**rest}", "/1", "a", "1")]
    [InlineData("/{a}/{**rest}", "/1/2/3", "rest", "2/3")]
    [InlineData("~/a/(?<id>[0-9]+)(/.*)?", "/a/17/x", "id", "17")]
    [InlineData("~/a/(?<id>[0-9]+)(?=/)/.*", "/a/17/x", "id", "17")]
    [InlineData("~/a/([0-9]+)", "/a/17", "1", null)]
    [InlineData("~/a(/(?<id>[0-9]+))?", "/a", "id", null)]
    [InlineData("/a/{id}", "/a/17", "other", null)]
    [InlineData("/a/*", "/a/17", "", null)]
    [InlineData("/a/**", "/a/17", "", null)]
    public void A_capture_is_the_decoded_text_of_its_place(string pattern, string path, string name, string? value) =>
        Assert.Equal(value, new RouterWorld().Route("r", pattern).Match(path).Captures.Text(name));

    [Fact]
    public void Captures_are_named_in_the_order_of_the_path() =>
        Assert.Equal(["b", "a", "rest"], new RouterWorld().Route("r", "/{b}/{a}/{**rest}").Match("/1/2/3").Captures.Names);

    [Fact]
    public void Without_a_match_there_are_no_captures()
    {
        var result = new RouterWorld().Route("r", "/a/{id}").Match("/b");

        Assert.Empty(result.Captures.Names);
        Assert.False(result.Captures.TryGet("id", out _));
    }
}
