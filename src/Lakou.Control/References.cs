using System.Reflection;
using System.Text;
using Lakou.Core.Configuration;
using Lakou.Core.Faults;
using Lakou.Core.Metrics;
using Lakou.Gateway;
using Lakou.Gateway.Observation;
using Lakou.Http;
using Lakou.Messaging;
using Lakou.Transport;

namespace Lakou.Control;

/// <summary>The pages of <c>docs/reference/</c> and the JSON Schema, written from the declarations themselves.</summary>
internal static class References
{
    public const string SchemaId = "urn:lakou:schema:configuration";

    /// <summary>Every code that any room declares, by name.</summary>
    public static IReadOnlyList<FaultCode> FaultCodes { get; } =
    [
        .. new[] { typeof(FaultCode), typeof(FaultBody), typeof(LakouTransport), typeof(GatewayPlan), typeof(BackbonePlan), typeof(References) }
            .SelectMany(room => room.Assembly.GetTypes())
            .SelectMany(type => type.GetFields(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic))
            .Where(field => field.FieldType == typeof(FaultCode))
            .Select(field => (FaultCode)field.GetValue(null)!)
            .OrderBy(code => code.Name, StringComparer.Ordinal),
    ];

    /// <summary>Every key of the configuration.</summary>
    public static string Options() => $"""
        # Options

        Every key of the configuration file, its default and its range. Generated from the code; do not edit.

        {ReferenceWriter.Write(LakouOptions.Shape)}
        """;

    /// <summary>Every fault, who must act, and whether to try again.</summary>
    public static string Faults()
    {
        var page = new StringBuilder("""
            # Faults

            Every failure that Lakou expects has a stable code. It is the `fault` of a problem document (RFC 9457), of a log line, and of
            `lakou_faults_total`. Generated from the code; do not edit.

            | code | status | who acts | try again | meaning |
            |---|---|---|---|---|

            """.ReplaceLineEndings("\n"));
        foreach (var code in FaultCodes)
        {
            page.Append($"| `{code.Name}` | {(code.Status == 0 ? "–" : code.Status)} | {code.Party.ToString().ToLowerInvariant()} | {Advice(code.Retry)} | {code.Title} |\n");
        }

        return page.ToString();
    }

    /// <summary>Every metric family with its labels.</summary>
    public static string Metrics()
    {
        var registry = new MetricRegistry();
        ProcessMetrics.AddTo(registry);
        _ = new GatewayMetrics(registry, LakouHost.Version);
        TransportMetrics.Describe(registry);
        _ = new BackboneMetrics(registry);
        var page = new StringBuilder("""
            # Metrics

            `GET /metrics` on the admin listener, in the Prometheus text format. Labels come from the configuration alone, never from
            requests. Generated from the code; do not edit.

            | metric | kind | labels | meaning |
            |---|---|---|---|

            """.ReplaceLineEndings("\n"));
        foreach (var family in registry.Describe().OrderBy(family => family.Name, StringComparer.Ordinal))
        {
            var labels = string.Join(", ", family.Labels.Select(label => $"`{label}`"));
            page.Append($"| `{family.Name}` | {family.Kind.ToString().ToLowerInvariant()} | {labels} | {family.Help} |\n");
        }

        return page.ToString();
    }

    /// <summary>For editors: JSON Schema 2020-12 of the configuration.</summary>
    public static string Schema() => SchemaWriter.Write(LakouOptions.Shape, SchemaId, "Lakou configuration");

    private static string Advice(RetryAdvice advice) => advice switch
    {
        RetryAdvice.Now => "at once",
        RetryAdvice.Later => "later",
        RetryAdvice.IfIdempotent => "only if idempotent",
        _ => "no",
    };
}
