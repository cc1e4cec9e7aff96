using FsCheck;
using FsCheck.Fluent;
using Lakou.Gateway.Routing;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Tests.Routing;

/// <summary>Small alphabets, so that random routes and requests meet often.</summary>
public sealed class RouterPropertyTests
{
    private static readonly Gen<string> PathPatterns = Gen.OneOf(
        from segments in Gen.Elements("a", "a", "b", "*", "{x}").ListOf().Where(list => list.Count is > 0 and < 5 && list.Count(segment => segment == "{x}") < 2)
        from end in Gen.Elements("", "", "/", "/**")
        select "/" + string.Join('/', segments) + end,
        Gen.Elements("/", "/**"),
        from segments in Gen.Elements("a", "b", "[ab]", "[ab]?", "a+", "a|/b", "(?<g>a)", "(?=a)a", ".*").ListOf().Where(list => list.Count is > 0 and < 5)
        select "~/" + string.Join('/', segments));

    private static readonly Gen<Dictionary<string, string>> Conditions = Gen.Frequency(
        (4, Gen.Constant(new Dictionary<string, string>())),
        (2, from name in Gen.Elements("x", "y") from value in Gen.Elements("1", "2", "*") select new Dictionary<string, string> { [name] = value }),
        (1, from value in Gen.Elements("1", "2", "*") from other in Gen.Elements("1", "*") select new Dictionary<string, string> { ["x"] = value, ["y"] = other }));

    private static readonly Gen<RouteMatch> Matches =
        from host in Gen.Elements(null, null, null, "a.x", "*.x", "*.a.x")
        from path in PathPatterns
        from methods in Gen.Elements("", "", "GET", "POST", "HEAD", "GET POST", "GET HEAD")
        from headers in Conditions
        from query in Conditions
        from priority in Gen.Elements(0, 0, 0, 1, 2)
        select new RouteMatch { Host = host, Path = path, Methods = methods.Split(' ', StringSplitOptions.RemoveEmptyEntries), Headers = headers, Query = query, Priority = priority };

    private static readonly Gen<(string, string)[]> Pairs =
        (from name in Gen.Elements("x", "y") from value in Gen.Elements("1", "2") select (name, value)).ListOf().Select(list => list.Take(3).ToArray());

    private static readonly Gen<SampleRequest> Requests =
        from host in Gen.Elements("a.x", "b.x", "b.a.x", "x", "y", "")
        from segments in Gen.Elements("a", "a", "b", "c", "").ListOf()
        from method in Gen.Elements("GET", "HEAD", "POST", "PUT")
        from headers in Pairs
        from query in Pairs
        select new SampleRequest(host, "/" + string.Join('/', segments.Take(6)), method, headers, query);

    private static readonly Gen<(List<(string Name, RouteMatch Match)> Routes, List<SampleRequest> Requests)> Cases =
        from matches in Matches.ListOf()
        from requests in Requests.ListOf(20)
        select (matches.Select((match, i) => ($"r{i}", match)).ToList(), requests.ToList());

    [Fact]
    public void The_router_agrees_with_trying_every_route() => Check(200, one =>
    {
        var router = Compile(one.Routes, out _);
        foreach (var request in one.Requests)
        {
            var result = Match(router, request);
            var expected = ReferenceRouter.Matching(one.Routes, request);
            if (expected.Count > 0)
            {
                Assert.True(expected[0].Name == result.Name, $"{request}: {result.Name} instead of {Text(expected[0])} of {string.Join(", ", expected.Select(Text))}");
                Assert.Equal(expected[0].Name, result.Route);
                continue;
            }

            var allow = ReferenceRouter.Matching(one.Routes, request, anyMethod: true)
                .SelectMany(route => route.Match.Methods.Contains("GET") ? [.. route.Match.Methods, "HEAD"] : route.Match.Methods)
                .Distinct().Order(StringComparer.Ordinal);
            Assert.Equal(allow, result.Allow);
            Assert.Equal(result.Allow.Count > 0 ? RouteOutcome.MethodNotAllowed : RouteOutcome.NotFound, result.Outcome);
        }
    });

