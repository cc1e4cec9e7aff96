using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Actions.Compose;

/// <summary>What is wrong with a composed route is said where it is written.</summary>
public sealed class ComposePlanTests
{
    [Theory]
    [InlineData("parts: {}", "routes.page.compose", "an answer is composed of one part or more; name them in 'parts'")]
    [InlineData("parts: { x: { to: ordrs, path: / } }", "routes.page.compose.parts.x.to", "unknown upstream 'ordrs'; did you mean 'orders'?")]
    [InlineData("parts: { x: { to: lines, path: / } }", "routes.page.compose.parts.x.to", "upstream 'lines' has tcp endpoints, to which no request can be sent; use http://host:port, or a listener with 'tcp'")]
    [InlineData("parts: { x: { to: orders, path: '/{ordr}' } }", "routes.page.compose.parts.x.path", "the route's path captures no '{ordr}'; did you mean 'order'?")]
    [InlineData("parts: { x: { to: orders, path: '/{order' } }", "routes.page.compose.parts.x.path", "a '{' has no '}'")]
    [InlineData("parts: { x: { to: orders, path: /a/../b } }", "routes.page.compose.parts.x.path", "a path that is asked for has no '.' and '..' in it; write the path that is meant")]
    [InlineData("parts: { x: { to: orders, path: /, at: y.z }, w: { to: orders, path: /, at: y } }", "routes.page.compose.parts.w.at", "the answer of part 'x' is at 'y.z'; give each part a place of its own")]
    [InlineData("parts: { x: { to: orders, path: /, at: y }, y: { to: orders, path: / } }", "routes.page.compose.parts.y", "the answer of part 'x' is at 'y'; give each part a place of its own")]
    [InlineData("parts: { x: { to: orders, path: /, at: y }, z: { to: orders, path: /, at: y.z } }", "routes.page.compose.parts.z.at", "the answer of part 'x' is at 'y'; give each part a place of its own")]
    [InlineData("timeout: 1s, parts: { x: { to: orders, path: /, timeout: 2s } }", "routes.page.compose.parts.x.timeout", "all parts have 1s together; lower this or raise the timeout of 'compose'")]
    [InlineData("size: 1KiB, parts: { x: { to: orders, path: /, size: 1MiB } }", "routes.page.compose.parts.x.size", "all parts have 1KiB together; lower this or raise the size of 'compose'")]
    public void A_wrong_part_is_a_problem_of_its_own(string compose, string path, string message)
    {
        var problem = Assert.Single(TestGateway.Plan(Yaml(compose)).Problems);
        Assert.Equal((path, message), (problem.Path, problem.Message));
    }

    [Theory]
    [InlineData("parts: { x: { to: orders, path: orders } }")]
    [InlineData("parts: { x: { to: orders, path: 'http://x/' } }")]
    [InlineData("parts: { x: { to: orders, path: '/a b' } }")]
    [InlineData("parts: { x: { to: orders, path: '/a#b' } }")]
    [InlineData("parts: { x: { to: orders, path: /, at: '' } }")]
    [InlineData("parts: { x: { to: orders, path: /, at: a..b } }")]
    [InlineData("parts: { x: { to: orders, path: /, at: 'a\"b' } }")]
    [InlineData("parts: { x: { to: orders, path: / } }, headers: [ Host ]")]
    [InlineData("parts: { x: { to: orders, path: / } }, headers: [ Connection ]")]
    [InlineData("parts: { x: { to: orders, path: / } }, headers: [ accept-encoding ]")]
    [InlineData("parts: { x: { to: orders, path: / } }, headers: [ If-None-Match ]")]
    [InlineData("parts: { x: { to: orders, path: / } }, headers: [ Proxy-Authorization ]")]
    [InlineData("parts: { x: { to: orders, path: / } }, headers: [ X-Forwarded-For ]")]
    [InlineData("parts: { x: { to: orders, path: /, headers: [ Range ] } }")]
    [InlineData("parts: { x: { path: / } }")]
    [InlineData("parts: { x: { to: orders } }")]
    [InlineData("timeout: 0s, parts: { x: { to: orders, path: / } }")]
    [InlineData("size: 1GiB, parts: { x: { to: orders, path: / } }")]
    public void What_has_no_meaning_is_a_problem(string compose) => Assert.NotEmpty(TestGateway.Plan(Yaml(compose)).Problems);

    [Fact]
    public void A_33rd_part_is_one_too_many()
    {
        var parts = string.Join(", ", Enumerable.Range(0, 33).Select(i => $"p{i}: {{ to: orders, path: / }}"));
        Assert.Equal("33 parts; at most 32", Assert.Single(TestGateway.Plan(Yaml($"parts: {{ {parts} }}")).Problems).Message);
    }

    [Fact]
    public void A_method_that_is_never_answered_is_a_problem()
    {
        var problem = Assert.Single(TestGateway.Plan(Yaml("parts: { x: { to: orders, path: / } }", ", methods: [ GET, POST ]")).Problems);
        Assert.Equal("routes.page.match.methods: 'compose' answers GET and HEAD; drop 'POST', or give it a route of its own", $"{problem.Path}: {problem.Message}");
    }

    [Fact]
    public void A_route_has_one_action()
    {
        var problem = Assert.Single(TestGateway.Plan(Yaml("parts: { x: { to: orders, path: / } }").Replace("compose:", "to: orders, compose:", StringComparison.Ordinal)).Problems);
        Assert.Equal("a route has one action only; keep one of to, respond, redirect, compose, enqueue, backbone", problem.Message);
    }

    [Fact]
    public async Task A_part_follows_its_upstream_through_a_reload()
    {
        await using var world = await ComposeWorld.OpenAsync("parts: { x: { to: a, path: / } }");
        world.A.Answer(ComposeWorld.Ok("1"));
        world.B.Answer(ComposeWorld.Ok("2"));
        Assert.Equal("""{"x":1}""", (await world.GetAsync()).Body);
        var yaml = $$"""
            listeners: { web: { address: "127.0.0.1:0" } }
            upstreams: { NAME: { endpoints: [ "{{world.B.Url}}" ] } }
            routes: { page: { match: { path: "/page/{id}" }, compose: { parts: { x: { to: NAME, path: / } } } } }
            """;
        await world.Gateway.ApplyAsync(yaml.Replace("NAME", "other", StringComparison.Ordinal));
        Assert.Equal("""{"x":2}""", (await world.GetAsync()).Body);
        await world.Gateway.ApplyAsync(yaml.Replace("NAME", "a", StringComparison.Ordinal));
        Assert.Equal("""{"x":2}""", (await world.GetAsync()).Body);
    }

    private static string Yaml(string compose, string match = "") => $$"""
        upstreams: { orders: { endpoints: [ "http://127.0.0.1:1" ] }, lines: { endpoints: [ "tcp://127.0.0.1:1" ] } }
        routes: { page: { match: { path: "/page/{order}"{{match}} }, compose: { {{compose}} } } }
        """;
}
