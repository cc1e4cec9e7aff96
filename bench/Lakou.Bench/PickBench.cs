using System.Net;
using BenchmarkDotNet.Attributes;
using Lakou.Core.Configuration;
using Lakou.Core.Metrics;
using Lakou.Core.Time;
using Lakou.Gateway;
using Lakou.Gateway.Observation;
using Lakou.Gateway.Upstreams;
using Lakou.Gateway.Upstreams.Balancing;
using Lakou.Transport;

namespace Lakou.Bench;

/// <summary>One choice of every balancer, its endpoint entered and left as a request does.</summary>
public class PickBench
{
    private static readonly Shape<GatewayOptions> Root =
        GatewayOptions.AddTo(Shapes.Object("bench", "The gateway's part of the file.", () => new GatewayOptions()), o => o, (_, v) => v);

    private readonly PickContext _who = new(null, IPAddress.Parse("192.0.2.7"));
    private IBalancer _balancer = null!;

    [Params("round-robin", "power-of-two", "least-requests", "least-latency", "random", "first", "{ hash: client-ip }")]
    public string Balance { get; set; } = "";

    [Params(3, 10, 100)]
    public int Endpoints { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        var endpoints = string.Join(", ", Enumerable.Range(1, Endpoints).Select(i => $"{{ url: \"http://10.0.0.{i}:8080\", weight: {1 + (i % 3)} }}"));
        var problems = new Problems();
        var document = ConfigDocument.Parse("bench.yaml", $"upstreams: {{ app: {{ balance: {Balance}, endpoints: [ {endpoints} ] }} }}", ReferenceSource.None, problems);
        Root.TryRead(document.Root!, problems, out var options);
        var plan = GatewayPlan.Build(options!, document, AppContext.BaseDirectory, problems).Upstreams["app"];

        var metrics = new GatewayMetrics(new MetricRegistry(), "bench");
        var transport = LakouTransport.Start(new TransportOptions { Kind = TransportKind.Sockets });
        var sweeper = new Sweeper(TimeProvider.System, TimeSpan.FromHours(1));
        WeightedEndpoint[] usable = [.. plan.Endpoints.Select(endpoint => new WeightedEndpoint(new(endpoint.Address, metrics.Endpoint("app", endpoint.Address.Text), transport, sweeper), endpoint.Weight))];
        EndpointState[] states = [.. usable.Select(endpoint => endpoint.State)];
        _balancer = IBalancer.Create(plan, usable, states, TimeProvider.System);
        foreach (var state in states)
        {
            state.Enter(); // no balancer has an easy way out
            state.AnswerTimes?.Observe(1000, state.AnswerTimes.Now);
        }
    }

    [Benchmark]
    public void Pick()
    {
        var endpoint = _balancer.Pick(in _who)!;
        endpoint.Enter();
        endpoint.Leave();
    }
}
