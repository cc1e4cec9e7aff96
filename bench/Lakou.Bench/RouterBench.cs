using BenchmarkDotNet.Attributes;
using Lakou.Gateway.Routing;
using Microsoft.AspNetCore.Http;

namespace Lakou.Bench;

/// <summary>
/// Does the cost of matching grow with the number of routes? A table is a mix of five kinds, repeated: literal,
/// capture and tail paths, exact and wildcard hosts, with methods and headers. Names have the same length in every table,
/// so that hashing costs the same.
/// </summary>
public class RouterBench
{
    private const int Kinds = 5;

    // Ten requests spread over the table: what a hot cache gives. Divide by this for one request.
    private const int Requests = 10;

    private readonly HeaderDictionary headers = new() { ["X-Beta"] = "1", ["Accept"] = "*/*", ["User-Agent"] = "bench" };
    private Router<int> router = null!;
    private (string Host, ReadOnlyMemory<char> Path)[] few = null!;
    private (string Host, ReadOnlyMemory<char> Path)[] all = null!;
    private int next;

    [Params(10, 1000, 10_000)]
    public int Routes { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        var entries = Entries(Routes);
        router = Router<int>.Compile(entries, RouterOptions.Default, out var problems);
        all = [.. Enumerable.Range(0, Routes).Select(Request)];
        few = [.. Enumerable.Range(0, Requests).Select(i => all[i / Kinds * (Routes / 2) + (i % Kinds)])];
        if (problems.Count > 0 || Enumerable.Range(0, Routes).Any(i => Match(all[i]) != i))
        {
            throw new InvalidOperationException("the table is wrong");
        }

        new Random(1).Shuffle(all);
    }

    /// <summary>The same ten requests again and again: the work itself.</summary>
    [Benchmark(OperationsPerInvoke = Requests)]
    public int TenRequests()
    {
        var sum = 0;
        foreach (var request in few)
        {
            sum += Match(request);
        }

        return sum;
    }

    /// <summary>Every route in random order: the work and, in large tables, the memory that no cache holds.</summary>
    [Benchmark(OperationsPerInvoke = Requests)]
    public int EveryRoute()
    {
        var sum = 0;
        for (var i = 0; i < Requests; i++)
        {
            sum += Match(all[next]);
            next = next + 1 == all.Length ? 0 : next + 1;
        }

        return sum;
    }

    internal static List<RouteEntry<int>> Entries(int count) =>
        [.. Enumerable.Range(0, count).Select(i => new RouteEntry<int>($"route-{i}", MatchOf(i), i))];

    private static RouteMatch MatchOf(int i) => (i % Kinds) switch
    {
        0 => new RouteMatch { Path = $"/service-{i:D5}/orders" },
        1 => new RouteMatch { Path = $"/service-{i:D5}/orders/{{id}}", Methods = ["GET", "POST"] },
        2 => new RouteMatch { Path = $"/service-{i:D5}/**", Headers = new Dictionary<string, string> { ["X-Beta"] = "1" } },
        3 => new RouteMatch { Host = $"host-{i:D5}.example.org", Path = "/orders/**" },
        _ => new RouteMatch { Host = $"*.zone-{i:D5}.example.org", Path = "/orders/{id}" },
    };

    private static (string Host, ReadOnlyMemory<char> Path) Request(int i) => (i % Kinds) switch
    {
        0 => ("api.example.org", $"/service-{i:D5}/orders".AsMemory()),
        1 => ("api.example.org", $"/service-{i:D5}/orders/17".AsMemory()),
        2 => ("api.example.org", $"/service-{i:D5}/reports/2".AsMemory()),
        3 => ($"host-{i:D5}.example.org", "/orders/17/items".AsMemory()),
        _ => ($"api.zone-{i:D5}.example.org", "/orders/17".AsMemory()),
    };

    private int Match((string Host, ReadOnlyMemory<char> Path) request) => router.Match(request.Host, request.Path, "GET", headers, "").Route;
}
