using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Lakou.Control;
using Lakou.Core.Configuration;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lakou.Client.Tests.Harness;

/// <summary>A real Lakou in this process, with a store of its own, that may end and begin again at the same address.</summary>
internal sealed class Yard : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lakou-client-").FullName;
    private readonly string _backbone;
    private readonly List<IDisposable> _owned = [];
    private LakouHost? _host;

    private Yard(string backbone) => _backbone = backbone;

    /// <summary>A guard against hanging, never a measure.</summary>
    public static TimeSpan Patience { get; } = TimeSpan.FromSeconds(60);

    public static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public Uri Address { get; private set; } = new("http://127.0.0.1:0");

    public HttpClient Admin { get; private set; } = null!;

    /// <param name="backbone">Topics and subscriptions, as in the file.</param>
    public static async Task<Yard> StartAsync(string backbone)
    {
        var yard = new Yard(backbone);
        await yard.StartAsync();
        yard.Admin = yard.Own(new HttpClient { BaseAddress = yard.Address });
        return yard;
    }

    public async Task StartAsync()
    {
        var text = $$"""
            admin: { address: "{{Address.Authority}}" }
            store: { path: data, segment: 16MiB }
            transport: { kind: sockets }
            log: { access: off }
            {{_backbone}}
            """;
        var file = Path.Combine(_folder, "lakou.yaml");
        await File.WriteAllTextAsync(file, text, Cancelled);
        var loaded = ConfigurationLoader.LoadFile(file, ReferenceSource.None);
        Assert.Empty(loaded.Problems);
        _host = await LakouHost.StartAsync(loaded, new HostSettings { File = file, Loggers = NullLoggerFactory.Instance, AccessOutput = Stream.Null });
        Address = new Uri($"http://{(IPEndPoint)_host.AdminEndPoint}");
    }

    public async Task StopAsync()
    {
        await _host!.DisposeAsync();
        _host = null;
    }

    public LakouClient Client(Action<LakouClientOptions>? configure = null)
    {
        var options = new LakouClientOptions { Address = Address };
        configure?.Invoke(options);
        return Own(new LakouClient(options));
    }

    /// <summary>A client whose requests the test sees.</summary>
    public LakouClient Client(Func<HttpRequestMessage, Task> sees)
        => Own(new LakouClient(Own(new HttpClient(new Seeing(sees)) { BaseAddress = Address, Timeout = Timeout.InfiniteTimeSpan })));

    public async Task<JsonNode> SubscriptionAsync(string name)
        => (await Admin.GetFromJsonAsync<JsonNode>($"/v1/subscriptions/{name}", Cancelled))!;

    /// <summary>Waits until a subscription's view is as it is said to become.</summary>
    public async Task<JsonNode> SubscriptionAsync(string name, Func<JsonNode, bool> becomes)
    {
        using var guard = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        guard.CancelAfter(Patience);
        while (true)
        {
            var view = await SubscriptionAsync(name);
            if (becomes(view))
            {
                return view;
            }

            Assert.False(guard.IsCancellationRequested, $"it stays {view}");
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, Cancelled);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _owned.ForEach(one => one.Dispose());
        if (_host is not null)
        {
            await StopAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }

    private T Own<T>(T what)
        where T : IDisposable
    {
        _owned.Add(what);
        return what;
    }

    private sealed class Seeing(Func<HttpRequestMessage, Task> sees) : DelegatingHandler(new SocketsHttpHandler())
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            await sees(request);
            return await base.SendAsync(request, cancellationToken);
        }
    }
}
