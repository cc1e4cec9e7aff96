using BenchmarkDotNet.Attributes;
using Lakou.Core.Metrics;
using Lakou.Core.Time;
using Lakou.Gateway.Observation;
using Lakou.Gateway.Upstreams;
using Lakou.Gateway.Upstreams.Balancing;
using Lakou.Transport;

namespace Lakou.Bench;

/// <summary>What it costs a hash that an endpoint comes or goes: the table is made anew.</summary>
public class MaglevBench
{
    private WeightedEndpoint[] _endpoints = [];

    [Params(3, 100, 1000)]
    public int Endpoints { get; set; }

    /// <summary>Of the first; the others have 1. The farther apart, the more rounds.</summary>
    [Params(1, 1000)]
    public int Heaviest { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        var metrics = new GatewayMetrics(new MetricRegistry(), "bench");
        var transport = LakouTransport.Start(new TransportOptions { Kind = TransportKind.Sockets });
        var sweeper = new Sweeper(TimeProvider.System, TimeSpan.FromHours(1));
        _endpoints = [.. Enumerable.Range(1, Endpoints).Select(i =>
        {
            var address = EndpointAddress.TryParse($"http://10.0.0.1:{8000 + i}", out _)!;
            return new WeightedEndpoint(new(address, metrics.Endpoint("app", address.Text), transport, sweeper), i == 1 ? Heaviest : 1);
        })];
    }

    [Benchmark]
    public object Rebuild() => new MaglevTable(_endpoints);
}
