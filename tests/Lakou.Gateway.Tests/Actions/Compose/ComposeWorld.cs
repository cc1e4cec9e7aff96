using System.Text;
using System.Text.Json.Nodes;
using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Actions.Compose;

/// <summary>What a client got.</summary>
internal sealed record Composed(int Status, string Head, string Body)
{
    public string? Field(string name)
        => Head.Split("\r\n").FirstOrDefault(line => line.StartsWith(name + ": ", StringComparison.OrdinalIgnoreCase))?[(name.Length + 2)..];

    public string Fault => JsonNode.Parse(Body)!["fault"]!.GetValue<string>();
}

/// <summary>A gateway with upstreams a, b and c, and one route that composes them.</summary>
internal sealed class ComposeWorld : IAsyncDisposable
{
    private readonly List<IDisposable> _peers = [];

    private ComposeWorld(TestGateway gateway, RawUpstream a, RawUpstream b, RawUpstream c, ManualTime time)
        => (Gateway, A, B, C, Time) = (gateway, a, b, c, time);

    public TestGateway Gateway { get; }

    public RawUpstream A { get; }

    public RawUpstream B { get; }

    public RawUpstream C { get; }

    public ManualTime Time { get; }

    /// <param name="compose">What stands in <c>compose</c>.</param>
    /// <param name="path">Of the route.</param>
    /// <param name="route">More of it.</param>
    /// <param name="upstream">More of each upstream.</param>
    /// <param name="listener">More of the listener.</param>
    /// <param name="version">Of the telemetry, for who listens to it.</param>
    public static async Task<ComposeWorld> OpenAsync(string compose, string path = "/page/{id}", string route = "", string upstream = "", string listener = "", string version = "test")
    {
        var (a, b, c) = (new RawUpstream(), new RawUpstream(), new RawUpstream());
        var time = new ManualTime();
        var more = upstream.Length == 0 ? "" : ", " + upstream;
        var gateway = await TestGateway.StartAsync($$"""
            listeners: { web: { address: "127.0.0.1:0"{{(listener.Length == 0 ? "" : ", " + listener)}} } }
            upstreams:
              a: { endpoints: [ "{{a.Url}}" ]{{more}} }
              b: { endpoints: [ "{{b.Url}}" ]{{more}} }
              c: { endpoints: [ "{{c.Url}}" ]{{more}} }
            routes: { page: { match: { path: "{{path}}" }{{(route.Length == 0 ? "" : ", " + route)}}, compose: { {{compose}} } } }
            """, time, version: version);
        return new(gateway, a, b, c, time);
    }

    /// <summary>An answer with this body, which is bytes in Latin-1.</summary>
    public static string Ok(string body, string fields = "") => $"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n{fields}\r\n{body}";

    public static string Bytes(string text) => Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(text));

    public async Task<RawPeer> ClientAsync() => Kept(await RawPeer.ConnectAsync(Gateway.Address));

    public async Task<RawPeer> AcceptAsync(RawUpstream upstream) => Kept(await upstream.AcceptAsync());

    /// <summary>A client that has asked.</summary>
    public async Task<RawPeer> AskAsync(string target = "/page/7", string fields = "", string method = "GET")
    {
        var client = await ClientAsync();
        await client.SendAsync($"{method} {target} HTTP/1.1\r\nHost: example.org\r\n{fields}\r\n");
        return client;
    }

    public async Task<Composed> GetAsync(string target = "/page/7", string fields = "", string method = "GET")
        => await ReadAsync(await AskAsync(target, fields, method), method);

    public static async Task<Composed> ReadAsync(RawPeer client, string method = "GET")
    {
        var head = await client.ReadHeadAsync();
        var answer = new Composed(int.Parse(head.Split(' ')[1]), head, "");
        return method == "HEAD" ? answer : answer with { Body = await client.ReadAsync(int.Parse(answer.Field("Content-Length")!)) };
    }

    /// <summary>The endpoint's side of a part whose head was read.</summary>
    public async Task<(RawPeer Peer, string Head)> AskedAsync(RawUpstream upstream)
    {
        var peer = await AcceptAsync(upstream);
        return (peer, await peer.ReadHeadAsync());
    }

    /// <summary>Waits until so many requests to an upstream have not ended: before time passes, what should not be late must be here.</summary>
    public Task HasInFlightAsync(string upstream, int count) => Waiting.UntilAsync(() => Gateway.State.Upstreams[upstream].Endpoints[0].InFlight == count);

    public async ValueTask DisposeAsync()
    {
        _peers.ForEach(peer => peer.Dispose());
        await Gateway.DisposeAsync();
        A.Dispose();
        B.Dispose();
        C.Dispose();
    }

    private RawPeer Kept(RawPeer peer)
    {
        _peers.Add(peer);
        return peer;
    }
}
