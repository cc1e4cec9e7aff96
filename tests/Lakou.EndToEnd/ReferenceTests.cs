using System.Text.Json;
using Lakou.EndToEnd.Peers;

namespace Lakou.EndToEnd;

public class ReferenceTests
{
    [Fact]
    public async Task The_reference_in_the_repository_is_what_the_code_says()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(0, (await Binary.RunAsync("reference", "--out", folder.Path)).Code);

        var committed = Path.Combine(Binary.Repository, "docs", "reference");
        foreach (var page in Directory.GetFiles(folder.Path))
        {
            var name = Path.GetFileName(page);
            var kept = Path.Combine(committed, name);
            Assert.True(
                File.Exists(kept) && File.ReadAllText(kept) == File.ReadAllText(page),
                $"docs/reference/{name} is not what the code says; run: ./lakou reference --out docs/reference");
        }
    }

    [Fact]
    public async Task The_schema_is_json_that_knows_the_first_keys()
    {
        var ended = await Binary.RunAsync("schema");

        Assert.Equal((0, ""), (ended.Code, ended.Error));
        var properties = JsonDocument.Parse(ended.Out).RootElement.GetRawText();
        Assert.All(["listeners", "upstreams", "routes", "filters", "admin"], key => Assert.Contains($"\"{key}\"", properties, StringComparison.Ordinal));
        Assert.Equal(File.ReadAllText(Path.Combine(Binary.Repository, "docs", "reference", "lakou.schema.json")), ended.Out);
    }
}
