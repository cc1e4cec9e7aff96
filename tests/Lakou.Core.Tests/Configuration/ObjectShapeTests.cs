using Lakou.Core.Configuration;
using static Lakou.Core.Tests.Configuration.Configurations;

namespace Lakou.Core.Tests.Configuration;

public sealed class ObjectShapeTests
{
    [Fact]
    public void Fields_are_read_into_options()
    {
        var read = Read(RateLimitShapes.Limit, "{ permits: 5, burst: 9, per: 1m, algorithm: sliding-window, methods: [PUT], store: { url: redis://a, password: p } }");

        Assert.Equal((5, 9, TimeSpan.FromMinutes(1), Algorithm.SlidingWindow), (read.Permits, read.Burst, read.Per, read.Algorithm));
        Assert.Equal(new StoreOptions("redis://a", "p"), read.Store);
        Assert.Equal(["PUT"], read.Methods);
        Assert.Equal("client-ip", read.Key);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("~")]
    public void Nothing_written_means_all_defaults(string written) => Assert.Equal(100, Read(RateLimitShapes.Limit, written).Permits);

    [Fact]
    public void A_string_stands_for_a_one_field_map()
    {
        Assert.Equal(new StoreOptions("redis://a"), Read(RateLimitShapes.Limit, "{ store: redis://a }").Store);
        Assert.Equal("x.store: expected a map or text, not a list", Refusal(RateLimitShapes.Limit, "{ store: [] }"));
    }

    [Fact]
    public void The_message_of_the_issue_reads_exactly_so()
    {
        var text = "# 1\n# 2\n# 3\n# 4\n# 5\n# 6\n# 7\n# 8\n# 9\nroutes:\n  orders: { rate-limit: {\n      permits: 0 } }\n";

        Assert.Equal(["lakou.yaml:12:16 routes.orders.rate-limit.permits: 0 is not allowed; 1 or more"], ProblemsOf(RateLimitShapes.Root, text));
        Assert.Equal(
            "lakou.yaml:12:7 routes.orders.filters.rate-limit.permits: 0 is not allowed; 1 or more",
            new Problem("lakou.yaml", 12, 7, "routes.orders.filters.rate-limit.permits", "0 is not allowed; 1 or more").ToString());
    }

    [Fact]
    public void Unknown_keys_suggest_the_nearest_or_name_the_known()
    {
        Assert.Equal("x.permit: unknown key 'permit'; did you mean 'permits'?", Refusal(RateLimitShapes.Limit, "{ permit: 1 }"));
        Assert.Equal("x.zzz: unknown key 'zzz'; known: url, password", Refusal(RateLimitShapes.Store, "{ url: a, zzz: 1 }"));
    }

    [Fact]
    public void A_required_key_is_missed_at_the_place_of_its_map()
    {
        Assert.Equal(["lakou.yaml:2:3 a: required key 'url' is missing"], ProblemsOf(Shapes.Map(RateLimitShapes.Store), "a:\n  password: x\n"));
        Assert.Equal(["lakou.yaml:1:1 a: required key 'url' is missing"], ProblemsOf(Shapes.Map(RateLimitShapes.Store), "a:\n"));
    }

    [Fact]
    public void Cross_field_checks_run_when_the_fields_are_right()
    {
        Assert.Equal("x: burst is less than permits", Refusal(RateLimitShapes.Limit, "{ permits: 5, burst: 2 }"));
        Assert.Equal("x.per: expected a duration such as 5s or 250ms, not 'abc'", Refusal(RateLimitShapes.Limit, "{ permits: 5, burst: 2, per: abc }"));
    }

    [Fact]
    public void All_problems_are_found_at_once_in_order_of_place()
    {
        Assert.Equal(
            [
                "lakou.yaml:1:15 a.permits: 0 is not allowed; 1 or more",
                "lakou.yaml:1:18 a.burts: unknown key 'burts'; did you mean 'burst'?",
                "lakou.yaml:2:11 b.per: expected a duration such as 5s or 250ms, not '5'",
                "lakou.yaml:2:21 b.store: required key 'url' is missing",
            ],
            ProblemsOf(Shapes.Map(RateLimitShapes.Limit), "a: { permits: 0, burts: 1 }\nb: { per: 5, store: { } }\n"));
    }

    [Fact]
    public void What_is_right_beside_a_mistake_is_still_read()
    {
        var (document, problems) = Parse("limit: { permits: 0, per: 2s }\nroutes: { a: { strip-prefix: /x, nope: 1 } }\n");

        Assert.False(RateLimitShapes.Root.TryRead(document.Root!, problems, out var root));
        Assert.Equal((100, TimeSpan.FromSeconds(2)), (root!.Limit.Permits, root.Limit.Per));
        Assert.Equal("/x", root.Routes["a"]["strip-prefix"]);
    }

    [Fact]
    public void A_problem_may_be_added_by_path_and_stands_at_the_deepest_written_node()
    {
        var (document, problems) = Parse("routes:\n  orders:\n    to: ordes\n");

        problems.Add("routes.orders.to", "unknown upstream 'ordes'");
        problems.Add("routes.orders.match.path", "is needed");
        problems.Add("upstreams", "is needed");
        problems.Add("routes.orders.to", "unknown upstream 'ordes'");

        Assert.NotNull(document.Root);
        Assert.Equal(
            [
                "lakou.yaml:1:1 upstreams: is needed",
                "lakou.yaml:3:5 routes.orders.match.path: is needed",
                "lakou.yaml:3:9 routes.orders.to: unknown upstream 'ordes'",
            ],
            problems.All.Select(p => p.ToString()));
    }

    [Fact]
    public void Problems_are_bounded()
    {
        var (_, problems) = Parse(string.Concat(Enumerable.Range(0, 1500).Select(i => $"k{i}: !t x\n")));

        Assert.Equal((Problems.Limit, 500), (problems.All.Count, problems.Dropped));
    }
}
