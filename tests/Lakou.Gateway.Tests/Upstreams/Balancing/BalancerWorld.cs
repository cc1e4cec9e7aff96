using System.Buffers.Binary;
using System.Net;
using Lakou.Core.Metrics;
using Lakou.Core.Time;
using Lakou.Gateway.Observation;
using Lakou.Gateway.Tests.Harness;
using Lakou.Gateway.Upstreams;
using Lakou.Gateway.Upstreams.Balancing;
using Lakou.Transport;

namespace Lakou.Gateway.Tests.Upstreams.Balancing;

/// <summary>Endpoints that nobody connects to, for simulations, and their clock.</summary>
internal sealed class BalancerWorld : IDisposable
{
    public static PickContext Nobody => default;

    private static readonly LakouTransport Transport = LakouTransport.Start(new TransportOptions { Kind = TransportKind.Sockets });

    private readonly GatewayMetrics _metrics = new(new MetricRegistry(), "test");
    private readonly Sweeper _sweeper;

    public BalancerWorld() => _sweeper = new(Time, TimeSpan.FromHours(1));

    public ManualTime Time { get; } = new();

    public static IReadOnlyList<string> Names { get; } = ["round-robin", "power-of-two", "least-requests", "least-latency", "random", "first", "hash"];

    /// <summary>Endpoints of these weights, with addresses of their own.</summary>
    public WeightedEndpoint[] Endpoints(params IEnumerable<int> weights) => [.. weights.Select((weight, i) => new WeightedEndpoint(Endpoint(i), weight))];

    public WeightedEndpoint[] Equal(int count) => Endpoints(Enumerable.Repeat(1, count));

    public EndpointState Endpoint(int i)
    {
        var address = EndpointAddress.TryParse($"http://10.0.{i / 250}.{(i % 250) + 1}:8080", out _)!;
        return new(address, _metrics.Endpoint("test", address.Text), Transport, _sweeper);
    }

    /// <summary>By its name, as configuration has it, over these and nothing around it.</summary>
    public IBalancer Create(string name, WeightedEndpoint[] endpoints, int seed = 1, double bound = 0)
    {
        foreach (var endpoint in endpoints)
        {
            endpoint.State.TimeAnswers(name == "least-latency", Time);
        }

        return name switch
        {
            "round-robin" => new RoundRobin(endpoints),
            "power-of-two" => new PowerOfTwo(endpoints, new Random(seed)),
            "least-requests" => new LeastRequests(endpoints, new Random(seed)),
            "least-latency" => new LeastLatency(endpoints, Time, new Random(seed)),
            "random" => new WeightedRandom(endpoints, new Random(seed)),
            "first" => new First(endpoints),
            "hash" => new ConsistentHash(endpoints, new HashKey(new HashKeyOptions()), bound, new Random(seed)),
            _ => throw new ArgumentOutOfRangeException(nameof(name), name, null),
        };
    }

    /// <summary>A client of layer 4: the n-th address.</summary>
    public static PickContext Client(int n)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, (10 << 24) + n);
        return new(null, new IPAddress(bytes));
    }

    /// <summary>How often each of them is picked by so many clients, one after another.</summary>
    public static int[] Count(IBalancer balancer, WeightedEndpoint[] endpoints, int picks)
    {
        var index = endpoints.Select((endpoint, i) => (endpoint.State, i)).ToDictionary(pair => pair.State, pair => pair.i);
        var counts = new int[endpoints.Length];
        for (var n = 0; n < picks; n++)
        {
            counts[index[balancer.Pick(Client(n))!]]++;
        }

        return counts;
    }

    /// <summary>Each count is within five standard deviations of its share: by chance alone once in a million, and the seed is fixed.</summary>
    public static void AssertShares(WeightedEndpoint[] endpoints, int[] counts)
    {
        double picks = counts.Sum();
        double weights = endpoints.Sum(endpoint => endpoint.Weight);
        for (var i = 0; i < counts.Length; i++)
        {
            var share = endpoints[i].Weight / weights;
            var deviation = Math.Sqrt(picks * share * (1 - share));
            Assert.True(Math.Abs(counts[i] - (picks * share)) <= 5 * deviation, $"endpoint {i} of weight {endpoints[i].Weight}: {counts[i]} of {picks}");
        }
    }

    public void Dispose() => _sweeper.Dispose();
}
