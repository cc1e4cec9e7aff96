using System.Collections.Concurrent;
using System.Text;
using Lakou.Control.Export;
using Lakou.Control.Tests.Harness;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Lakou.Control.Tests.Export;

// Listeners of spans and meters hear the whole process: beside another host these would send its requests too.
[CollectionDefinition(nameof(TelemetryExportTests), DisableParallelization = true)]
[Collection(nameof(TelemetryExportTests))]
public sealed class TelemetryExportTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Traces_and_metrics_reach_a_collector_over_http()
    {
        var received = new ConcurrentDictionary<string, string>(StringComparer.Ordinal);
        await using var collector = await Backend.StartAsync(context => KeepAsync(context, received));
        await ServeOneAsync($"telemetry: {{ otlp: \"{collector.Address}\", protocol: http-protobuf, service: orders-gate }}", _ => null);
        AssertTold(received["/v1/traces"], "GET /hello", "orders-gate", "service.version", "service.instance.id", "http.route");
        AssertTold(received["/v1/metrics"], "http.server.request.duration", "orders-gate", "http.response.status_code");
    }

    [Fact]
    public async Task Traces_and_metrics_reach_a_collector_over_grpc()
    {
        var received = new ConcurrentDictionary<string, string>(StringComparer.Ordinal);
        await using var collector = await Backend.StartAsync(
            async context =>
            {
                await KeepAsync(context, received);
                context.Response.ContentType = "application/grpc";
                context.Response.AppendTrailer("grpc-status", "0");
                await context.Response.Body.WriteAsync(new byte[5], context.RequestAborted); // an empty message
            },
            HttpProtocols.Http2);
        await ServeOneAsync($"telemetry: {{ otlp: \"{collector.Address}\" }}", _ => null);
        AssertTold(received["/opentelemetry.proto.collector.trace.v1.TraceService/Export"], "GET /hello");
        AssertTold(received["/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"], "http.server.request.duration");
    }

    [Fact]
    public async Task The_environment_switches_export_on()
    {
        var received = new ConcurrentDictionary<string, string>(StringComparer.Ordinal);
        await using var collector = await Backend.StartAsync(context => KeepAsync(context, received));
        await ServeOneAsync("", name => name switch
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT" => collector.Address.ToString(),
            "OTEL_EXPORTER_OTLP_PROTOCOL" => "http/protobuf",
            _ => null,
        });
        AssertTold(received["/v1/traces"], "GET /hello", "lakou");
    }

    [Fact]
    public async Task A_sample_of_nothing_sends_no_trace_that_begins_here()
    {
        var received = new ConcurrentDictionary<string, string>(StringComparer.Ordinal);
        await using var collector = await Backend.StartAsync(context => KeepAsync(context, received));
        await ServeOneAsync($"telemetry: {{ otlp: \"{collector.Address}\", protocol: http-protobuf, sample: 0% }}", _ => null);
        Assert.DoesNotContain("/v1/traces", received.Keys);
        Assert.Contains("/v1/metrics", received.Keys);
    }

    [Fact]
    public void Without_a_collector_nothing_is_made()
        => Assert.Null(TelemetryExport.TryStart(new TelemetryOptions(), _ => null, "1", new TestLog()));

    private static async Task ServeOneAsync(string yaml, Func<string, string?> environment)
    {
        await using var world = await World.StartAsync(World.Hello + "\n" + yaml, environment: environment);
        await world.Client().GetStringAsync("/hello", Cancel);
        await world.Host.StopAsync(Cancel); // sends what is left
    }

    private static async Task KeepAsync(HttpContext context, ConcurrentDictionary<string, string> received)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        received.AddOrUpdate(context.Request.Path.Value!, _ => Encoding.Latin1.GetString(body.ToArray()), (_, before) => before + Encoding.Latin1.GetString(body.ToArray()));
    }

    // Strings are plain in protobuf.
    private static void AssertTold(string message, params string[] words)
        => Assert.All(words, word => Assert.Contains(word, message, StringComparison.Ordinal));
}
