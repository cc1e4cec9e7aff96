using System.IO.Pipelines;
using System.Net;
using System.Text;
using Lakou.Core.Configuration;
using Lakou.Core.Metrics;
using Lakou.Gateway.Observation;
using Lakou.Transport;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lakou.Gateway.Tests.Harness;

/// <summary>A gateway on free ports, from the text of its configuration.</summary>
internal sealed class TestGateway : IAsyncDisposable
{
    private static readonly Shape<GatewayOptions> Root =
        GatewayOptions.AddTo(Shapes.Object("test", "The gateway's part of the file.", () => new GatewayOptions()), o => o, (_, v) => v)
            .Field("topics", Shapes.Named(Shapes.Object("topic", "Its name is all that the gateway knows of it.", () => "")), _ => null, (o, _) => o, "Topics.");

    private readonly MemoryStream _log = new();
    private readonly AccessLog _accessLog;
    private readonly TimeProvider _time;
    private readonly LakouTransport _transport;

    private TestGateway(TimeProvider? time, ILoggerFactory? loggers, int loops, string version, FakeQuic? quic)
    {
        _time = time ?? TimeProvider.System;
        _transport = LakouTransport.Start(new TransportOptions { Time = _time, Loops = loops, ApplicationScheduler = PipeScheduler.Inline }, loggers);
        Registry = new MetricRegistry();
        var metrics = new GatewayMetrics(Registry, "test");
        _accessLog = new AccessLog(AccessLogFormat.Json, _log, TimeProvider.System, metrics.AccessLogDropped, NullLogger.Instance);
        State = new GatewayState(metrics, new ServerTelemetry(_time, version), _accessLog, _time, _transport, loggers ?? NullLoggerFactory.Instance) { Quic = quic };
    }

    public GatewayState State { get; }

    public MetricRegistry Registry { get; }

    public IPEndPoint Address => AddressOf("web");

    public Uri Uri => new($"http://{Address}");

    /// <param name="yaml">Keys below the root; a listener <c>web</c> on a free port is added when there is none.</param>
    /// <param name="time">Manual in tests of timeouts.</param>
    /// <param name="loggers">Where operational messages go.</param>
    /// <param name="loops">Two, so that connections of a request may live on different ones.</param>
    /// <param name="version">Of its telemetry, by which a listener tells it from that of other tests.</param>
    /// <param name="quic">What carries HTTP/3.</param>
    public static async Task<TestGateway> StartAsync(string yaml, TimeProvider? time = null, ILoggerFactory? loggers = null, int loops = 2, string version = "test", FakeQuic? quic = null)
    {
        var gateway = new TestGateway(time, loggers, loops, version, quic);
        await gateway.ApplyAsync(yaml);
        return gateway;
    }

    /// <summary>All to one endpoint.</summary>
    public static Task<TestGateway> ForwardAsync(string endpoint, string upstream = "", string route = "", string listener = "", TimeProvider? time = null, int loops = 2)
        => StartAsync($$"""
            listeners: { web: { address: "127.0.0.1:0"{{Also(listener)}} } }
            upstreams: { app: { endpoints: [ "{{endpoint}}" ]{{Also(upstream)}} } }
            routes: { all: { match: { path: "/**" }, to: app{{Also(route)}} } }
            """, time, loops: loops);

    public IPEndPoint AddressOf(string listener) => (IPEndPoint)State.EndPointOf(listener);

    public static (GatewayPlan Plan, IReadOnlyList<Problem> Problems) Plan(string yaml)
    {
        var problems = new Problems();
        var document = ConfigDocument.Parse("lakou.yaml", yaml, ReferenceSource.None, problems);
        var plan = document.Root is not null && Root.TryRead(document.Root, problems, out var options)
            ? GatewayPlan.Build(options, document, AppContext.BaseDirectory, problems)
            : GatewayPlan.Empty;
        return (plan, problems.All);
    }

    public async Task ApplyAsync(string yaml)
    {
        if (!yaml.Contains("listeners:", StringComparison.Ordinal))
        {
            yaml = "listeners: { web: { address: \"127.0.0.1:0\" } }\n" + yaml;
        }

        var (plan, problems) = Plan(yaml);
        Assert.Empty(problems);
        var failures = new Problems();
        Assert.True(await State.ApplyAsync(plan, failures), string.Join('\n', failures.All));
    }

    /// <summary>The access log so far, a line an exchange.</summary>
    public async Task<string[]> LogAsync()
    {
        await _accessLog.FlushAsync();
        return Encoding.UTF8.GetString(_log.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>The access log once it has that many lines: a line is written a moment after the client has its answer.</summary>
    public async Task<string[]> LogAsync(int lines)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (true)
        {
            var log = await LogAsync();
            if (log.Length >= lines)
            {
                return log;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, patience.Token);
        }
    }

    public string Metrics()
    {
        var writer = new System.Buffers.ArrayBufferWriter<byte>();
        Registry.Write(writer);
        return Encoding.UTF8.GetString(writer.WrittenSpan);
    }

    public async ValueTask DisposeAsync()
    {
        await State.DisposeAsync();
        await _accessLog.DisposeAsync();
    }

    private static string Also(string keys) => keys.Length == 0 ? "" : ", " + keys;
}
