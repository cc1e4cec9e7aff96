using BenchmarkDotNet.Attributes;
using Lakou.Gateway.Routing;

namespace Lakou.Bench;

/// <summary>The normal form is the common case and only sliced; the other needs two new strings.</summary>
public class RequestTargetBench
{
    [Params("/orders/17/items", "/orders/17/items?page=2&sort=name", "/caf%C3%A9/../orders//17")]
    public string Target { get; set; } = "";

    [Benchmark]
    public int Parse() => RequestTarget.TryParse(Target, TargetRules.Default, out var target, out _) ? target.Path.Length : 0;
}
