using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Lakou.Core.Configuration;

namespace Lakou.Control.Tests.Harness;

/// <summary>A Lakou of its own for one test: a folder with its file, a gateway and an admin listener on free ports.</summary>
internal sealed class World : IAsyncDisposable
{
    public const string Hello = """
        listeners: { web: { address: "127.0.0.1:0" } }
        routes:
          hello: { match: { path: /hello }, respond: { body: "hello\n" } }
        admin: { address: "127.0.0.1:0" }
        """;

    private readonly List<IAsyncDisposable> _owned = [];

    private World(string folder) => Folder = folder;

    /// <summary>A guard against hanging, never a measure.</summary>
    public static TimeSpan Patience { get; } = TimeSpan.FromSeconds(60);

    public string Folder { get; }

    public string File { get; private set; } = "";

    public TestLog Log { get; } = new();

    public MemoryStream AccessLog { get; } = new();

    public LakouHost Host { get; private set; } = null!;

    public HttpClient Admin { get; private set; } = null!;

    public static async Task<World> StartAsync(string yaml, bool watch = false, string file = "lakou.yaml", Action<string>? prepare = null, Func<string, string?>? environment = null, Lakou.Core.Disk.IDisk? disk = null)
    {
        var world = new World(Directory.CreateTempSubdirectory("lakou-control-").FullName);
        world.File = Path.Combine(world.Folder, file);
        if (prepare is null)
        {
            await System.IO.File.WriteAllTextAsync(world.File, yaml);
        }
        else
        {
            prepare(world.Folder);
        }

        var references = ReferenceSource.System with { Environment = environment ?? (_ => null) };
        var loaded = ConfigurationLoader.LoadFile(world.File, references);
        Assert.Empty(loaded.Problems);
        world.Host = await LakouHost.StartAsync(
            loaded, new HostSettings { File = world.File, Watch = watch, Loggers = world.Log, AccessOutput = world.AccessLog, References = references, Disk = disk ?? Lakou.Core.Disk.SystemDisk.Instance });
        world.Admin = world.Host.AdminEndPoint is IPEndPoint admin ? world.Client(admin) : null!;
        return world;
    }

    /// <summary>A client with its own connections.</summary>
    public HttpClient Client(EndPoint endPoint)
    {
        var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false }) { BaseAddress = new Uri($"http://{endPoint}"), Timeout = Patience };
        _owned.Add(new Owned(client));
        return client;
    }

    public HttpClient Client(string listener = "web") => Client(Host.EndPointOf(listener));

    public async Task<Backend> BackendAsync(Microsoft.AspNetCore.Http.RequestDelegate answer)
    {
        var backend = await Backend.StartAsync(answer);
        _owned.Add(backend);
        return backend;
    }

    public async Task<JsonNode> GetAsync(string path)
        => (await Admin.GetFromJsonAsync<JsonNode>(path, TestContext.Current.CancellationToken))!;

    /// <summary>Writes the file and loads it.</summary>
    public async Task<ReloadResult> LoadAsync(string yaml, string trigger = "signal")
    {
        await System.IO.File.WriteAllTextAsync(File, yaml);
        return await Host.ReloadAsync(trigger);
    }

    /// <summary>Ends with the first reload from now on that satisfies.</summary>
    public Task<ReloadResult> NextReload(Func<ReloadResult, bool>? satisfies = null)
    {
        var next = new TaskCompletionSource<ReloadResult>(TaskCreationOptions.RunContinuationsAsynchronously);
        Host.Reloaded += result =>
        {
            if (satisfies?.Invoke(result) != false)
            {
                next.TrySetResult(result);
            }
        };
        return next.Task.WaitAsync(Patience, TimeProvider.System);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var owned in _owned)
        {
            await owned.DisposeAsync();
        }

        await Host.DisposeAsync();
        Directory.Delete(Folder, recursive: true);
    }

    private sealed class Owned(IDisposable what) : IAsyncDisposable
    {
        public ValueTask DisposeAsync()
        {
            what.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
