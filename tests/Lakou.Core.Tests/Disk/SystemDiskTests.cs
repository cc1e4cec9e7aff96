using Lakou.Core.Disk;

namespace Lakou.Core.Tests.Disk;

/// <summary>The disk of this machine, as it is, full, read-only, held by another, and watched from outside.</summary>
public sealed class SystemDiskTests : IDisposable
{
    private static readonly SystemDisk Disk = SystemDisk.Instance;

    private readonly string _folder = Directory.CreateTempSubdirectory("lakou-disk-").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Bytes_are_written_and_read_at_positions()
    {
        using var file = Disk.Open(In("file"), create: true);
        file.Write("hello"u8, 3);
        var bytes = new byte[10];
        Assert.Equal((8L, 8), (file.Length, file.Read(bytes, 0)));
        Assert.Equal("\0\0\0hello\0\0"u8, bytes);
        Assert.Equal(0, file.Read(bytes, 100));
        file.SetLength(5);
        file.Sync();
        Assert.Equal(2, file.Read(bytes, 3));
        using var again = Disk.Open(In("file"));
        Assert.Equal(5, again.Length);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)] // no place where a device takes bytes from: they go through the page cache
    public void Whole_sectors_are_written_past_the_page_cache_or_through_it(int start)
    {
        using var cached = Disk.Open(In("file"), create: true);
        cached.Write("before"u8, 3);
        cached.Sync();
        using var file = Disk.OpenDirect(In("file"));
        var buffer = new SectorBuffer((3 * IDisk.SectorBytes) + start);
        var sectors = buffer.Span.Slice(start, 3 * IDisk.SectorBytes);
        sectors.Fill((byte)'x');
        file.Write(sectors, IDisk.SectorBytes);
        file.Write(sectors[..IDisk.SectorBytes], 8 * IDisk.SectorBytes);
        file.Sync();
        var bytes = new byte[9 * IDisk.SectorBytes];
        Assert.Equal((bytes.Length, bytes.Length), (file.Length, cached.Read(bytes, 0)));
        Assert.Equal([.. new byte[3], .. "before"u8, .. new byte[503], .. sectors, .. new byte[4 * IDisk.SectorBytes], .. sectors[..IDisk.SectorBytes]], bytes);
    }

    [Fact]
    public void A_direct_file_is_made_or_named_when_it_is_not_there()
    {
        Disk.OpenDirect(In("made"), create: true).Dispose();
        Assert.True(Disk.Exists(In("made")));
        Assert.Contains(In("none"), Assert.Throws<DiskException>(() => Disk.OpenDirect(In("none"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_are_listed_in_order_renamed_over_and_deleted()
    {
        foreach (var name in (string[])["b", "a", "C"])
        {
            Disk.Open(In(name), create: true).Dispose();
        }

        Disk.CreateDirectory(In("sub/deeper"));
        Assert.Equal(["C", "a", "b"], Disk.Files(_folder));
        Assert.Equal(["sub"], Disk.Directories(_folder));
        Disk.Rename(In("a"), In("b"));
        Disk.Delete(In("C"));
        Disk.Delete(In("C"));
        Disk.SyncDirectory(_folder);
        Assert.Equal((false, true), (Disk.Exists(In("a")), Disk.Exists(In("b"))));
        Disk.DeleteDirectory(In("sub"));
        Assert.Empty(Disk.Directories(_folder));
        Assert.Empty(Disk.Files(In("nowhere")));
        Assert.True(Disk.FreeBytes(_folder) > 0);
    }

    [Fact]
    public void What_is_not_there_is_named()
    {
        Assert.Contains(In("none"), Assert.Throws<DiskException>(() => Disk.Open(In("none"))).Message, StringComparison.Ordinal);
        Assert.Equal(DiskFailure.Broken, Assert.Throws<DiskException>(() => Disk.SyncDirectory(In("none"))).Failure);
        Assert.Equal(DiskFailure.Broken, Assert.Throws<DiskException>(() => Disk.Rename(In("none"), In("other"))).Failure);
    }

    [Fact]
    public void A_closed_file_cannot_be_used()
    {
        var file = Disk.Open(In("file"), create: true);
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => file.Write("x"u8, 0));
        Assert.Throws<ObjectDisposedException>(() => file.Read(new byte[1], 0));
        Assert.Throws<ObjectDisposedException>(file.Sync);
    }

    [Fact]
    public async Task Another_process_keeps_this_one_out_until_it_ends_however_it_ends()
    {
        Shell.Need("flock", "util-linux");
        using var other = new Shell($"exec flock -o -n '{In("lock")}' sh -c 'echo held; read x'");
        Assert.Equal("held", await other.LineAsync(Stop));
        Assert.Null(Disk.TryLock(In("lock")));
        other.Kill();
        using var held = Disk.TryLock(In("lock"));
        Assert.NotNull(held);
        Assert.Null(Disk.TryLock(In("lock")));

        using var late = new Shell($"flock -n '{In("lock")}' echo held || echo kept out");
        Assert.Equal("kept out", await late.LineAsync(Stop));
    }

    [Fact]
    public async Task A_full_disk_says_so_and_takes_more_when_there_is_room()
    {
        using var other = await MountAsync("size=256k");
        using var file = Disk.Open(In("mount/file", other), create: true);
        using var second = Disk.Open(In("mount/second", other), create: true);
        second.Write(new byte[128 << 10], 0);
        var full = Assert.Throws<DiskException>(() => file.Write(new byte[256 << 10], 0));
        Assert.Equal(DiskFailure.Full, full.Failure);
        Assert.Contains("mount/file", full.Message, StringComparison.Ordinal);
        second.SetLength(0);
        file.Write(new byte[200 << 10], 0);
        file.Sync();
    }

    [Fact]
    public async Task A_read_only_disk_says_so()
    {
        using var other = await MountAsync("size=256k");
        using var file = Disk.Open(In("mount/file", other), create: true);
        file.Write("x"u8, 0);
        file.Dispose();
        await other.RunAsync("mount -o remount,ro mount", Stop);
        Assert.Equal(DiskFailure.ReadOnly, Assert.Throws<DiskException>(() => Disk.Open(In("mount/file", other))).Failure);
        Assert.Equal(DiskFailure.ReadOnly, Assert.Throws<DiskException>(() => Disk.Open(In("mount/new", other), create: true)).Failure);
        Assert.Equal(DiskFailure.ReadOnly, Assert.Throws<DiskException>(() => Disk.Rename(In("mount/file", other), In("mount/new", other))).Failure);
        Assert.Equal(DiskFailure.ReadOnly, Assert.Throws<DiskException>(() => Disk.Delete(In("mount/file", other))).Failure);
        Assert.Equal(DiskFailure.ReadOnly, Assert.Throws<DiskException>(() => Disk.CreateDirectory(In("mount/folder", other))).Failure);
    }

    [Fact]
    public async Task A_sync_reaches_the_kernel_for_files_for_directories_and_for_those_that_are_made()
    {
        Shell.Need("strace", "strace");
        var program = Environment.ProcessPath!;
        var self = Path.GetFileNameWithoutExtension(program) == "dotnet" ? $"{program} {typeof(SystemDiskTests).Assembly.Location}" : program;
        using var strace = new Shell(
            $"strace -f -y -o '{In("calls")}' -e trace=fdatasync,fsync {self} -noLogo -noColor -explicit only -method {typeof(SystemDiskTests).FullName}.{nameof(In_a_process_that_is_watched)} "
            + "> /dev/null && echo passed");
        Assert.SkipWhen(await strace.LineAsync(Stop) != "passed", "strace may not watch here");

        var calls = await File.ReadAllLinesAsync(In("calls"), Stop);
        Assert.Contains(calls, call => call.Contains(" fdatasync(", StringComparison.Ordinal) && call.Contains("/watched-file>", StringComparison.Ordinal));
        Assert.Contains(calls, call => call.Contains(" fsync(", StringComparison.Ordinal) && call.Contains("/watched-folder>", StringComparison.Ordinal));
        Assert.Contains(calls, call => call.Contains(" fsync(", StringComparison.Ordinal) && call.Contains("/watched-parent>", StringComparison.Ordinal));
    }

    [Fact(Explicit = true)]
    public void In_a_process_that_is_watched()
    {
        using var file = Disk.Open(In("watched-file"), create: true);
        file.Write("x"u8, 0);
        file.Sync();
        Disk.CreateDirectory(In("watched-parent/watched-folder"));
        Disk.SyncDirectory(In("watched-parent/watched-folder"));
    }

    private string In(string name) => Path.Combine(_folder, name);

    /// <summary>The same as another process sees it, whose mounts are its own.</summary>
    private string In(string name, Shell other) => $"/proc/{other.Id}/root{_folder}/{name}";

    private async Task<Shell> MountAsync(string options)
    {
        Shell.Need("unshare", "util-linux");
        Directory.CreateDirectory(In("mount"));
        var shell = new Shell($"exec unshare --map-root-user --mount sh -c 'cd {_folder} && mount -t tmpfs -o {options} tmpfs mount && echo mounted; while read line; do eval \"$line\" && echo done; done'");
        var line = await shell.LineAsync(Stop);
        Assert.SkipWhen(line != "mounted", $"Nothing can be mounted here: {line}");
        return shell;
    }
}
