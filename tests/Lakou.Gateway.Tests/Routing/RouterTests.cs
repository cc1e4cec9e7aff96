using Lakou.Gateway.Routing;

namespace Lakou.Gateway.Tests.Routing;

public sealed class RouterTests
{
    [Theory]
    [InlineData("/a", "/a", true)]
    [InlineData("/a", "/a/", false)]
    [InlineData("/a", "/A", false)]
    [InlineData("/a/", "/a/", true)]
    [InlineData("/a/", "/a", false)]
    [InlineData("/", "/", true)]
    [InlineData("/", "/a", false)]
    [InlineData("/a/*", "/a/b", true)]
    [InlineData("/a/*", "/a", false)]
    [InlineData("/a/*", "/a/", false)]
    [InlineData("/a/*", "/a/b/", false)]
    [InlineData("/a/*", "/a/b/c", false)]
    [InlineData("/a/*/c", "/a/b/c", true)]
    [InlineData("/a/**", "/a", true)]
    [InlineData("/a/**", "/a/", true)]
    [InlineData("/a/**", "/a/b/c", true)]
    [InlineData("/a/**", "/ab", false)]
    [InlineData("/**", "/", true)]
    [InlineData("/**", "/a/b", true)]
    [InlineData(null, "/a/b", true)]
    [InlineData("/a/{id}", "/a/b", true)]
    [InlineData("/a/{id}", "/a/", false)]
    [InlineData("/{a}/{b}", "/x/y", true)]
    [InlineData("/a/{**rest}", "/a", true)]
    [InlineData("/a/{**rest}", "/a/b/c", true)]
    [InlineData("~/a/[0-9]+", "/a/17", true)]
    [InlineData("~/a/[0-9]+", "/a/17/x", false)]
    [InlineData("~/a/[0-9]+", "/x/a/17", false)]
    [InlineData("~^/a$", "/a", true)]
    [InlineData("~/a|/b", "/b", true)]
    [InlineData("~/a|/b", "/bc", false)]
    [InlineData("~/a/?", "/a", true)]
    [InlineData("~/a/?b", "/ab", true)]
    [InlineData("~(?i)/a/b", "/A/B", true)]
    [InlineData("~/a/(?!b).*", "/a/c", true)]
    [InlineData("~/a/(?!b).*", "/a/b", false)]
    [InlineData("/caf%C3%A9", "/café", true)]
    [InlineData("/café", "/café", true)]
    [InlineData("/a b", "/a b", true)]
    [InlineData("/a%20b", "/a b", true)]
    [InlineData("/100%25", "/100%", true)]
    [InlineData("/%7Bid%7D", "/{id}", true)]
    [InlineData("/%7Bid%7D", "/x", false)]
    [InlineData("/%2A", "/*", true)]
    [InlineData("/%2A", "/x", false)]
    [InlineData("/a%2Fb", "/a\u001Fb", true)]
    [InlineData("/a%2Fb", "/a/b", false)]
    [InlineData("/a/{id}", "/a/b\u001Fc", true)]
    [InlineData("/**", "*", false)]
    [InlineData("/**", "", false)]
    public void A_path_is_matched_as_its_pattern_says(string? pattern, string path, bool matches) =>
        Assert.Equal(matches ? RouteOutcome.Matched : RouteOutcome.NotFound, new RouterWorld().Route("r", pattern).Match(path).Outcome);

    [Theory]
    [InlineData("a.example", "a.example", true)]
    [InlineData("a.example", "A.Example:8080", true)]
    [InlineData("a.example", "a.example.", true)]
    [InlineData("a.example", "a.example.:80", true)]
    [InlineData("A.Example.", "a.example", true)]
    [InlineData("a.example", "b.a.example", false)]
    [InlineData("a.example", "", false)]
    [InlineData("*.example.org", "a.example.org", true)]
    [InlineData("*.example.org", "B.A.EXAMPLE.org:1", true)]
    [InlineData("*.example.org", "example.org", false)]
    [InlineData("*.example.org", ".example.org", false)]
    [InlineData("*.example.org", "aexample.org", false)]
    [InlineData("[::1]", "[::1]:8080", true)]
    [InlineData("127.0.0.1", "127.0.0.1:80", true)]
    [InlineData(null, "anything", true)]
    [InlineData(null, "", true)]
    public void A_host_is_compared_without_case_port_and_trailing_dot(string? pattern, string host, bool matches) =>
        Assert.Equal(matches, new RouterWorld().Route("r", "/a", pattern).Winner("/a", host) is not null);

    [Fact]
    public void A_host_longer_than_a_name_can_be_matches_only_routes_for_any_host()
    {
        var world = new RouterWorld().Route("wild", host: "*.org").Route("any");

        Assert.Equal("wild", world.Winner("/", new string('a', 249) + ".org"));
        Assert.Equal("any", world.Winner("/", new string('a', 250) + ".org"));
    }