    [Fact]
    public void The_order_of_writing_changes_nothing() => Check(50, one =>
    {
        var router = Compile(one.Routes, out _);
        var shuffled = one.Routes.ToArray();
        new Random(one.Routes.Count).Shuffle(shuffled);
        var other = Compile(shuffled, out _);
        foreach (var request in one.Requests)
        {
            Assert.Equal(Match(router, request).Name, Match(other, request).Name);
        }
    });

    [Fact]
    public void Between_routes_without_problems_the_rank_decides() => Check(50, one =>
    {
        _ = Compile(one.Routes, out var problems);
        var good = one.Routes.Where(route => problems.All(problem => problem.Route != route.Name)).ToList();
        foreach (var request in one.Requests.Where(request => request.Method != "HEAD").Select(Single))
        {
            // Expressions may overlap: whether they do cannot be decided, so the longer one wins and nobody is warned.
            var matching = ReferenceRouter.Matching(good, request);
            Assert.DoesNotContain(matching.Skip(1).Zip(matching), pair =>
                ReferenceRouter.CompareRank(pair.First, pair.Second) == 0 && pair.First.Match.Path?[0] != '~' && pair.Second.Match.Path?[0] != '~');
        }
    });

    [Fact]
    public void A_route_that_is_said_to_be_unreachable_never_wins() => Check(50, one =>
    {
        var router = Compile(one.Routes, out var problems);
        var unreachable = problems.Where(problem => problem.Message.StartsWith("can never match", StringComparison.Ordinal)).Select(problem => problem.Route).ToHashSet();
        foreach (var request in one.Requests)
        {
            Assert.DoesNotContain(Match(router, request).Name ?? "", unreachable);
        }
    });

    [Fact]
    public void Explaining_agrees_with_matching() => Check(50, one =>
    {
        var router = Compile(one.Routes, out _);
        foreach (var request in one.Requests)
        {
            var explanation = router.Explain(request.Host, request.Path, request.Method, Headers(request), Query(request), int.MaxValue);
            var matching = ReferenceRouter.Matching(one.Routes, request).Select(route => route.Name).ToList();
            Assert.Equal(matching.FirstOrDefault(), explanation.Route);
            Assert.Equal(one.Routes.Count - (explanation.Route is null ? 0 : 1), explanation.Others.Count);
            Assert.Equal(matching.Skip(1).Order(), explanation.Others.Where(other => other.Reason.StartsWith("matches too", StringComparison.Ordinal)).Select(other => other.Route).Order());
        }
    });

    private static void Check(int cases, Action<(List<(string Name, RouteMatch Match)> Routes, List<SampleRequest> Requests)> property) =>
        Prop.ForAll(Cases.ToArbitrary(), property).Check(Config.QuickThrowOnFailure.WithMaxTest(cases).WithEndSize(40));

    private static Router<string> Compile(IEnumerable<(string Name, RouteMatch Match)> routes, out IReadOnlyList<RouteProblem> problems) =>
        Router<string>.Compile(
            routes.Select(route => new RouteEntry<string>(route.Name, route.Match, route.Name)),
            new RouterOptions { RegexTimeout = TimeSpan.FromSeconds(30), RegexTimedOut = route => Assert.Fail(route) },
            out problems);

    private static RouteResult<string> Match(Router<string> router, SampleRequest request) =>
        router.Match(request.Host, request.Path.AsMemory(), request.Method, Headers(request), Query(request));

    private static string Text((string Name, RouteMatch Match) route) => $"{route.Name} {route.Match.Host}{route.Match.Path} [{string.Join(' ', route.Match.Methods)}] {route.Match.Priority}";

    private static string Query(SampleRequest request) => "?" + string.Join('&', request.Query.Select(pair => $"{pair.Name}={pair.Value}"));

    private static HeaderDictionary Headers(SampleRequest request)
    {
        var headers = new HeaderDictionary();
        foreach (var (name, value) in request.Headers)
        {
            headers.Append(name, value);
        }

        return headers;
    }

    private static SampleRequest Single(SampleRequest request) => request with
    {
        Headers = [.. request.Headers.DistinctBy(pair => pair.Name)],
        Query = [.. request.Query.DistinctBy(pair => pair.Name)],
    };
}
