using Lakou.Gateway.Tests.Harness;

namespace Lakou.Gateway.Tests.Grpc;

/// <summary>gRPC end to end, with a client and a server that others made.</summary>
public sealed class GrpcTests
{
    private static readonly string[] Cases = ["unary", "large", "gather", "spread", "pingpong", "metadata", "status", "midway", "empty", "parallel"];

    [Theory]
    [InlineData("h2c")]
    [InlineData("http2")]
    public async Task Every_kind_of_call_passes(string protocol)
    {
        using var certificates = new Certificates();
        var path = certificates.Write("localhost");
        await using var server = protocol == "h2c" ? NodeProcess.Start("echo-server.cjs") : NodeProcess.Start("echo-server.cjs", path + ".pem", path + ".key");
        var url = $"{(protocol == "h2c" ? "http" : "https")}://localhost:{await PortAsync(server)}";
        await using var gateway = await TestGateway.ForwardAsync(url, $"protocol: {protocol}" + (protocol == "h2c" ? "" : $", tls: {{ ca: \"{path}.pem\" }}"));
        await PassesAsync(gateway, Cases);
        Assert.All(await gateway.LogAsync(400), line => Assert.Contains("\"grpc_status\":", line, StringComparison.Ordinal));
        Assert.Equal(1, gateway.State.Upstreams["app"].Endpoints[0].OpenConnections);
    }

    [Theory]
    [InlineData("cancel", "cancelled PingPong with deadline")]
    [InlineData("cancelEarly", "cancelled Wait")]
    [InlineData("deadline", "cancelled Wait with deadline")]
    public async Task A_call_that_its_client_ends_ends_at_the_server(string name, string seen)
    {
        await using var server = NodeProcess.Start("echo-server.cjs");
        await using var gateway = await TestGateway.ForwardAsync($"http://127.0.0.1:{await PortAsync(server)}", "protocol: h2c");
        await PassesAsync(gateway, name);
        while (await server.ReadLineAsync() is { } line && line != seen)
        {
            Assert.Equal("waiting", line);
        }
    }

    [Fact]
    public async Task The_deadline_of_the_route_is_the_clients_and_the_servers()
    {
        await using var server = NodeProcess.Start("echo-server.cjs");
        await using var gateway = await TestGateway.ForwardAsync($"http://127.0.0.1:{await PortAsync(server)}", "protocol: h2c", "filters: { timeout: 300ms }");
        await PassesAsync(gateway, "deadlineOfRoute");
        while (await server.ReadLineAsync() is { } line && line != "cancelled Wait with deadline")
        {
            Assert.Equal("waiting", line);
        }
    }

    [Theory]
    [InlineData("unavailable", "upstream/connect-failed: The endpoint could not be reached")]
    [InlineData("unimplemented", "route/not-found: No route matches this request: Nothing is configured for POST /lakou.test.Echo/Unary.")]
    [InlineData("resourceExhausted", "http/body-too-large: The request's body is larger than allowed: ")]
    public async Task What_fails_here_ends_the_call_with_its_status(string name, string details)
    {
        await using var server = NodeProcess.Start("echo-server.cjs");
        var port = name == "unavailable" ? "1" : await PortAsync(server);
        await using var gateway = await TestGateway.StartAsync($$"""
            upstreams: { app: { endpoints: [ "http://127.0.0.1:{{port}}" ], protocol: h2c } }
            routes: { all: { match: { path: "{{(name == "unimplemented" ? "/other" : "/**")}}" }, filters: { body-limit: {{(name == "resourceExhausted" ? "2B" : "1MiB")}} }, to: app } }
            """);
        var said = await SaysAsync(gateway, name);
        Assert.True(said.Contains(name + " ok"), string.Join('\n', said));
        Assert.StartsWith("details " + details, said[0], StringComparison.Ordinal);
    }

    private static async Task<string> PortAsync(NodeProcess server)
    {
        var line = await server.ReadLineAsync();
        Assert.StartsWith("listening ", line, StringComparison.Ordinal);
        return line!["listening ".Length..];
    }

    private static async Task PassesAsync(TestGateway gateway, params string[] cases)
        => Assert.Equal(cases.Select(name => name + " ok"), (await SaysAsync(gateway, cases)).Where(line => !line.StartsWith("details", StringComparison.Ordinal)));

    private static async Task<IReadOnlyList<string>> SaysAsync(TestGateway gateway, params string[] cases)
    {
        await using var client = NodeProcess.Start("echo-client.cjs", [gateway.Address.ToString(), .. cases]);
        return await client.ReadToEndAsync();
    }
}