    [Fact]
    public void The_more_specific_host_wins_over_everything_else()
    {
        var world = new RouterWorld()
            .Route("any", "/a", methods: "GET", priority: 9)
            .Route("short", "/a", "*.org", "GET")
            .Route("long", "/**", "*.example.org")
            .Route("exact", "/**", "a.example.org");

        Assert.Equal("exact", world.Winner("/a", "a.example.org"));
        Assert.Equal("long", world.Winner("/a", "b.example.org"));
        Assert.Equal("short", world.Winner("/a", "example.org"));
        Assert.Equal("any", world.Winner("/a", "example.com"));
    }

    [Fact]
    public void The_path_is_compared_segment_by_segment_from_the_left()
    {
        var world = new RouterWorld()
            .Route("tail", "/a/**")
            .Route("regex", "~/a/b[0-9]?(/c)?")
            .Route("single", "/a/{x}")
            .Route("deep", "/a/{x}/c")
            .Route("literal", "/a/b")
            .Route("end", "/a")
            .Route("left", "/a/b/{y}");

        Assert.Equal("end", world.Winner("/a"));
        Assert.Equal("literal", world.Winner("/a/b"));
        Assert.Equal("single", world.Winner("/a/b1"));
        Assert.Equal("left", world.Winner("/a/b/c"));
        Assert.Equal("deep", world.Winner("/a/b1/c"));
        Assert.Equal("tail", world.Winner("/a/b1/d"));
        Assert.Equal("tail", world.Winner("/a/"));
    }

    [Fact]
    public void An_expression_is_as_specific_as_its_plain_leading_segments()
    {
        var world = new RouterWorld()
            .Route("tail", "/users/**")
            .Route("regex", "~/users/(?:[0-9]+|[|)]x)/(?<part>profile|photo)")
            .Route("root", "~/.*");

        Assert.Equal("regex", world.Winner("/users/17/photo"));
        Assert.Equal("tail", world.Winner("/users/x/photo"));
        Assert.Equal("root", world.Winner("/other"));
    }

    [Fact]
    public void Methods_then_headers_then_query_then_priority_decide_between_equal_paths()
    {
        var world = new RouterWorld()
            .Route("plain", "/a")
            .Route("priority", "/a", priority: 5)
            .Route("query", "/a", query: "q=1", priority: -1)
            .Route("headers", "/a", headers: "X-A=1", priority: -2)
            .Route("two headers", "/a", headers: "X-A=1;X-B=*", priority: -3)
            .Route("method", "/a", methods: "POST", priority: -4);

        // The plain route is never reached; that is a problem of its own, and does not change the order.
        var router = world.RouterInSpiteOfProblems;
        Assert.Equal("method", Name("POST", "X-A=1;X-B=2", "?q=1"));
        Assert.Equal("two headers", Name("GET", "X-A=1;X-B=2", "?q=1"));
        Assert.Equal("headers", Name("GET", "X-A=1", "?q=1"));
        Assert.Equal("query", Name("GET", "X-A=2", "?q=1"));
        Assert.Equal("priority", Name("GET", null, ""));

        string? Name(string method, string? headers, string query) =>
            router.Match("", "/a".AsMemory(), method, RouterWorld.Headers(headers), query).Name;
    }

    [Fact]
    public void Where_the_most_specific_route_does_not_fit_the_next_is_tried_across_paths_and_hosts()
    {
        var world = new RouterWorld()
            .Route("1", "/a/b", "h.example", "POST")
            .Route("2", "/a/{x}", "h.example", headers: "X-A=1")
            .Route("3", "~/a/b", "h.example", query: "q=*")
            .Route("4", "/a/**", "h.example", "PUT")
            .Route("5", "/a/b", "*.example", headers: "X-B=*")
            .Route("6", "/**");

        Assert.Equal("1", world.Winner("/a/b", "h.example", "POST"));
        Assert.Equal("2", world.Winner("/a/b", "h.example", headers: "X-A=1"));
        Assert.Equal("3", world.Winner("/a/b", "h.example", query: "?q"));
        Assert.Equal("4", world.Winner("/a/b", "h.example", "PUT"));
        Assert.Equal("5", world.Winner("/a/b", "h.example", headers: "X-B=x"));
        Assert.Equal("6", world.Winner("/a/b", "h.example"));
    }

