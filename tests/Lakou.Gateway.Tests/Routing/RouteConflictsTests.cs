namespace Lakou.Gateway.Tests.Routing;

public sealed class RouteConflictsTests
{
    [Theory]
    [InlineData("/a", "/a")]
    [InlineData("/a/{x}", "/a/*")]
    [InlineData("/a/{x}", "/a/{y}")]
    [InlineData("/a/**", "/a/{**rest}")]
    [InlineData("/é", "/%c3%a9")]
    [InlineData("~/a+", "~/a+")]
    [InlineData(null, "/**")]
    public void Routes_of_one_shape_are_ambiguous(string? first, string second)
    {
        var problem = Assert.Single(new RouterWorld().Route("a", first, "h.example").Route("b", second, "H.example.").Problems);

        Assert.Equal("b", problem.Route);
        Assert.Equal("priority", problem.Key);
        Assert.StartsWith("ambiguous with route 'a': both can match h.example /".TrimEnd('/'), problem.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET", "POST", null, null, null, null)]
    [InlineData("GET", "HEAD", null, null, null, null)]
    [InlineData("GET", null, null, null, null, null)]
    [InlineData(null, null, "X-A=1", "X-A=2", null, null)]
    [InlineData(null, null, "X-A=1;X-B=1", "x-a=2;X-C=1", null, null)]
    [InlineData(null, null, "X-A=1", null, null, null)]
    [InlineData(null, null, "X-A=1", null, null, "q=1")]
    [InlineData(null, null, null, null, "q=1", "q=2")]
    public void Routes_that_exclude_each_other_or_differ_in_rank_are_not_ambiguous(string? methods1, string? methods2, string? headers1, string? headers2, string? query1, string? query2) =>
        Assert.Empty(new RouterWorld().Route("a", "/a", null, methods1, headers1, query1).Route("b", "/a", null, methods2, headers2, query2).Problems);

    [Theory]
    [InlineData("GET PUT", "PUT POST", null, null, null, null)]
    [InlineData(null, null, "X-A=1", "X-A=*", null, null)]
    [InlineData(null, null, "X-A=1", "x-a=1", null, null)]
    [InlineData(null, null, "X-A=1", "X-B=1", null, null)]
    [InlineData(null, null, "X-A=1;X-B=1", "X-A=1;X-C=1", null, null)]
    [InlineData(null, null, null, null, "q=1", "r=1")]
    [InlineData(null, null, null, null, "q=1", "q=*")]
    public void Routes_that_can_both_match_with_the_same_rank_are_ambiguous_until_priority_decides(string? methods1, string? methods2, string? headers1, string? headers2, string? query1, string? query2)
    {
        var tied = new RouterWorld().Route("a", "/a", null, methods1, headers1, query1).Route("b", "/a", null, methods2, headers2, query2);
        Assert.Contains("ambiguous with route 'a'", Assert.Single(tied.Problems).Message, StringComparison.Ordinal);

        var decided = new RouterWorld().Route("a", "/a", null, methods1, headers1, query1).Route("b", "/a", null, methods2, headers2, query2, priority: 1);
        Assert.DoesNotContain(decided.Problems, problem => problem.Key == "priority");
    }

    [Theory]
    [InlineData("/a", "/b")]
    [InlineData("/a", "/a/")]
    [InlineData("/a", "/a/**")]
    [InlineData("/{x}", "/a")]
    [InlineData("~/a+", "~/[a]+")]
    public void Different_shapes_never_conflict(string first, string second) =>
        Assert.Empty(new RouterWorld().Route("a", first).Route("b", second).Problems);

    [Fact]
    public void Different_hosts_never_conflict() =>
        Assert.Empty(new RouterWorld().Route("a", "/a", "example.org").Route("b", "/a", "*.example.org").Route("c", "/a").Route("d", "/a", "*.org").Problems);

    [Theory]
    [InlineData("/a", null, null, null, null)]
    [InlineData("/a/**", "GET POST", "POST", null, null)]
    [InlineData("/a", "GET", "HEAD", null, null)]
    [InlineData("/{x}", null, null, "X-A=*", "X-A=1")]
    [InlineData("/{x}", null, null, "X-A=1", "X-A=1")]
    [InlineData("~/a+", null, null, null, null)]
    public void A_route_behind_one_of_higher_priority_that_asks_for_nothing_more_can_never_match(string path, string? methods1, string? methods2, string? headers1, string? headers2)
    {
        var problem = Assert.Single(new RouterWorld().Route("behind", path, null, methods2, headers2).Route("before", path, null, methods1, headers1, priority: 1).Problems);

        Assert.Equal("behind", problem.Route);
        Assert.StartsWith("can never match: route 'before' takes every such request first", problem.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET", "GET POST", null, null)]
    [InlineData(null, null, "X-A=1", "X-A=*")]
    [InlineData(null, null, "X-A=1", "X-B=1")]
    [InlineData(null, null, "X-A=1", "X-A=2")]
    public void A_route_that_is_left_something_is_reachable(string? methods1, string? methods2, string? headers1, string? headers2) =>
        Assert.Empty(new RouterWorld().Route("before", "/a", null, methods1, headers1, priority: 1).Route("behind", "/a", null, methods2, headers2).Problems);

    [Fact]
    public void Captures_and_literals_at_every_depth_are_refused_before_they_cost_a_request_too_much()
    {
        // Both ways at each of 10 depths: 2^11 - 1 nodes.
        var world = new RouterWorld();
        for (var i = 0; i < 1024; i++)
        {
            world.Route($"r{i}", string.Concat(Enumerable.Range(0, 10).Select(bit => (i >> bit & 1) == 0 ? "/a" : "/*")));
        }

        var problem = Assert.Single(world.Problems);
        Assert.Contains("2047 ways; at most 1024", problem.Message, StringComparison.Ordinal);
    }
}
