using System.Diagnostics;
using System.Net;
using Lakou.EndToEnd.Peers;

namespace Lakou.EndToEnd.Backbone;

/// <summary>The real binary, and a kernel that answers it with failures: strace puts them in the place of what the disk says.</summary>
public sealed class BrokenDiskTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Orders _orders = new();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _orders.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("fdatasync:error=EIO", "cannot sync", "Input/output error")]
    [InlineData("pwrite64:error=EIO", "cannot write", "Input/output error")]
    [InlineData("pwrite64:error=ENOSPC", "cannot write", "No space left on device")] // where what is written goes elsewhere than what was there
    public async Task A_journal_that_cannot_be_written_ends_the_process_and_the_next_one_has_all_that_was_accepted(string injected, string operation, string reason)
    {
        Programs.Need("strace", "strace");
        var file = _folder.Write("lakou.yaml", Orders.Configuration("data"));
        await using (var lakou = await RunningLakou.StartAsync("run", file))
        {
            for (var batch = 0; batch < 20; batch++)
            {
                using var accepted = await _orders.PublishAsync(lakou.Gateway, 3);
                Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
            }

            using var strace = await InjectAsync(lakou, injected);
            Assert.NotEqual(HttpStatusCode.Accepted, await PublishAsync(lakou));
            Assert.True(await lakou.ExitCodeAsync() == 4, lakou.Said);

            Assert.Matches( // the file that is written, or the one that is made to follow it
                $@"The store cannot be written any more: {operation} {_folder.Path}/data/journal/(0000000000000001\.journal|spare): {reason}\. Lakou ends; what it accepted is on disk\. Look at the disk, then start it again$",
                lakou.Said.Split('\n').Last(line => line.Contains(" error ", StringComparison.Ordinal)));
        }

        await using var next = await RunningLakou.StartAsync("run", file);
        await _orders.CheckAsync(next.Gateway);
        Assert.Equal(HttpStatusCode.Accepted, await PublishAsync(next));
        await _orders.CheckAsync(next.Gateway);
    }

    [Fact]
    public async Task A_journal_on_a_disk_that_is_read_only_for_a_while_goes_on_by_itself()
    {
        Programs.Need("strace", "strace");
        await using var lakou = await RunningLakou.StartAsync("run", _folder.Write("lakou.yaml", Orders.Configuration("data")));
        Assert.Equal(HttpStatusCode.Accepted, await PublishAsync(lakou));
        var strace = await InjectAsync(lakou, "pwrite64:error=EROFS");
        Assert.NotEqual(HttpStatusCode.Accepted, await PublishAsync(lakou));
        Assert.Equal(HttpStatusCode.InsufficientStorage, await PublishAsync(lakou));
        await lakou.LineAsync("The disk of the store is read-only");
        await _orders.CheckAsync(lakou.Gateway);

        strace.Kill();
        await strace.WaitForExitAsync(Cancelled);
        await lakou.LineAsync("The disk can be written again");
        Assert.Equal(HttpStatusCode.Accepted, await PublishAsync(lakou));
        await _orders.CheckAsync(lakou.Gateway);
    }

    [Fact]
    public async Task A_file_system_that_became_read_only_is_read_and_has_all_that_was_accepted()
    {
        using var disk = await SmallDisk.Ext4Async(Path.Combine(_folder.Path, "disk"), "64M");
        var start = () => RunningLakou.StartAsync(disk.Enter(Binary.Start("run", _folder.Write("lakou.yaml", Orders.Configuration("disk/data")))));
        await using (var lakou = await start())
        {
            for (var batch = 0; batch < 20; batch++)
            {
                Assert.Equal(HttpStatusCode.Accepted, await PublishAsync(lakou));
            }

            await disk.BreakAsync();
            Assert.NotEqual(HttpStatusCode.Accepted, await PublishAsync(lakou));
            Assert.Equal(HttpStatusCode.InsufficientStorage, await PublishAsync(lakou));
            await lakou.LineAsync("The disk of the store is read-only");
            await _orders.CheckAsync(lakou.Gateway);
        }

        await disk.MountAgainAsync();
        await using var next = await start();
        await _orders.CheckAsync(next.Gateway);
        Assert.Equal(HttpStatusCode.Accepted, await PublishAsync(next));
    }

    /// <returns>Null when it was not answered.</returns>
    private async Task<HttpStatusCode?> PublishAsync(RunningLakou lakou)
    {
        try
        {
            using var answer = await _orders.PublishAsync(lakou.Gateway, 3);
            return answer.StatusCode;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    /// <summary>From now on, in all threads.</summary>
    private static async Task<Process> InjectAsync(RunningLakou lakou, string injected)
    {
        var call = injected.Split(':')[0];
        var strace = Process.Start(new ProcessStartInfo("strace", ["-f", "-o", "/dev/null", "-e", $"trace={call}", "-e", $"inject={injected}", "-p", $"{lakou.Id}"])
        {
            RedirectStandardError = true,
            UseShellExecute = false,
        })!;
        var line = await strace.StandardError.ReadLineAsync(Cancelled);
        Assert.SkipUnless(line?.Contains(" attached", StringComparison.Ordinal) == true, $"strace may not watch here: {line}");
        return strace;
    }
}
