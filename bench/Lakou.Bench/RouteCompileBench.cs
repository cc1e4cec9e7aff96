using BenchmarkDotNet.Attributes;
using Lakou.Gateway.Routing;

namespace Lakou.Bench;

/// <summary>What a reload pays for the routes: parse, compile, check.</summary>
public class RouteCompileBench
{
    private List<RouteEntry<int>> entries = null!;

    [Params(10, 10_000)]
    public int Routes { get; set; }

    [GlobalSetup]
    public void Setup() => entries = RouterBench.Entries(Routes);

    [Benchmark]
    public object Compile() => Router<int>.Compile(entries, RouterOptions.Default, out _);
}
