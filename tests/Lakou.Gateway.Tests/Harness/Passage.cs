using System.Text.Json;

namespace Lakou.Gateway.Tests.Harness;

/// <summary>A gateway that forwards everything to one endpoint, both of whose sides the test speaks.</summary>
internal sealed class Passage : IAsyncDisposable
{
    private readonly List<IDisposable> _peers = [];

    private Passage(RawUpstream upstream, TestGateway gateway, ManualTime time)
    {
        Upstream = upstream;
        Gateway = gateway;
        Time = time;
    }

    public RawUpstream Upstream { get; }

    public TestGateway Gateway { get; }

    /// <summary>The gateway's clock.</summary>
    public ManualTime Time { get; }

    public static async Task<Passage> OpenAsync(string upstream = "", string route = "", string listener = "", RawUpstream? endpoint = null, int loops = 2)
    {
        endpoint ??= new RawUpstream();
        var time = new ManualTime();
        return new(endpoint, await TestGateway.ForwardAsync(endpoint.Url, upstream, route, listener, time, loops), time);
    }

    public async Task<RawPeer> ClientAsync() => Kept(await RawPeer.ConnectAsync(Gateway.Address));

    /// <summary>The next connection that the gateway opens.</summary>
    public async Task<RawPeer> EndpointAsync() => Kept(await Upstream.AcceptAsync());

    /// <summary>A client that has sent this, and the endpoint's side of it with the head read.</summary>
    public async Task<(RawPeer Client, RawPeer Endpoint, string Head)> SendAsync(string request)
    {
        var client = await ClientAsync();
        await client.SendAsync(request);
        var endpoint = await EndpointAsync();
        return (client, endpoint, await endpoint.ReadHeadAsync());
    }

    /// <summary>What an endpoint receives of a GET with these field lines.</summary>
    public async Task<string> HeadOfAsync(string fields, string target = "/")
        => (await SendAsync($"GET {target} HTTP/1.1\r\nHost: example.org\r\n{fields}\r\n")).Head;

    /// <summary>The answer to a GET when the endpoint answers with these bytes and, if so asked, closes.</summary>
    public async Task<RawPeer> AnswerAsync(string response, bool close = false, string request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    {
        var (client, endpoint, _) = await SendAsync(request);
        await endpoint.SendAsync(response);
        if (close)
        {
            endpoint.ShutdownSend();
        }

        return client;
    }

    /// <summary>The next connection is not the one that served before: a request on a new client arrives on a new one.</summary>
    public async Task AssertNotReusedAsync()
    {
        var accepted = Upstream.Accepted;
        var client = await ClientAsync();
        await client.SendAsync("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
        var endpoint = await EndpointAsync();
        Assert.Equal(accepted + 1, Upstream.Accepted);
        Assert.StartsWith("GET /next ", await endpoint.ReadHeadAsync(), StringComparison.Ordinal);
        await endpoint.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext");
        await client.ReadHeadAsync();
        Assert.Equal("next", await client.ReadAsync(4));
    }

    /// <summary>The fault codes of the access log, in order, once there are that many lines; "-" for none.</summary>
    public async Task<string[]> FaultsAsync(int lines)
    {
        var log = await Gateway.LogAsync(lines);
        return [.. log.Select(line => JsonSerializer.Deserialize<JsonElement>(line).TryGetProperty("fault", out var fault) ? fault.GetString()! : "-")];
    }

    public async Task<string> FaultAsync() => (await FaultsAsync(1))[0];

    public async ValueTask DisposeAsync()
    {
        _peers.ForEach(peer => peer.Dispose());
        await Gateway.DisposeAsync();
        Upstream.Dispose();
    }

    private RawPeer Kept(RawPeer peer)
    {
        _peers.Add(peer);
        return peer;
    }
}
