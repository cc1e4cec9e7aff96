using Lakou.Core.Configuration;
using Lakou.Gateway;
using Microsoft.AspNetCore.Http;

namespace Lakou.Control.Tests;

public sealed class ExplainTests
{
    private static readonly GatewayPlan Plan = ConfigurationLoader.LoadText("lakou.yaml", """
        listeners: { web: { address: ":8080" }, other: { address: "127.0.0.1:8081" } }
        upstreams: { orders: { endpoints: [ "http://127.0.0.1:1", "http://127.0.0.1:2" ] }, more: { endpoints: [ "http://127.0.0.1:3" ] } }
        filters: { request-id: {} }
        routes:
          orders:  { match: { path: "/api/orders/**", methods: [GET] }, filters: { strip-prefix: /api, timeout: { total: 3s } }, to: orders }
          items:   { match: { path: "/items/{id}" }, filters: { rewrite: "/v2/items/{id}" }, to: [ { upstream: orders, weight: 9 }, { upstream: more } ] }
          page:    { match: { path: "/page/{id}" }, compose: { parts: { order: { to: orders, path: "/orders/{id}" }, more: { to: more, path: "/more?of={id}{query}", optional: true } } } }
          events:  { match: { path: /events, methods: [POST] }, enqueue: clicks }
          hosted:  { match: { host: a.example.org, path: / }, respond: { status: 204 } }
        topics: { clicks: {} }
        """, "/", ReferenceSource.None).Plan!.Gateway;

    [Fact]
    public void A_forwarded_request_is_explained_to_its_endpoints()
    {
        var explained = Explain.Request(Plan, "GET", "http://example.org:8080/api/./orders/7?x=1", new HeaderDictionary());
        Assert.Equal("orders", explained.Route);
        Assert.Equal(["web (:8080)"], explained.Listeners);
        Assert.Equal(["request-id", "strip-prefix", "timeout"], explained.Filters.Select(filter => filter.Name));
        Assert.Equal("/orders/7?x=1", explained.Target);
        Assert.Equal(["http://127.0.0.1:1", "http://127.0.0.1:2"], Assert.Single(explained.Upstreams).Endpoints);
    }

    [Fact]
    public void A_rewritten_path_is_shown_as_the_endpoint_sees_it()
    {
        var explained = Explain.Request(Plan, "GET", "/items/a%20b", new HeaderDictionary());
        Assert.Equal("/v2/items/a%20b", explained.Target);
        Assert.Equal([9, 1], explained.Upstreams.Select(upstream => upstream.Weight));
        Assert.Equal(2, explained.Listeners.Count);
    }

    [Fact]
    public void A_request_that_becomes_an_event_shows_its_topic()
    {
        var explained = Explain.Request(Plan, "POST", "/events", new HeaderDictionary());
        Assert.Equal(("enqueue clicks", null, 0), (explained.Action, explained.Target, explained.Upstreams.Count));
        Assert.Contains("action    enqueue clicks\n", explained.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_composed_answer_shows_what_each_part_is_asked()
    {
        var explained = Explain.Request(Plan, "GET", "/page/a%20b?x=1", new HeaderDictionary());
        Assert.Equal("compose", explained.Action);
        Assert.Null(explained.Target);
        Assert.Equal(["order: /orders/a%20b of orders", "more (optional): /more?of=a%20b&x=1 of more"], explained.Parts);
        Assert.Equal(["orders", "more"], explained.Upstreams.Select(upstream => upstream.Name));
        Assert.Contains("part      order: /orders/a%20b of orders\n", explained.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("weight", explained.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_Host_header_decides_over_the_address()
        => Assert.Equal("hosted", Explain.Request(Plan, "GET", "http://127.0.0.1:8080/", new HeaderDictionary { ["Host"] = "a.example.org" }).Route);

    [Fact]
    public void A_request_that_nothing_takes_names_the_closest_routes_with_reasons()
    {
        var explained = Explain.Request(Plan, "POST", "http://example.org:8080/api/orders/7", new HeaderDictionary());
        Assert.Null(explained.Route);
        Assert.Contains("orders: method POST is not one of GET", explained.Others[0], StringComparison.Ordinal);
        Assert.Contains("route     none", explained.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void An_address_that_no_listener_serves_says_so()
        => Assert.Contains("none has this port and scheme", Explain.Request(Plan, "GET", "https://example.org/items/1", new HeaderDictionary()).ToString(), StringComparison.Ordinal);

    [Fact]
    public void A_path_that_would_be_refused_says_so()
        => Assert.StartsWith("refused: ", Explain.Request(Plan, "GET", "/a%2fb", new HeaderDictionary()).Reason, StringComparison.Ordinal);
}
