using Lakou.Core.Configuration;
using Lakou.Gateway.Listeners;

namespace Lakou.Gateway.Upstreams;

internal sealed record UpstreamTlsOptions
{
    public string Ca { get; init; } = "";

    public string ServerName { get; init; } = "";

    public CertificateOptions? Certificate { get; init; }

    public TlsVersion MinVersion { get; init; } = TlsVersion.Tls12;

    public bool Verify { get; init; } = true;

    public static Shape<UpstreamTlsOptions> Shape { get; } = Shapes.Object("upstream-tls", "TLS to endpoints.", () => new UpstreamTlsOptions())
        .Field("ca", Shapes.Text(1, 4096), o => o.Ca, (o, v) => o with { Ca = v }, "A PEM file with the roots that are trusted, in place of the system's. Relative to the configuration file.")
        .Field("server-name", Shapes.Text(1, 253), o => o.ServerName, (o, v) => o with { ServerName = v }, "The name that is asked for (SNI) and that the certificate must be for; without it the endpoint's own.")
        .Field("certificate", CertificateOptions.Shape, o => o.Certificate, (o, v) => o with { Certificate = v }, "What Lakou shows to endpoints that ask for a client's certificate.")
        .Field("min-version", TlsOptions.VersionShape, o => o.MinVersion, (o, v) => o with { MinVersion = v }, "The oldest version of TLS that is accepted.")
        .Field("verify", Shapes.Flag(), o => o.Verify, (o, v) => o with { Verify = v }, "`false` takes any certificate of any name: whoever is on the way can read and change everything.");
}
