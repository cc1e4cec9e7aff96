using System.Diagnostics;
using Lakou.EndToEnd.Peers;

namespace Lakou.EndToEnd;

/// <summary>The scripts of <c>samples/backbone</c>, in the order in which their README has them.</summary>
public sealed class BackboneSampleTests
{
    private static readonly string Folder = Path.Combine(Binary.Repository, "samples", "backbone");

    [Fact]
    public async Task Curl_alone_publishes_works_fails_redrives_reads_and_follows()
    {
        Programs.Need("curl", "curl");
        using var folder = new TemporaryFolder();
        var file = folder.Write("lakou.yaml", File.ReadAllText(Path.Combine(Folder, "lakou.yaml")).Replace(":8080", ":0", StringComparison.Ordinal).Replace(":9900", ":0", StringComparison.Ordinal));
        await using var lakou = await RunningLakou.StartAsync("run", file);

        // 1. Six events: one by plain data, one that is sent twice, one structured, a batch of two, and one that is held.
        var published = await RunAsync(lakou, "publish.sh");
        Assert.Equal(6, published.Length);
        Assert.Contains("\"duplicate\":true", published[2], StringComparison.Ordinal);
        Assert.Contains("\"count\":2", published[4], StringComparison.Ordinal);
        Assert.Contains("\"due\":", published[5], StringComparison.Ordinal);

        // 2. All but the held one are worked on.
        var worked = await RunAsync(lakou, "work.sh");
        Assert.Equal(5, worked.Count(line => line.StartsWith("worked on: ", StringComparison.Ordinal)));
        Assert.Equal(5, worked.Count(line => line == "{\"done\":1,\"gone\":[]}"));

        // 3. Three refusals, dead with each reason, back, finished.
        var failed = await RunAsync(lakou, "fail.sh");
        Assert.Equal(4, failed.Count(line => line == "{\"done\":1,\"gone\":[]}"));
        Assert.Contains(failed, line => line.Contains("declined, attempt 1", StringComparison.Ordinal) && line.Contains("declined, attempt 3", StringComparison.Ordinal));
        Assert.Contains("{\"done\":1,\"left\":0}", failed);

        // 4. Two, and the next one by the id of the second.
        var tailed = await RunAsync(lakou, "tail.sh");
        Assert.Equal(3, tailed.Where(line => line.StartsWith("data: {", StringComparison.Ordinal)).Distinct(StringComparer.Ordinal).Count());

        // 5. A log that is read to its end, and has nothing the second time.
        Assert.Equal(6, (await RunAsync(lakou, "read.sh"))[0].Split("\"specversion\"").Length - 1);
        Assert.Empty(await RunAsync(lakou, "read.sh"));
    }

    private static async Task<string[]> RunAsync(RunningLakou lakou, string script)
    {
        var start = new ProcessStartInfo("bash", [Path.Combine(Folder, script)]);
        start.Environment["ADMIN"] = lakou.Admin.GetLeftPart(UriPartial.Authority);
        start.Environment["WAIT"] = "100ms";
        var ended = await Programs.RunAsync(start);
        Assert.True(ended.Code == 0, $"{script}\n{ended}");
        return ended.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
