using System.Text.Json.Nodes;

namespace Lakou.Control.Tests;

public sealed class ReferencesTests
{
    [Fact]
    public void No_two_faults_share_a_code()
    {
        Assert.Equal(References.FaultCodes.Select(code => code.Name).Distinct(StringComparer.Ordinal), References.FaultCodes.Select(code => code.Name));
        Assert.All(References.FaultCodes, code => Assert.Matches("^[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*$", code.Name));
    }

    [Theory]
    [InlineData("upstream/connect-timeout")]
    [InlineData("http/head-timeout")]
    [InlineData("route/not-found")]
    [InlineData("config/invalid")]
    public void Faults_of_every_room_are_listed(string code)
        => Assert.Contains($"| `{code}` |", References.Faults(), StringComparison.Ordinal);

    [Fact]
    public void Options_of_the_whole_file_are_listed_with_defaults()
    {
        var page = References.Options();
        Assert.Contains("| `drain` | duration | `30s` |", page, StringComparison.Ordinal);
        Assert.Contains("| `address` | text | `127.0.0.1:9900` |", page, StringComparison.Ordinal);
        Assert.Contains("## rewrite", page, StringComparison.Ordinal);
        Assert.Contains("| `sample` | share | `100%` |", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Metrics_are_listed_with_their_labels()
        => Assert.Contains("| `lakou_config_reloads_total` | counter | `result` |", References.Metrics(), StringComparison.Ordinal);

    [Fact]
    public void The_schema_is_json_and_knows_the_whole_file()
    {
        var schema = JsonNode.Parse(References.Schema())!;
        Assert.Equal(
            ["listeners", "upstreams", "filters", "routes", "store", "topics", "subscriptions", "transport", "admin", "log", "telemetry", "drain"],
            schema["$defs"]!["lakou"]!["properties"]!.AsObject().Select(property => property.Key));
    }

    [Fact]
    public void Pages_are_the_same_every_time_and_end_their_lines_alike()
    {
        foreach (var page in new Func<string>[] { References.Options, References.Faults, References.Metrics, References.Schema })
        {
            Assert.Equal(page(), page());
            Assert.DoesNotContain('\r', page());
            Assert.EndsWith("\n", page(), StringComparison.Ordinal);
        }
    }
}
