using Lakou.EndToEnd.Peers;

namespace Lakou.EndToEnd;

/// <summary>One class, so one demo at a time: the second would find the friendly ports taken while it looks.</summary>
public class DemoTests
{
    [Fact]
    public async Task Every_line_that_it_prints_works_as_printed()
    {
        Programs.Need("curl", "curl");
        await using var demo = await RunningLakou.StartAsync("demo");
        await demo.LineAsync("Each request is a line below");
        string[] lines = [.. demo.Said.Split('\n').Select(line => line.Trim()).Where(line => line.StartsWith("curl ", StringComparison.Ordinal))];
        Assert.Equal(9, lines.Length);

        // 1. An id; and again, the other instance.
        var first = await ShellAsync(lines[0]);
        var second = await ShellAsync(lines[0]);
        Assert.StartsWith("HTTP/1.1 200 OK", first, StringComparison.Ordinal);
        Assert.Matches("\r\nX-Request-Id: [0-9a-f]{32}\r\n", first);
        Assert.NotEqual(Instance(first), Instance(second));

        // 2. Five events, in order.
        var ticks = await ShellAsync(lines[1]);
        Assert.Equal(["1", "2", "3", "4", "5"], ticks.Split('\n').Where(line => line.StartsWith("id: ", StringComparison.Ordinal)).Select(line => line[4..]));

        // 3. A timeout with its fault.
        var report = await ShellAsync(lines[2]);
        Assert.StartsWith("HTTP/1.1 504 ", report, StringComparison.Ordinal);
        Assert.Contains("\"fault\":\"upstream/total-timeout\"", report, StringComparison.Ordinal);

        // 4. Both services; the flaky one's own failures, and the gateway's word for a broken connection.
        var seen = "";
        while (!(seen.Contains("200 OK", StringComparison.Ordinal) && seen.Contains("\"flaky\"", StringComparison.Ordinal)
            && seen.Contains("503 Service", StringComparison.Ordinal) && seen.Contains("502 Bad Gateway", StringComparison.Ordinal)))
        {
            seen += await ShellAsync(lines[3]);
        }

        // 5. What happened, counted.
        var metrics = await ShellAsync(lines[4]);
        Assert.Contains("lakou_requests_total{route=\"hello\",status=\"2xx\"} 2\n", metrics, StringComparison.Ordinal);
        Assert.Contains("lakou_requests_total{route=\"report\",status=\"5xx\"} 1\n", metrics, StringComparison.Ordinal);

        // 6. An order that is paid, one that is refused until it is dead, shown, and brought back.
        Assert.Contains("\"topic\":\"orders\"", await ShellAsync(lines[5]), StringComparison.Ordinal);
        await demo.LineAsync("^billing    order .* is paid$");
        await ShellAsync(lines[6]);
        await demo.LineAsync("attempt 3 of 3: the card was declined; it is dead now$");
        Assert.Equal(3, (await DeadAsync(lines[7])).Split("the card was declined").Length - 1);
        Assert.Equal("{\"done\":1,\"left\":0}", await ShellAsync(lines[8]));
        await demo.LineAsync("is paid with another card$");

        await demo.SignalAsync("INT");
        Assert.Equal(0, await demo.ExitCodeAsync());
    }

    [Fact]
    public async Task It_ends_by_itself()
    {
        var ended = await Binary.RunAsync("demo", "--for", "100ms");

        Assert.True(ended.Code == 0, ended.ToString());
        Assert.Equal("", ended.Error);
    }

    [Fact]
    public async Task It_leaves_nothing_behind()
    {
        using var folder = new TemporaryFolder();
        var start = Binary.Start("demo", "--for", "100ms");
        start.Environment["TMPDIR"] = folder.Path;

        Assert.Equal(0, (await Programs.RunAsync(start)).Code);

        Assert.Empty(Directory.GetFileSystemEntries(folder.Path, "lakou-demo-*"));
    }

    [Fact]
    public async Task Two_demos_run_side_by_side()
    {
        await using var first = await RunningLakou.StartAsync("demo");
        await using var second = await RunningLakou.StartAsync("demo");

        Assert.NotEqual(first.Gateway, second.Gateway);
        Assert.NotEqual(first.Admin, second.Admin);
        foreach (var demo in (RunningLakou[])[first, second])
        {
            await demo.SignalAsync("INT");
            Assert.Equal(0, await demo.ExitCodeAsync());
        }
    }

    /// <summary>The last refusal is on its way when its line is printed.</summary>
    private static async Task<string> DeadAsync(string line)
    {
        string dead;
        do
        {
            dead = await ShellAsync(line);
        }
        while (dead.Contains("\"total\":0", StringComparison.Ordinal));
        return dead;
    }

    private static async Task<string> ShellAsync(string line)
    {
        var ended = await Programs.RunAsync("bash", "-c", line);
        Assert.True(ended.Code == 0, $"{line}\n{ended}");
        return ended.Out;
    }

    private static string Instance(string answer) => answer[answer.IndexOf("\"instance\"", StringComparison.Ordinal)..answer.IndexOf("\"says\"", StringComparison.Ordinal)];
}
