namespace Lakou.Gateway.Tests.Routing;

public sealed class RoutePatternTests
{
    [Theory]
    [InlineData("a", "write '/a'")]
    [InlineData("", "write '/'")]
    [InlineData("/a-{id}.json", "'a-{id}.json' mixes text and a capture; a capture is a whole segment: '{id}'")]
    [InlineData("/{a}{b}", "mixes text and a capture")]
    [InlineData("/{a", "mixes text and a capture")]
    [InlineData("/{}", "'{}' is not a capture")]
    [InlineData("/{**}", "'{**}' is not a capture")]
    [InlineData("/{1a}", "'{1a}' is not a capture")]
    [InlineData("/{a b}", "'{a b}' is not a capture")]
    [InlineData("/{a}/{a}", "'a' is captured twice")]
    [InlineData("/{a}/{**a}", "'a' is captured twice")]
    [InlineData("/a*", "'a*' mixes text and '*'")]
    [InlineData("/***", "'***' mixes text and '*'")]
    [InlineData("/**/a", "must be the last segment; for one segment use '*'")]
    [InlineData("/{**rest}/a", "must be the last segment; for one segment use '{rest}'")]
    [InlineData("/a//b", "write one '/'")]
    [InlineData("/a/./b", "dot segments are removed")]
    [InlineData("/a/%2e%2e/b", "dot segments are removed")]
    [InlineData("/a?b", "put parameters under query")]
    [InlineData("/a#b", "'#' at offset 2 is not allowed")]
    [InlineData("/a\\b", "'\\' at offset 2 is not allowed")]
    [InlineData("/%zz", "'%zz'")]
    [InlineData("/%c0%af", "not UTF-8")]
    [InlineData("/a\u0000", "U+0000")]
    [InlineData("~/a(", "is not a regular expression of .NET")]
    [InlineData("~a)|(b", "is not a regular expression of .NET")]
    public void A_bad_path_is_a_problem_that_says_what_would_be_right(string path, string message)
    {
        var problem = Assert.Single(new RouterWorld().Route("r", path).Problems);

        Assert.Equal("r", problem.Route);
        Assert.Equal("path", problem.Key);
        Assert.Contains(message, problem.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("*", "leave host out")]
    [InlineData("", "names no host")]
    [InlineData(".", "names no host")]
    [InlineData("a.example:80", "write 'a.example'")]
    [InlineData("a.*.example", "stands only in front")]
    [InlineData("*a.example", "stands only in front")]
    [InlineData("a..example", "empty label")]
    [InlineData("é.example", "xn--")]
    [InlineData("a b", "not a host name")]
    [InlineData("http://a", "has a port")]
    public void A_bad_host_is_a_problem_that_says_what_would_be_right(string host, string message)
    {
        var problem = Assert.Single(new RouterWorld().Route("r", "/a", host).Problems);

        Assert.Equal("host", problem.Key);
        Assert.Contains(message, problem.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("get", null, null, "methods", "write 'GET' instead of 'get'")]
    [InlineData("G@T", null, null, "methods", "'G@T' is not a method")]
    [InlineData("GET GET", null, null, "methods", "listed twice")]
    [InlineData(null, "X A=1", null, "headers.X A", "not a header name")]
    [InlineData(null, "host=1", null, "headers.host", "matched by host")]
    [InlineData(null, "X-A=1;x-a=2", null, "headers.x-a", "the same header")]
    [InlineData(null, null, "=1", "query", "needs a name")]
    public void Other_mistakes_are_problems_too(string? methods, string? headers, string? query, string key, string message)
    {
        var problem = Assert.Single(new RouterWorld().Route("r", "/a", methods: methods, headers: headers, query: query).Problems);

        Assert.Equal(key, problem.Key);
        Assert.Contains(message, problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void All_problems_of_all_routes_are_found_at_once()
    {
        var world = new RouterWorld()
            .Route("a", "/{x}y/**/z", "a:1", "get")
            .Route("b", "/b")
            .Route("c", "/b")
            .Route("d", "~(");

        Assert.Equal(["a host", "a path", "a path", "a methods", "d path", "c priority"], world.Problems.Select(problem => $"{problem.Route} {problem.Key}"));
    }

    [Fact]
    public void A_path_has_a_bounded_number_of_segments()
    {
        Assert.Empty(new RouterWorld().Route("r", string.Concat(Enumerable.Repeat("/a", 64))).Problems);
        Assert.Contains("at most 64", Assert.Single(new RouterWorld().Route("r", string.Concat(Enumerable.Repeat("/a", 65))).Problems).Message, StringComparison.Ordinal);
    }
}