    [Theory]
    [InlineData("X-A=1", "X-A=1", true)]
    [InlineData("X-A=1", "x-a=1", true)]
    [InlineData("X-A=1", "X-A=2;X-A=1", true)]
    [InlineData("X-A=1", "X-A=2", false)]
    [InlineData("X-A=a", "X-A=A", false)]
    [InlineData("X-A=1", null, false)]
    [InlineData("X-A=*", "X-A=", true)]
    [InlineData("X-A=*", "X-B=1", false)]
    [InlineData("X-A=1;X-B=2", "X-A=1", false)]
    public void A_header_is_present_or_one_of_its_values_is_equal(string wanted, string? given, bool matches) =>
        Assert.Equal(matches, new RouterWorld().Route("r", "/a", headers: wanted).Winner("/a", headers: given) is not null);

    [Theory]
    [InlineData("q=1", "?q=1", true)]
    [InlineData("q=1", "?x=2&q=2&q=1", true)]
    [InlineData("q=1", "?q=12", false)]
    [InlineData("q=12", "?q=1", false)]
    [InlineData("q=1", "?Q=1", false)]
    [InlineData("q=1", "", false)]
    [InlineData("q=*", "?q", true)]
    [InlineData("q=*", "?q=", true)]
    [InlineData("q=*", "?qq=1", false)]
    [InlineData("q=", "?q", true)]
    [InlineData("q=a b", "?q=a+b", true)]
    [InlineData("q=a b", "?q=a%20b", true)]
    [InlineData("q=a+b", "?q=a%2Bb", true)]
    [InlineData("q=é", "?q=%c3%a9", true)]
    [InlineData("q=é", "?q=%e9", false)]
    [InlineData("q=%zz", "?q=%zz", true)]
    [InlineData("q=%4", "?q=%4", true)]
    [InlineData("é=1", "?%C3%A9=1", true)]
    [InlineData("q=1;r=2", "?r=2&&q=1&", true)]
    public void A_parameter_is_present_or_one_of_its_decoded_values_is_equal(string wanted, string given, bool matches) =>
        Assert.Equal(matches, new RouterWorld().Route("r", "/a", query: wanted).Winner("/a", query: given) is not null);

    [Fact]
    public void HEAD_is_served_by_a_route_that_lists_GET_unless_another_lists_it()
    {
        Assert.Equal("get", new RouterWorld().Route("get", "/a", methods: "GET").Winner("/a", method: "HEAD"));

        var world = new RouterWorld().Route("a get", "/a", methods: "GET").Route("head", "/a", methods: "HEAD");
        Assert.Equal("head", world.Winner("/a", method: "HEAD"));
        Assert.Equal("a get", world.Winner("/a"));
    }

    [Fact]
    public void Methods_are_compared_exactly() =>
        Assert.Equal(RouteOutcome.MethodNotAllowed, new RouterWorld().Route("r", "/a", methods: "GET").Match("/a", method: "get").Outcome);

    [Fact]
    public void A_wrong_method_is_told_the_methods_of_all_routes_that_match_otherwise()
    {
        var world = new RouterWorld()
            .Route("1", "/a", "h.example", "PUT")
            .Route("2", "/{x}", "h.example", "GET")
            .Route("3", "/**", methods: "DELETE PUT")
            .Route("4", "/a", "h.example", "PATCH", headers: "X-A=1")
            .Route("5", "/b", methods: "LINK");

        var result = world.Match("/a", "h.example", "POST");

        Assert.Equal(RouteOutcome.MethodNotAllowed, result.Outcome);
        Assert.Equal(["DELETE", "GET", "HEAD", "PUT"], result.Allow);
        Assert.Contains("PATCH", world.Match("/a", "h.example", "POST", "X-A=1").Allow);
    }

    [Fact]
    public void A_wrong_method_on_a_route_that_does_not_match_otherwise_is_not_found() =>
        Assert.Equal(RouteOutcome.NotFound, new RouterWorld().Route("r", "/a", methods: "POST", headers: "X-A=1").Match("/a").Outcome);

    [Fact]
    public void An_expression_that_runs_out_of_time_counts_as_no_match_and_is_reported_once_a_request()
    {
        var late = new List<string>();
        var world = new RouterWorld { Options = new RouterOptions { RegexTimedOut = late.Add } }
            .Route("slow", "~/(a+)+(?!x)b")
            .Route("slower", "~/(aa+)+(?!x)b")
            .Route("fine", "~/a+")
            .Route("rest");
        var path = "/" + new string('a', 200);

        Assert.Equal("fine", world.Winner(path));
        Assert.Single(late);
        Assert.Equal("rest", world.Winner(path + "c"));
        Assert.Equal(["slower", "slower"], late); // the longer expression is tried first
    }

    [Fact]
    public void An_expression_without_look_around_takes_time_linear_in_the_path()
    {
        var world = new RouterWorld { Options = new RouterOptions { RegexTimedOut = route => Assert.Fail(route) } }.Route("linear", "~/(a+)+b");

        Assert.Null(world.Winner("/" + new string('a', 20_000)));
    }
}
