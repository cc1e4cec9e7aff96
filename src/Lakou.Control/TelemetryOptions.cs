using System.Diagnostics.CodeAnalysis;
using Lakou.Core.Configuration;

namespace Lakou.Control;

internal enum OtlpProtocol
{
    Grpc,
    HttpProtobuf,
}

internal sealed record TelemetryOptions
{
    public Uri? Otlp { get; init; }

    public OtlpProtocol Protocol { get; init; } = OtlpProtocol.Grpc;

    public string Service { get; init; } = "lakou";

    public double Sample { get; init; } = 1;

    private static readonly Shape<Uri> AddressShape = Shapes.Parsed<Uri>(
        "address",
        "an address such as http://127.0.0.1:4317",
        TryParseAddress,
        uri => uri.ToString(),
        "^https?://");

    public static Shape<TelemetryOptions> Shape { get; } = Shapes.Object("telemetry", "Traces and metrics sent to an OpenTelemetry collector. Without `otlp` nothing is measured or sent, unless the environment has `OTEL_EXPORTER_OTLP_ENDPOINT`.", () => new TelemetryOptions())
        .Field("otlp", AddressShape, o => o.Otlp, (o, v) => o with { Otlp = v }, "Where the collector listens: `http://127.0.0.1:4317` for gRPC, `http://127.0.0.1:4318` for HTTP; `/v1/traces` and `/v1/metrics` are added for HTTP.")
        .Field("protocol", Shapes.Choice(("grpc", OtlpProtocol.Grpc), ("http-protobuf", OtlpProtocol.HttpProtobuf)), o => o.Protocol, (o, v) => o with { Protocol = v }, "How OTLP is carried.")
        .Field("service", Shapes.Text(1, 255), o => o.Service, (o, v) => o with { Service = v }, "`service.name` of everything that is sent.")
        .Field("sample", Shapes.Share(), o => o.Sample, (o, v) => o with { Sample = v }, "Share of the traces that begin here and are recorded. A trace that a client began is recorded when the client says so.");

    private static bool TryParseAddress(string text, [MaybeNullWhen(false)] out Uri address)
        => Uri.TryCreate(text, UriKind.Absolute, out address) && (address.Scheme is "http" or "https") && address.UserInfo.Length == 0;
}
