using System.Diagnostics;

namespace Lakou.EndToEnd.Peers;

/// <summary>
/// A file system of its own, in a folder, for a process that is started in it: mounted in a namespace that ends with this, however the tests end, so that
/// nobody else sees it and nothing is left behind.
/// </summary>
internal sealed class SmallDisk : IDisposable
{
    private readonly Process _holder;
    private readonly string _folder;
    private readonly string[] _namespaces;

    private SmallDisk(Process holder, string folder, string[] namespaces) => (_holder, _folder, _namespaces) = (holder, folder, namespaces);

    /// <summary>In memory; no root is needed where namespaces of users are allowed.</summary>
    /// <param name="size">As mount has it.</param>
    public static Task<SmallDisk> InMemoryAsync(string folder, string size) => MountAsync(folder, ["--user", "--mount"], "--map-root-user", $"mount -t tmpfs -o size={size} tmpfs {folder}");

    /// <summary>An ext4 in a file beside the folder, that becomes read-only when something is wrong with it. Needs root, and a loop device.</summary>
    public static Task<SmallDisk> Ext4Async(string folder, string size) => MountAsync(
        folder, ["--mount"], "--propagation=private", $"truncate -s {size} {folder}.ext4 && mkfs.ext4 -q {folder}.ext4 && {Mount(folder)}");

    /// <summary>The same program, seeing this disk.</summary>
    public ProcessStartInfo Enter(ProcessStartInfo start)
    {
        var inside = new ProcessStartInfo("nsenter", ["--target", $"{_holder.Id}", .. _namespaces, start.FileName, .. start.ArgumentList]);
        foreach (var (name, value) in start.Environment)
        {
            inside.Environment[name] = value;
        }

        return inside;
    }

    /// <summary>A file that only takes room.</summary>
    public void Fill(string name, int bytes) => File.WriteAllBytes(In(name), new byte[bytes]);

    /// <summary>A file that takes all the room there is.</summary>
    public void FillUp(string name)
    {
        using var file = File.OpenHandle(In(name), FileMode.CreateNew, FileAccess.Write);
        var page = new byte[4096];
        try
        {
            for (var at = 0L; ; at += page.Length)
            {
                RandomAccess.Write(file, page, at);
            }
        }
        catch (IOException)
        {
            // It is full.
        }
    }

    public void Delete(string name) => File.Delete(In(name));

    /// <summary>An ext4 finds something wrong with itself, and is read-only from now on. A mount option would not do: a file is open for writing.</summary>
    public async Task BreakAsync()
    {
        var ended = await RunAsync($"echo 1 > /sys/fs/ext4/$(basename $(findmnt -n -o SOURCE {_folder}))/trigger_fs_error");
        Assert.SkipUnless(ended.Code == 0, $"No ext4 can be broken here: {ended}");
    }

    /// <summary>An ext4 that was broken, as after a repair.</summary>
    public async Task MountAgainAsync()
    {
        var ended = await RunAsync($"umount {_folder} && {{ e2fsck -p {_folder}.ext4; {Mount(_folder)}; }}");
        Assert.True(ended.Code == 0, $"{ended}");
    }

    public void Dispose()
    {
        _holder.Kill();
        _holder.WaitForExit();
        _holder.Dispose();
    }

    private static async Task<SmallDisk> MountAsync(string folder, string[] namespaces, string option, string mount)
    {
        Programs.Need("unshare", "util-linux");
        Directory.CreateDirectory(folder);
        var holder = Process.Start(new ProcessStartInfo("unshare", [.. namespaces, option, "sh", "-c", $"({mount}) 2>&1 && echo mounted && exec cat"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            UseShellExecute = false,
        })!;
        var disk = new SmallDisk(holder, folder, namespaces);
        var line = await holder.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken);
        if (line != "mounted")
        {
            disk.Dispose();
            Assert.Skip($"Nothing can be mounted here: {line ?? "no namespaces"}");
        }

        return disk;
    }

    private static string Mount(string folder) => $"mount -o loop,errors=remount-ro {folder}.ext4 {folder}";

    private Task<Ended> RunAsync(string command) => Programs.RunAsync(Enter(new ProcessStartInfo("sh", ["-c", command])));

    private string In(string name) => $"/proc/{_holder.Id}/root{_folder}/{name}";
}
