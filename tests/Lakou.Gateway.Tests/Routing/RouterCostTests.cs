using Lakou.Gateway.Routing;

namespace Lakou.Gateway.Tests.Routing;

public sealed class RouterCostTests
{
    [Theory]
    [InlineData("/orders/new", "api.example.org")]
    [InlineData("/orders/17", "API.example.org:8080")]
    [InlineData("/files/a/b/c", "x.y.example.net")]
    public void Matching_allocates_nothing(string path, string host)
    {
        var router = new RouterWorld()
            .Route("literal", "/orders/new", "api.example.org", "GET", "X-A=1", "q=1")
            .Route("capture", "/orders/{id}", "api.example.org", "GET")
            .Route("tail", "/files/**", "*.example.net")
            .Router;
        var headers = RouterWorld.Headers("X-A=1");
        _ = router.Match(host, path.AsMemory(), "GET", headers, "?p=2&q=1");

        var before = GC.GetAllocatedBytesForCurrentThread();
        var result = router.Match(host, path.AsMemory(), "GET", headers, "?p=2&q=1");
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.Equal(RouteOutcome.Matched, result.Outcome);
        Assert.Equal(0, allocated);
    }

    [Fact]
    public void Backtracking_visits_no_more_nodes_than_the_bound_says()
    {
        // Both ways at each of 8 depths, and nothing at the end fits: every node is tried, none twice.
        var routes = Enumerable.Range(0, 256).Select(i =>
            Compiled($"r{i}", string.Concat(Enumerable.Range(0, 8).Select(bit => (i >> bit & 1) == 0 ? "/a" : "/*")) + "/end")).ToList();

        Assert.Equal(512 - 1, Visits(routes, string.Concat(Enumerable.Repeat("/a", 8)) + "/other"));
        Assert.Equal(512 - 1, Visits(routes, string.Concat(Enumerable.Repeat("/a", 10_000))));
    }

    [Fact]
    public void A_long_path_costs_no_more_than_the_depth_of_the_routes()
    {
        List<CompiledRoute> routes = [Compiled("deep", string.Concat(Enumerable.Repeat("/a", 64))), Compiled("tail", "/a/*/**")];

        Assert.Equal(65 + 1, Visits(routes, string.Concat(Enumerable.Repeat("/a", 10_000)), expected: "tail"));
    }

    [Fact]
    public void Every_prefix_of_a_path_and_a_host_is_matched_without_trouble()
    {
        var world = new RouterWorld()
            .Route("1", "/ab/{id}/cd/**", "*.example.org").Route("2", "/ab/*", "a.example.org").Route("3", "~/ab/(?<x>[^/]*)/c.*").Route("4");
        const string Path = "/ab/é\u001F17/cd//x/";
        const string Host = "b.a.example.org.:8080";
        for (var length = 1; length <= Path.Length; length++)
        {
            for (var hostLength = 0; hostLength <= Host.Length; hostLength++)
            {
                Assert.Equal(RouteOutcome.Matched, world.Match(Path[..length], Host[..hostLength]).Outcome);
            }
        }
    }

    [Fact]
    public void Ten_thousand_routes_are_checked_and_each_found()
    {
        var world = new RouterWorld();
        for (var i = 0; i < 2500; i++)
        {
            world.Route($"path{i}", $"/service{i}/{{id}}/items").Route($"host{i}", "/**", $"h{i}.example.org")
                .Route($"header{i}", "/tenant", headers: $"X-Tenant={i}").Route($"wild{i}", "/a", $"*.w{i}.example.org", priority: i);
        }

        Assert.Equal("path1700", world.Winner("/service1700/x/items"));
        Assert.Equal("host1700", world.Winner("/x", "h1700.example.org"));
        Assert.Equal("header1700", world.Winner("/tenant", headers: "X-Tenant=1700"));
        Assert.Equal("wild1700", world.Winner("/a", "x.w1700.example.org"));
    }

    private static CompiledRoute Compiled(string name, string path) =>
        new(name, RoutePattern.TryParse(new RouteMatch { Path = path }, TimeSpan.FromSeconds(1), (key, message) => Assert.Fail(key + message))!, 0);

    private static int Visits(List<CompiledRoute> routes, string path, string? expected = null)
    {
        var tree = new RouteTree(routes, problem => Assert.Fail(problem.Message));
        var search = new RouteSearch(path.AsMemory(), "GET", RouterWorld.Headers(null), "", new int[PathPattern.MaxSegments], _ => { });
        Assert.Equal(expected, tree.Find("", ref search)?.Name);
        return search.Visits;
    }
}
