using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Lakou.Core.Configuration;

namespace Lakou.Control.Tests;

public sealed class ConfigurationLoaderTests
{
    [Theory]
    [InlineData("", "lakou.yaml")]
    [InlineData("routes: {}", "there is nothing to serve")]
    [InlineData("listeners: { web: { address: \":9900\" } }", "admin.address: listener 'web' has this address already (:9900); give each its own")]
    [InlineData("listeners: { web: { address: \":80\" } }\nadmin: { address: \":9900\" }", "lakou.yaml:2:19 admin.address: :9900 can be reached from other machines; set admin.token, or use 127.0.0.1")]
    [InlineData("listeners: { web: { address: \":80\" } }\nadmin: { address: nowhere }", "admin.address: not an address; use")]
    [InlineData("listeners: { web: { address: \":80\" } }\ndrain: 30", "drain: expected a duration such as 5s or 250ms, not")]
    [InlineData("topics: { orders: {} }\nroutes: { all: { match: { path: / }, enqueue: ordes } }", "lakou.yaml:2:47 routes.all.enqueue: unknown topic 'ordes'; did you mean 'orders'?")]
    [InlineData("topics: { orders: {} }\nsubscriptions: { billing: { topic: ordes } }", "lakou.yaml:2:36 subscriptions.billing.topic: unknown topic 'ordes'; did you mean 'orders'?")]
    [InlineData("listeners: { web: { address: \":80\" } }\ntelemetry: { otlp: collector }", "telemetry.otlp: expected an address such as http://127.0.0.1:4317")]
    public void What_is_wrong_is_told_with_its_place(string yaml, string expected)
    {
        var loaded = Load(yaml);
        Assert.Null(loaded.Plan);
        Assert.Contains(expected, Assert.Single(loaded.Problems).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Everything_that_is_wrong_is_told_at_once()
    {
        var loaded = Load("""
            listeners: { web: { address: ":80" }, other: { address: ":80" } }
            routes:
              a: { match: { path: /a }, to: ordes }
              b: { match: { path: /b } }
            upstreams: { orders: { endpoints: [ "ftp://x" ] } }
            admin: { address: "0.0.0.0:9900" }
            drain: never
            """);
        Assert.Equal(
            ["listeners.other.address", "routes.a.to", "routes.b", "upstreams.orders.endpoints[0]", "admin.address", "drain"],
            loaded.Problems.Select(problem => problem.Path));
    }

    [Fact]
    public void A_token_that_is_wrong_is_not_quoted()
        => Assert.DoesNotContain("hunter2", Assert.Single(Load("listeners: { web: { address: \":80\" } }\nadmin: { token: hunter2 }").Problems).ToString(), StringComparison.Ordinal);

    [Fact]
    public void An_admin_address_beyond_this_machine_is_right_with_a_token()
        => Assert.NotNull(Load("listeners: { web: { address: \":80\" } }\nadmin: { address: \":9900\", token: correct-horse-battery }").Plan);

    [Fact]
    public void Certificates_and_references_are_files_of_the_configuration()
    {
        var folder = Directory.CreateTempSubdirectory("lakou-load-").FullName;
        WriteCertificate(folder);
        File.WriteAllText(Path.Combine(folder, "body.txt"), "hi");
        const string Yaml = """
            listeners: { web: { address: ":80", tls: { certificates: [ { cert: c.pem, key: k.pem } ] } } }
            routes: { a: { match: { path: /a }, respond: { body: "${file:body.txt}" } } }
            """;
        var before = ConfigurationLoader.LoadText("lakou.yaml", Yaml, folder, ReferenceSource.System);
        Assert.Empty(before.Problems);
        Assert.Equal(["body.txt", "c.pem", "k.pem"], before.Files.Select(file => Path.GetRelativePath(folder, file)));
        Assert.Equal(before.Fingerprint, ConfigurationLoader.LoadText("lakou.yaml", Yaml + "\n# a remark", folder, ReferenceSource.System).Fingerprint);
        WriteCertificate(folder);
        var after = ConfigurationLoader.LoadText("lakou.yaml", Yaml, folder, ReferenceSource.System);
        Assert.NotEqual(before.Fingerprint, after.Fingerprint);
        Assert.Equal(["~ listener web"], PlanDiff.Between(before.Plan, after.Plan!).Lines);
        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData("topics: { orders: {} }")]
    [InlineData("store: {}")]
    public void A_backbone_alone_is_worth_serving(string yaml) => Assert.Equal("/data", Load(yaml).Plan!.Backbone.Store!.Path);

    [Fact]
    public void What_changed_of_the_backbone_is_told()
    {
        var before = Load("""
            topics: { a: {}, b: {} }
            subscriptions: { s: { topic: a }, t: { topic: b } }
            """).Plan!;
        var after = Load("""
            store: { sync: each }
            topics: { a: { retention: 1d }, c: {} }
            subscriptions: { s: { topic: c }, u: { topic: a } }
            """).Plan!;
        var diff = PlanDiff.Between(before, after);
        Assert.Equal(["- topic b", "~ topic a", "+ topic c", "- subscription t", "~ subscription s", "+ subscription u", "~ store"], diff.Lines);
        Assert.StartsWith("1 topic added (c), 1 topic changed (a), 1 topic removed (b), 1 subscription added (u), ", diff.ToString(), StringComparison.Ordinal);
        Assert.False(diff.IsEmpty);
        Assert.True(PlanDiff.Between(after, after).IsEmpty);
        Assert.Equal(["+ topic a", "+ topic b", "+ subscription s", "+ subscription t"], PlanDiff.Between(null, before).Lines);
    }

    private static void WriteCertificate(string folder)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(200));
        File.WriteAllText(Path.Combine(folder, "c.pem"), certificate.ExportCertificatePem());
        File.WriteAllText(Path.Combine(folder, "k.pem"), key.ExportPkcs8PrivateKeyPem());
    }

    private static LoadResult Load(string yaml) => ConfigurationLoader.LoadText("lakou.yaml", yaml, "/", ReferenceSource.None);
}
