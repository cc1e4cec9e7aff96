using Lakou.Gateway.Observation;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Lakou.Control.Export;

/// <summary>Traces and metrics on their way to a collector. Without one nothing listens, so nothing is measured.</summary>
internal sealed class TelemetryExport : IDisposable
{
    // The specification of the OTLP exporter names these.
    private const string EndpointVariable = "OTEL_EXPORTER_OTLP_ENDPOINT";
    private const string ProtocolVariable = "OTEL_EXPORTER_OTLP_PROTOCOL";

    private readonly TracerProvider _traces;
    private readonly MeterProvider _metrics;

    private TelemetryExport(Uri endpoint, OtlpExportProtocol protocol, TelemetryOptions options, string version)
    {
        // A process that restarts is another instance: its counters begin anew.
        var resource = ResourceBuilder.CreateDefault().AddService(options.Service, serviceVersion: version, autoGenerateServiceInstanceId: true);
        _traces = Sdk.CreateTracerProviderBuilder()
            .SetResourceBuilder(resource)
            .SetSampler(new ParentBasedSampler(new TraceIdRatioBasedSampler(options.Sample)))
            .AddSource(ServerTelemetry.Name)
            .AddOtlpExporter(exporter => Direct(exporter, "v1/traces"))
            .Build();
        _metrics = Sdk.CreateMeterProviderBuilder()
            .SetResourceBuilder(resource)
            .AddMeter(ServerTelemetry.Name)
            .AddOtlpExporter(exporter => Direct(exporter, "v1/metrics"))
            .Build();

        void Direct(OtlpExporterOptions exporter, string path)
        {
            exporter.Protocol = protocol;
            exporter.Endpoint = protocol == OtlpExportProtocol.Grpc ? endpoint : new Uri($"{endpoint.ToString().TrimEnd('/')}/{path}");
        }
    }

    /// <summary>Null when neither the file nor the environment names a collector. The file wins.</summary>
    public static TelemetryExport? TryStart(TelemetryOptions options, Func<string, string?> environment, string version, ILogger log)
    {
        var endpoint = options.Otlp;
        var isHttp = options.Protocol == OtlpProtocol.HttpProtobuf;
        if (endpoint is null && environment(EndpointVariable) is { Length: > 0 } named)
        {
            if (!Uri.TryCreate(named, UriKind.Absolute, out endpoint) || endpoint.Scheme is not ("http" or "https"))
            {
                log.LogWarning("{Variable} is no http address; no telemetry is sent", EndpointVariable);
                return null;
            }

            isHttp = environment(ProtocolVariable) is { Length: > 0 } protocol ? protocol == "http/protobuf" : isHttp;
        }

        if (endpoint is null)
        {
            return null;
        }

        log.LogInformation("Telemetry goes to {Endpoint} by {Protocol}", endpoint.GetLeftPart(UriPartial.Path), isHttp ? "http/protobuf" : "grpc");
        return new(endpoint, isHttp ? OtlpExportProtocol.HttpProtobuf : OtlpExportProtocol.Grpc, options, version);
    }

    /// <summary>Sends what is left; waits some seconds for a collector that does not answer.</summary>
    public void Dispose()
    {
        _traces.Dispose();
        _metrics.Dispose();
    }
}
