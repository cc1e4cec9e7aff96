using BenchmarkDotNet.Attributes;
using Lakou.Gateway.Upstreams.Balancing;

namespace Lakou.Bench;

/// <summary>What least-latency costs a request besides its choice; other balancers pay a test for null.</summary>
public class AnswerTimesBench
{
    private readonly AnswerTimes _times = new(TimeProvider.System);
    private long _now = TimeProvider.System.GetTimestamp();

    [Benchmark]
    public void Observe() => _times.Observe(1_000_000, _now += 1000);
}
