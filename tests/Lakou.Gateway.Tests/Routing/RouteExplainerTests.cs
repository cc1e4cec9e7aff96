using Lakou.Gateway.Routing;

namespace Lakou.Gateway.Tests.Routing;

public sealed class RouteExplainerTests
{
    private readonly RouterWorld world = new RouterWorld()
        .Route("orders", "/orders/{id}/**", "api.example.org", "GET POST", "X-Beta=1")
        .Route("put", "/orders/**", "api.example.org", "PUT")
        .Route("header", "/orders/{id}", "api.example.org", headers: "X-Secret=hunter2")
        .Route("query", "/orders/**", "api.example.org", query: "q=1")
        .Route("regex", "~/orders/[a-z]+", "api.example.org")
        .Route("near", "/orders/{id}/x", "api.example.org")
        .Route("far", "/carts", "api.example.org")
        .Route("elsewhere", "/orders/17", "www.example.org")
        .Route("rest");

    [Fact]
    public void A_match_is_explained_part_by_part()
    {
        var explanation = Explain("/orders/17", "X-Beta=1");

        Assert.Equal("orders", explanation.Route);
        Assert.Equal("host api.example.org exact, path /orders/{id}/** (1 literal, 1 of any text, then anything), method GET listed, header X-Beta equal", explanation.Reason);
    }

    [Fact]
    public void The_closest_others_come_with_the_first_reason_each_closest_first()
    {
        var others = Explain("/orders/17", "X-Beta=1", most: 20).Others;

        Assert.Equal(
            [
                new RouteMiss("rest", "matches too, but route 'orders' is more specific or has a higher priority"),
                new RouteMiss("query", "query parameter q is missing"),
                new RouteMiss("header", "header X-Secret is missing"),
                new RouteMiss("put", "method GET is not one of PUT"),
                new RouteMiss("near", "path ends before segment 3 of /orders/{id}/x"),
                new RouteMiss("regex", "path does not match the expression /orders/[a-z]+"),
                new RouteMiss("far", "path differs from /carts at segment 1"),
                new RouteMiss("elsewhere", "host is not www.example.org"),
            ],
            others);
        Assert.Equal(5, Explain("/orders/17", null).Others.Count);
    }

    [Fact]
    public void Values_that_may_be_secret_are_not_shown()
    {
        var miss = Explain("/orders/17", "X-Secret=wrong", most: 20).Others.Single(other => other.Route == "header");

        Assert.Equal("header X-Secret has another value", miss.Reason);
    }

    [Fact]
    public void No_match_is_explained_by_the_closest_routes()
    {
        var explanation = new RouterWorld().Route("a", "/a", methods: "PUT").Route("b", "/b").Router.Explain("", "/a", "GET", RouterWorld.Headers(null), "");

        Assert.Null(explanation.Route);
        Assert.Equal("routes match, but none with method GET", explanation.Reason);
        Assert.Equal(["a", "b"], explanation.Others.Select(other => other.Route));
    }

    private RouteExplanation Explain(string path, string? headers, int most = 5) =>
        world.Router.Explain("api.example.org", path, "GET", RouterWorld.Headers(headers), "", most);
}
