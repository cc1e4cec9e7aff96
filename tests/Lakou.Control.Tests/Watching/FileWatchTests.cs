using Lakou.Control.Tests.Harness;
using Lakou.Core.Watching;

namespace Lakou.Control.Tests.Watching;

public sealed class FileWatchTests
{
    private static readonly string Changed = World.Hello.Replace("hello\\n", "hi\\n", StringComparison.Ordinal);

    [Fact]
    public async Task A_file_written_in_place_is_loaded()
    {
        await using var world = await World.StartAsync(World.Hello, watch: true);
        var reloaded = world.NextReload(result => result.Applied);
        await File.WriteAllTextAsync(world.File, Changed, TestContext.Current.CancellationToken);
        Assert.Equal(["~ route hello"], (await reloaded).Diff.Lines);
    }

    [Fact]
    public async Task A_file_renamed_over_the_old_one_is_loaded()
    {
        await using var world = await World.StartAsync(World.Hello, watch: true);
        var reloaded = world.NextReload();
        Replace(world.File, Changed);
        Assert.Equal(["~ route hello"], (await reloaded).Diff.Lines);
        Assert.Equal("file", world.Host.Running!.Trigger);
    }

    [Fact]
    public async Task A_turn_of_the_data_link_of_Kubernetes_is_loaded_each_time()
    {
        // lakou.yaml → ..data/lakou.yaml, ..data → ..1/; the kubelet makes ..2, a link to it, and renames that over ..data.
        await using var world = await World.StartAsync("", watch: true, prepare: folder =>
        {
            Publish(folder, "..1", World.Hello);
            File.CreateSymbolicLink(Path.Combine(folder, "lakou.yaml"), "..data/lakou.yaml");
        });
        var reloaded = world.NextReload();
        Publish(world.Folder, "..2", Changed);
        Directory.Delete(Path.Combine(world.Folder, "..1"), recursive: true);
        Assert.Equal(["~ route hello"], (await reloaded).Diff.Lines);

        var again = world.NextReload();
        Publish(world.Folder, "..3", World.Hello);
        Directory.Delete(Path.Combine(world.Folder, "..2"), recursive: true);
        Assert.Equal(["~ route hello"], (await again).Diff.Lines);
        Assert.Equal(3, world.Host.Running!.Version);
    }

    [Fact]
    public async Task A_change_of_a_file_that_the_configuration_refers_to_is_loaded()
    {
        await using var world = await World.StartAsync("", watch: true, prepare: folder =>
        {
            File.WriteAllText(Path.Combine(folder, "greeting.txt"), "hello");
            File.WriteAllText(Path.Combine(folder, "lakou.yaml"), World.Hello.Replace("hello\\n", "${file:greeting.txt}", StringComparison.Ordinal));
        });
        var reloaded = world.NextReload();
        Replace(Path.Combine(world.Folder, "greeting.txt"), "hi");
        await reloaded;
        Assert.Equal("hi", await world.Client().GetStringAsync("/hello", TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_bad_file_keeps_the_old_plan_until_it_is_put_right()
    {
        await using var world = await World.StartAsync(World.Hello, watch: true);
        var refused = world.NextReload(result => !result.Applied);
        await File.WriteAllTextAsync(world.File, "listeners: [", TestContext.Current.CancellationToken);
        Assert.NotEmpty((await refused).Problems);
        Assert.Equal("hello\n", await world.Client().GetStringAsync("/hello", TestContext.Current.CancellationToken));
        var reloaded = world.NextReload(result => result.Applied);
        await File.WriteAllTextAsync(world.File, Changed, TestContext.Current.CancellationToken);
        Assert.Equal(["~ route hello"], (await reloaded).Diff.Lines);
    }

    [Fact]
    public async Task A_file_that_means_the_same_as_before_is_no_reload()
    {
        await using var world = await World.StartAsync(World.Hello, watch: true);
        var results = new List<ReloadResult>();
        world.Host.Reloaded += results.Add;
        var reloaded = world.NextReload();
        Replace(world.File, World.Hello + "\n# only a remark\n");
        await world.Host.ReloadAsync("file");
        Assert.Empty(results);
        Replace(world.File, Changed);
        await reloaded;
        Assert.Equal(["~ route hello"], Assert.Single(results).Diff.Lines);
    }

    [Fact]
    public void Every_link_on_the_way_to_a_file_has_a_say()
    {
        var folder = Directory.CreateTempSubdirectory("lakou-steps-").FullName;
        Publish(folder, "..1", "x");
        File.CreateSymbolicLink(Path.Combine(folder, "lakou.yaml"), "..data/lakou.yaml");
        var steps = DirectoryNotifications.Steps(Path.Combine(folder, "lakou.yaml")).ToArray();
        Assert.Equal([(folder, "lakou.yaml"), (folder, "..data"), (Path.Combine(folder, "..1"), "lakou.yaml")], steps);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_turned_link_is_noticed_without_waiting_for_the_next_look()
    {
        var folder = Directory.CreateTempSubdirectory("lakou-notes-").FullName;
        Publish(folder, "..1", "x");
        File.CreateSymbolicLink(Path.Combine(folder, "lakou.yaml"), "..data/lakou.yaml");
        var touched = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var notifications = new DirectoryNotifications(() => touched.TrySetResult(), _ => { });
        notifications.Follow([Path.Combine(folder, "lakou.yaml")]);
        Publish(folder, "..2", "y");
        await touched.Task.WaitAsync(World.Patience, TimeProvider.System, TestContext.Current.CancellationToken);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void Links_in_a_circle_end()
    {
        var folder = Directory.CreateTempSubdirectory("lakou-circle-").FullName;
        File.CreateSymbolicLink(Path.Combine(folder, "a"), "b");
        File.CreateSymbolicLink(Path.Combine(folder, "b"), "a");
        Assert.True(DirectoryNotifications.Steps(Path.Combine(folder, "a")).Count() < 100);
        Directory.Delete(folder, recursive: true);
    }

    private static void Replace(string file, string text)
    {
        File.WriteAllText(file + ".new", text);
        File.Move(file + ".new", file, overwrite: true);
    }

    private static void Publish(string folder, string name, string yaml)
    {
        Directory.CreateDirectory(Path.Combine(folder, name));
        File.WriteAllText(Path.Combine(folder, name, "lakou.yaml"), yaml);
        Turn(folder, name);
    }

    /// <summary>Has <c>..data</c> lead to this folder, in one step.</summary>
    internal static void Turn(string folder, string name)
    {
        File.CreateSymbolicLink(Path.Combine(folder, "..data_tmp"), name);
        Rename(Path.Combine(folder, "..data_tmp"), Path.Combine(folder, "..data"));
    }

    /// <summary>rename(2): .NET moves no link over another in one step.</summary>
    private static void Rename(string from, string to)
    {
        using var process = System.Diagnostics.Process.Start("mv", ["-T", from, to]);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }
}
