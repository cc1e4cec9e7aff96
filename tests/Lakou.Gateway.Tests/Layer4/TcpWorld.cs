using System.Net;
using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Layer4;

/// <summary>A gateway with a <c>tcp</c> listener, its clock, and endpoints whose side the test speaks.</summary>
internal sealed class TcpWorld : IAsyncDisposable
{
    private readonly List<IDisposable> _owned = [];

    private TcpWorld(RawUpstream upstream, TestGateway gateway, ManualTime time)
    {
        Upstream = upstream;
        Gateway = gateway;
        Time = time;
    }

    public RawUpstream Upstream { get; }

    public TestGateway Gateway { get; }

    public ManualTime Time { get; }

    public IPEndPoint Address => Gateway.AddressOf("db");

    /// <param name="tcp">More keys of <c>tcp</c>.</param>
    /// <param name="listener">More keys of the listener.</param>
    /// <param name="endpoints">Beside the upstream's own, which comes last.</param>
    public static async Task<TcpWorld> OpenAsync(string tcp = "", string listener = "", string endpoints = "", string upstream = "")
    {
        var endpoint = new RawUpstream();
        var time = new ManualTime();
        return new(endpoint, await TestGateway.StartAsync(Yaml(endpoint, tcp, listener, endpoints, upstream), time), time);
    }

    public static string Yaml(RawUpstream endpoint, string tcp = "", string listener = "", string endpoints = "", string upstream = "") => $$"""
        listeners: { db: { address: "127.0.0.1:0", tcp: { to: app{{tcp}} }{{listener}} } }
        upstreams: { app: { balance: round-robin, endpoints: [ {{endpoints}} "{{Tcp(endpoint)}}" ]{{upstream}} } }
        """;

    /// <summary>As an endpoint of layer 4.</summary>
    public static string Tcp(RawUpstream endpoint) => endpoint.Url.Replace("http://", "tcp://", StringComparison.Ordinal);

    public async Task<RawPeer> ClientAsync() => Owned(await RawPeer.ConnectAsync(Address));

    public async Task<RawPeer> EndpointAsync() => Owned(await Upstream.AcceptAsync());

    /// <summary>A client and the endpoint's side of its connection.</summary>
    public async Task<(RawPeer Client, RawPeer Endpoint)> ConnectAsync() => (await ClientAsync(), await EndpointAsync());

    public T Owned<T>(T what)
        where T : IDisposable
    {
        _owned.Add(what);
        return what;
    }

    public async ValueTask DisposeAsync()
    {
        _owned.ForEach(one => one.Dispose());
        await Gateway.DisposeAsync();
        Upstream.Dispose();
    }
}
