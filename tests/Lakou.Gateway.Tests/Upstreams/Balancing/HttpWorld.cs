using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Upstreams.Balancing;

/// <summary>A gateway before endpoints that answer with their number and keep the heads they got.</summary>
internal sealed class HttpWorld : IAsyncDisposable
{
    private readonly List<string> _heads = [];
    private RawUpstream[] _endpoints = [];
    private TestGateway? _gateway;

    public TestGateway Gateway => _gateway!;

    /// <summary>What endpoints got, in order.</summary>
    public IReadOnlyList<string> Heads
    {
        get
        {
            lock (_heads)
            {
                return [.. _heads];
            }
        }
    }

    /// <param name="count">Of endpoints.</param>
    /// <param name="upstream">More keys of the upstream.</param>
    /// <param name="path">Of the route.</param>
    /// <param name="listener">More keys of the listener.</param>
    public static async Task<HttpWorld> OpenAsync(int count, string upstream, string path = "/**", string listener = "")
    {
        var world = new HttpWorld();
        world._endpoints = [.. Enumerable.Range(0, count).Select(i => new RawUpstream().Serve(peer => world.AnswerAsync(peer, i)))];
        world._gateway = await TestGateway.StartAsync(world.Yaml(upstream, world.All(), path, listener));
        return world;
    }

    public IEnumerable<int> All() => Enumerable.Range(0, _endpoints.Length);

    public string UrlOf(int endpoint) => _endpoints[endpoint].Url;

    /// <summary>The same gateway with these endpoints alone, or with another configuration of the upstream.</summary>
    public Task ApplyAsync(string upstream, params IEnumerable<int> endpoints) => Gateway.ApplyAsync(Yaml(upstream, endpoints, "/**", ""));

    /// <summary>Another process, as far as configuration tells: the same endpoints.</summary>
    public Task<TestGateway> AnotherAsync(string upstream, params IEnumerable<int> endpoints) => TestGateway.StartAsync(Yaml(upstream, endpoints, "/**", ""));

    /// <summary>Status, the endpoint that served, and what the answer sets as a cookie.</summary>
    public async Task<(int Status, string Served, string? SetCookie)> AskAsync(string fields = "", string target = "/", TestGateway? gateway = null)
    {
        using var client = await RawPeer.ConnectAsync((gateway ?? Gateway).Address);
        await client.SendAsync($"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
        var head = await client.ReadHeadAsync();
        var body = await client.ReadToEndAsync();
        var cookies = head.Split("\r\n").Where(line => line.StartsWith("Set-Cookie: ", StringComparison.Ordinal)).ToArray();
        Assert.InRange(cookies.Length, 0, 1);
        return (int.Parse(head.AsSpan(9, 3)), body, cookies.SingleOrDefault()?["Set-Cookie: ".Length..]);
    }

    public async ValueTask DisposeAsync()
    {
        await Gateway.DisposeAsync();
        Array.ForEach(_endpoints, endpoint => endpoint.Dispose());
    }

    private string Yaml(string upstream, IEnumerable<int> endpoints, string path, string listener) => $$"""
        listeners: { web: { address: "127.0.0.1:0"{{listener}} } }
        upstreams: { app: { endpoints: [ {{string.Join(", ", endpoints.Select(i => $"\"{_endpoints[i].Url}\""))}} ], {{upstream}} } }
        routes: { all: { match: { path: "{{path}}" }, to: app } }
        """;

    private async Task AnswerAsync(RawPeer peer, int number)
    {
        while (true)
        {
            var head = await peer.ReadHeadAsync();
            lock (_heads)
            {
                _heads.Add(head);
            }

            await peer.SendAsync($"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{number}");
        }
    }
}
