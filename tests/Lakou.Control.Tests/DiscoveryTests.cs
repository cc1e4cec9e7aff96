using System.Text.Json.Nodes;
using Lakou.Control.Tests.Harness;
using Lakou.Core.Configuration;

namespace Lakou.Control.Tests;

public sealed class DiscoveryTests
{
    private const string Yaml = """
        listeners: { web: { address: "127.0.0.1:0" } }
        upstreams: { orders: { endpoints-from: endpoints.yaml } }
        routes: { all: { match: { path: "/**" }, to: orders } }
        admin: { address: "127.0.0.1:0" }
        """;

    [Fact]
    public void A_check_of_the_configuration_checks_its_files_of_endpoints()
    {
        var folder = Directory.CreateTempSubdirectory("lakou-load-").FullName;
        var file = Path.Combine(folder, "endpoints.yaml");
        var missing = ConfigurationLoader.LoadText("lakou.yaml", Yaml, folder, ReferenceSource.None);
        Assert.Equal($"{file}: no such file", Assert.Single(missing.Problems).ToString());
        Assert.Contains(file, missing.Files); // what would mend it is watched

        File.WriteAllText(file, "endpoints:\n  - http://127.0.0.1:1\n  - http://\n");
        var bad = ConfigurationLoader.LoadText("lakou.yaml", Yaml, folder, ReferenceSource.None);
        Assert.StartsWith($"{file}:3:5 endpoints[1]: not an address", Assert.Single(bad.Problems).ToString(), StringComparison.Ordinal);

        File.WriteAllText(file, "endpoints:\n  - http://127.0.0.1:1\n");
        var good = ConfigurationLoader.LoadText("lakou.yaml", Yaml, folder, ReferenceSource.None);
        Assert.Empty(good.Problems);
        Assert.DoesNotContain(file, good.Files); // its upstream watches it
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_file_of_endpoints_is_followed_without_a_reload_and_kept_when_it_is_bad()
    {
        await using var world = await World.StartAsync("", prepare: folder => Write(folder, "http://127.0.0.1:1"));
        await BecomesAsync(world, "current", "http://127.0.0.1:1");

        File.WriteAllText(Path.Combine(world.Folder, "endpoints.yaml"), "endpoints: [ { url: 7 } ]");
        var stale = await BecomesAsync(world, "stale", "http://127.0.0.1:1");
        Assert.Contains("endpoints.yaml:1:14 endpoints[0]: not an address", (string)stale["lastError"]!, StringComparison.Ordinal);

        Write(world.Folder, "http://127.0.0.1:2", "http://127.0.0.1:3");
        var mended = await BecomesAsync(world, "current", "http://127.0.0.1:2 http://127.0.0.1:3");
        Assert.Equal(("file", Path.Combine(world.Folder, "endpoints.yaml")), ((string)mended["source"]!, (string)mended["of"]!));
        Assert.Equal(1, world.Host.Running!.Version);
    }

    [Fact]
    public async Task A_reload_takes_endpoints_that_speak_something_else()
    {
        await using var world = await World.StartAsync("", prepare: folder => Write(folder, "http://127.0.0.1:1"));
        Write(world.Folder, "https://127.0.0.1:1");
        var result = await world.Host.ReloadAsync("signal");
        Assert.Equal(["~ upstream orders"], result.Diff.Lines);
        await BecomesAsync(world, "current", "https://127.0.0.1:1");
    }

    private static void Write(string folder, params string[] endpoints)
    {
        File.WriteAllText(Path.Combine(folder, "lakou.yaml"), Yaml);
        File.WriteAllText(Path.Combine(folder, "new"), $"endpoints: [ {string.Join(", ", endpoints.Select(one => $"\"{one}\""))} ]");
        File.Move(Path.Combine(folder, "new"), Path.Combine(folder, "endpoints.yaml"), overwrite: true);
    }

    private static async Task<JsonNode> BecomesAsync(World world, string state, string endpoints)
    {
        using var patience = new CancellationTokenSource(World.Patience);
        while (true)
        {
            var upstream = (await world.GetAsync("/v1/upstreams"))["upstreams"]![0]!;
            var found = string.Join(' ', upstream["endpoints"]!.AsArray().Select(one => (string)one!["address"]!));
            if ((string)upstream["discovery"]!["state"]! == state && found == endpoints)
            {
                return upstream["discovery"]!;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, patience.Token);
        }
    }
}
