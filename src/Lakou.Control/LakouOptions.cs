using Lakou.Core.Configuration;
using Lakou.Gateway;
using Lakou.Messaging;
using Lakou.Transport;

namespace Lakou.Control;

/// <summary>The whole file, as written.</summary>
internal sealed record LakouOptions
{
    public GatewayOptions Gateway { get; init; } = new();

    public BackboneOptions Backbone { get; init; } = new();

    public TransportOptions Transport { get; init; } = new();

    public AdminOptions Admin { get; init; } = new();

    public LogOptions Log { get; init; } = new();

    public TelemetryOptions Telemetry { get; init; } = new();

    public TimeSpan Drain { get; init; } = TimeSpan.FromSeconds(30); // Kubernetes' terminationGracePeriodSeconds

    public static ObjectShape<LakouOptions> Shape { get; } = BackboneOptions
        .AddTo(
            GatewayOptions.AddTo(Shapes.Object("lakou", "The whole file.", () => new LakouOptions()), o => o.Gateway, (o, v) => o with { Gateway = v }),
            o => o.Backbone,
            (o, v) => o with { Backbone = v })
        .Field("transport", TransportShape.Shape, o => o.Transport, (o, v) => o with { Transport = v }, "What moves the bytes of connections.")
        .Field("admin", AdminOptions.Shape, o => o.Admin, (o, v) => o with { Admin = v }, "The listener for operators.")
        .Field("log", LogOptions.Shape, o => o.Log, (o, v) => o with { Log = v }, "What is written to standard output and standard error.")
        .Field("telemetry", TelemetryOptions.Shape, o => o.Telemetry, (o, v) => o with { Telemetry = v }, "Traces and metrics sent to an OpenTelemetry collector.")
        .Field("drain", Shapes.Duration(TimeSpan.Zero, TimeSpan.FromHours(24)), o => o.Drain, (o, v) => o with { Drain = v }, "How long requests may take to end when Lakou stops, or when their listener leaves the file; then they are cut.");
}
