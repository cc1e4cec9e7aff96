using System.Collections.Concurrent;
using System.Diagnostics.Tracing;
using System.IO.Pipelines;
using System.Net;
using Lakou.Core.Configuration;
using Lakou.Core.Metrics;
using Lakou.Gateway;
using Lakou.Gateway.Observation;
using Lakou.Transport;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lakou.Bench.Forwarding;

/// <summary>
/// What a forwarded request allocates: bytes, then the types of them. The gateway runs in this process; clients and endpoint
/// are <see cref="QuietPeers"/>.
/// </summary>
internal static class ForwardBench
{
    private const int Clients = 8;
    private const int WarmUpRounds = 4000; // enough for the hot methods to reach their last tier
    private const int Rounds = 10_000;

    public static async Task RunAsync()
    {
        using var peers = new QuietPeers();
        var metrics = new GatewayMetrics(new MetricRegistry(), "bench");
        var transport = LakouTransport.Start(new TransportOptions { ApplicationScheduler = PipeScheduler.Inline });
        await using var gateway = new GatewayState(
            metrics, new ServerTelemetry(TimeProvider.System, "bench"), accessLog: null, TimeProvider.System, transport, NullLoggerFactory.Instance);
        await gateway.ApplyAsync(Plan(peers.Url), new Problems());
        peers.Connect((IPEndPoint)gateway.EndPointOf("web"), Clients);
        peers.Talk(Request, WarmUpRounds);

        var before = GC.GetTotalAllocatedBytes(precise: true);
        peers.Talk(Request, Rounds);
        var bytes = GC.GetTotalAllocatedBytes(precise: true) - before;
        Console.WriteLine($"{transport.Kind}: {(double)bytes / (Rounds * Clients):0.##} bytes a request over {Rounds * Clients:N0} requests");

        using var sampler = new AllocationSampler();
        peers.Talk(Request, Rounds);
        foreach (var (type, count) in sampler.Types.OrderByDescending(sample => sample.Value).Take(20))
        {
            Console.WriteLine($"  {count,6} samples of 100 KB  {type}");
        }
    }

    private static ReadOnlySpan<byte> Request
        => "GET /orders/17 HTTP/1.1\r\nHost: api.example.org\r\nUser-Agent: bench\r\nAccept: */*\r\nAccept-Encoding: gzip\r\n\r\n"u8;

    private static GatewayPlan Plan(string endpoint)
    {
        var shape = GatewayOptions.AddTo(Shapes.Object("bench", "The gateway's part of the file.", () => new GatewayOptions()), o => o, (_, v) => v);
        var problems = new Problems();
        var document = ConfigDocument.Parse("bench.yaml", $$"""
            listeners: { web: { address: "127.0.0.1:0" } }
            upstreams: { app: { endpoints: [ "{{endpoint}}" ] } }
            routes: { all: { match: { path: "/**" }, to: app } }
            """, ReferenceSource.None, problems);
        return document.Root is not null && shape.TryRead(document.Root, problems, out var options)
            ? GatewayPlan.Build(options, document, AppContext.BaseDirectory, problems)
            : throw new InvalidOperationException(string.Join('\n', problems.All));
    }

    /// <summary>Counts the runtime's samples, one for about 100 KB, by type.</summary>
    private sealed class AllocationSampler : EventListener
    {
        private const string Runtime = "Microsoft-Windows-DotNETRuntime";
        private const EventKeywords Collector = (EventKeywords)1;

        public ConcurrentDictionary<string, int> Types { get; } = [];

        protected override void OnEventSourceCreated(EventSource source)
        {
            if (source.Name == Runtime)
            {
                EnableEvents(source, EventLevel.Verbose, Collector);
            }
        }

        protected override void OnEventWritten(EventWrittenEventArgs data)
        {
            if (data.EventName?.StartsWith("GCAllocationTick", StringComparison.Ordinal) == true
                && data.PayloadNames?.IndexOf("TypeName") is >= 0 and var at && data.Payload![at] is string type)
            {
                Types.AddOrUpdate(type, 1, static (_, count) => count + 1);
            }
        }
    }
}
