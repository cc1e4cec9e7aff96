using System.Text.Json.Nodes;
using Lakou.Gateway.Tests.Actions.Compose;
using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Actions.Enqueue;

/// <summary>A gateway with one route that enqueues, and a backbone in memory behind it.</summary>
internal sealed class EnqueueWorld : IAsyncDisposable
{
    private readonly List<IDisposable> _peers = [];

    private EnqueueWorld(TestGateway gateway, ManualTime time) => (Gateway, Time) = (gateway, time);

    public TestGateway Gateway { get; }

    public ManualTime Time { get; }

    public MemoryIntake Intake { get; } = new();

    /// <param name="enqueue">What stands behind <c>enqueue:</c>.</param>
    /// <param name="route">More of the route.</param>
    /// <param name="listener">More of the listener.</param>
    public static async Task<EnqueueWorld> OpenAsync(string enqueue = "orders", string route = "", string listener = "")
    {
        var time = new ManualTime();
        var gateway = await TestGateway.StartAsync($$"""
            listeners: { web: { address: "127.0.0.1:0"{{(listener.Length == 0 ? "" : ", " + listener)}} } }
            topics: { orders: {} }
            routes: { events: { match: { path: /events }{{(route.Length == 0 ? "" : ", " + route)}}, enqueue: {{enqueue}} } }
            """, time);
        var world = new EnqueueWorld(gateway, time);
        gateway.State.Enqueue.Events = world.Intake;
        return world;
    }

    public async Task<RawPeer> ClientAsync()
    {
        var client = await RawPeer.ConnectAsync(Gateway.Address);
        _peers.Add(client);
        return client;
    }

    /// <summary>A client that has sent this behind the request line and the host.</summary>
    public async Task<RawPeer> SendAsync(string rest, string method = "POST")
    {
        var client = await ClientAsync();
        await client.SendAsync($"{method} /events HTTP/1.1\r\nHost: example.org\r\n{rest}");
        return client;
    }

    public async Task<Composed> PostAsync(string body, string fields = "Content-Type: application/json\r\n", string method = "POST")
        => await ComposeWorld.ReadAsync(await SendAsync($"Content-Length: {body.Length}\r\n{fields}\r\n{body}", method));

    /// <summary>The last line of the access log, of so many.</summary>
    public async Task<JsonNode> LogAsync(int lines = 1) => JsonNode.Parse((await Gateway.LogAsync(lines))[^1])!;

    public async ValueTask DisposeAsync()
    {
        _peers.ForEach(peer => peer.Dispose());
        await Gateway.DisposeAsync();
    }
}
