using System.Net;
using System.Text.Json;
using Lakou.Gateway.Tests.Harness;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Lakou.Gateway.Tests.Forwarding.Http2;

/// <summary>A gateway in front of an endpoint that speaks HTTP/2 and nothing else, and a client.</summary>
internal sealed class Http2World : IAsyncDisposable
{
    private readonly KestrelUpstream? _upstream;

    private Http2World(KestrelUpstream? upstream, TestGateway gateway, Version version)
    {
        (_upstream, Gateway) = (upstream, gateway);
        Client = new HttpClient(new SocketsHttpHandler { UseCookies = false, ActivityHeadersPropagator = null })
        {
            BaseAddress = gateway.Uri,
            DefaultRequestVersion = version,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
    }

    public TestGateway Gateway { get; }

    public HttpClient Client { get; }

    /// <param name="handler">The endpoint's.</param>
    /// <param name="version">What the client speaks: "1.1" or "2.0".</param>
    /// <param name="upstream">More of the upstream.</param>
    /// <param name="route">More of the route.</param>
    public static async Task<Http2World> StartAsync(RequestDelegate handler, string version = "2.0", string upstream = "", string route = "")
    {
        var server = await KestrelUpstream.StartAsync(handler, HttpProtocols.Http2);
        return new(server, await TestGateway.ForwardAsync(server.Url, "protocol: h2c" + (upstream.Length > 0 ? ", " + upstream : ""), route), Version.Parse(version));
    }

    /// <summary>An endpoint of another sort.</summary>
    public static async Task<Http2World> ConnectAsync(string url, string upstream = "protocol: h2c", TimeProvider? time = null, string route = "")
        => new(null, await TestGateway.ForwardAsync(url, upstream, route, time: time), HttpVersion.Version20);

    /// <summary>The fault of the first line of the log.</summary>
    public async Task<string> FaultAsync()
        => JsonSerializer.Deserialize<JsonElement>((await Gateway.LogAsync(1))[0]).TryGetProperty("fault", out var fault) ? fault.GetString()! : "-";

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await Gateway.DisposeAsync();
        if (_upstream is not null)
        {
            await _upstream.DisposeAsync();
        }
    }
}
