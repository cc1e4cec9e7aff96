using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Forwarding;

/// <summary>
/// WebSockets (RFC 6455, RFC 8441) of somebody else's making, through every kind of listener to an endpoint that speaks HTTP/1.1.
/// The cases are in <c>tests/node/websocket</c>, a file a group; both ends of each are in one process of Node.js.
/// </summary>
public sealed class WebSocketTests : IDisposable
{
    private readonly Certificates _certificates = new();

    public static TheoryData<string, string> GroupsByKind { get; } = new MatrixTheoryData<string, string>(
        ["messages", "pieces", "control", "close", "bytes", "endings", "handshake", "extensions", "load"],
        ["http1", "tls", "http2", "http2-tls"]);

    public void Dispose() => _certificates.Dispose();

    [Theory]
    [MemberData(nameof(GroupsByKind))]
    public async Task Every_case_passes(string group, string kind)
    {
        await using var peers = NodeProcess.Start("websocket/run.js", group, kind);
        var endpoint = (await peers.ReadLineAsync())!["port ".Length..];
        await using var gateway = await TestGateway.StartAsync($$"""
            listeners:
              web: { address: "127.0.0.1:0" }
              tls: { address: "127.0.0.1:0", tls: { certificates: [ {{_certificates.Create("localhost")}} ] } }
            upstreams:
              app: { endpoints: [ "http://127.0.0.1:{{endpoint}}" ] }
              impatient: { endpoints: [ "http://127.0.0.1:{{endpoint}}" ], timeouts: { idle: 200ms } }
            routes:
              idle: { match: { path: "/idle/**" }, to: impatient }
              all: { match: { path: "/**" }, to: app }
            """);
        var listener = kind.EndsWith("tls", StringComparison.Ordinal) ? "tls" : "web";
        await peers.WriteLineAsync($"{gateway.AddressOf(listener).Port}");
        var results = await peers.ReadToEndAsync();
        Assert.NotEmpty(results);
        var others = results.Where(line => !line.StartsWith("pass ", StringComparison.Ordinal)).ToArray();
        Assert.True(others.Length == 0, string.Join('\n', others)); // all of them, at full length
        await gateway.HasConnectionsAsync(0, listener);
        await Waiting.UntilAsync(() => gateway.State.Upstreams["app"].Endpoints[0].InFlight == 0);
    }
}
