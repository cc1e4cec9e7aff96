using System.Text;
using Lakou.Gateway.Tests.Harness;
using Lakou.Gateway.Upstreams;
using Lakou.Gateway.Upstreams.Health;
using Lakou.Transport;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Lakou.Gateway.Tests.Upstreams.Health;

/// <summary>Probes over HTTP/2: the health protocol of gRPC, and GET.</summary>
public sealed class GrpcProbeTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("0000000002 0801", "0", "pass")]
    [InlineData("0000000007 1203616263 0801", "0", "pass")] // a field that we do not know
    [InlineData("0000000002 0802", "0", "NOT_SERVING")]
    [InlineData("0000000002 0803", "0", "SERVICE_UNKNOWN")]
    [InlineData("0000000000", "0", "UNKNOWN")]
    [InlineData("0000000002 0809", "0", "status 9, which grpc.health.v1 does not have")]
    [InlineData("", "5", "grpc-status 5: the server does not know the service")]
    [InlineData("", "12", "grpc-status 12: the server does not serve grpc.health.v1.Health")]
    [InlineData("", "14", "grpc-status 14")]
    [InlineData("", "x\ny", "a grpc-status that is no number")]
    [InlineData("0000000002 0801", "", "an answer without grpc-status")]
    [InlineData("0000000003 0801", "0", "no message of grpc.health.v1")]
    [InlineData("0100000002 0801", "0", "no message of grpc.health.v1")]
    [InlineData("0000000003 12ff01", "0", "no message of grpc.health.v1")]
    [InlineData("0000000001 08", "0", "no message of grpc.health.v1")]
    [InlineData("", "0", "no message of grpc.health.v1")]
    public async Task An_answer_has_its_outcome(string frame, string status, string expected)
    {
        await using var server = await KestrelUpstream.StartAsync(
            async context =>
            {
                Assert.Equal(("/grpc.health.v1.Health/Check", "application/grpc", "trailers"), (context.Request.Path.Value, context.Request.ContentType, context.Request.Headers.TE.ToString()));
                using var body = new MemoryStream();
                await context.Request.Body.CopyToAsync(body);
                Assert.Equal("\0\0\0\0\u000d\n\u000bshop.Orders", Encoding.Latin1.GetString(body.ToArray()));
                await context.Response.Body.WriteAsync(Convert.FromHexString(frame.Replace(" ", "", StringComparison.Ordinal)));
                if (status.Length > 0)
                {
                    context.Response.AppendTrailer("grpc-status", status.Replace("\n", "", StringComparison.Ordinal));
                }
            },
            HttpProtocols.Http2);
        var result = await RunAsync(server.Url, new() { Grpc = new() { Service = "shop.Orders" } });
        Assert.Equal(expected, result.IsPass ? "pass" : result.Detail);
    }

    [Theory]
    [InlineData(200, "pass")]
    [InlineData(503, "status 503, not 200-399")]
    public async Task A_path_is_asked_for_over_HTTP_2(int status, string expected)
    {
        await using var server = await KestrelUpstream.StartAsync(
            context =>
            {
                Assert.Equal("/healthz?deep", context.Request.Path + context.Request.QueryString);
                context.Response.StatusCode = status;
                return context.Response.WriteAsync("all is up");
            },
            HttpProtocols.Http2);
        var result = await RunAsync(server.Url, new() { Path = "/healthz?deep", Contains = "is up" });
        Assert.Equal(expected, result.IsPass ? "pass" : result.Detail);
    }

    [Fact]
    public async Task Nobody_and_somebody_else_are_failures()
    {
        using var nobody = new RawUpstream();
        nobody.Dispose();
        Assert.Equal(new("connect", "connection refused"), await RunAsync(nobody.Url, new() { Grpc = new() }));
        await using var other = await KestrelUpstream.StartAsync(context => context.Response.WriteAsync("ok"));
        Assert.Equal("answer", (await RunAsync(other.Url, new() { Grpc = new() })).Outcome);
        using var silent = new RawUpstream().Serve(static peer => peer.ReadToEndAsync());
        Assert.Equal("timeout", (await RunAsync(silent.Url, new() { Grpc = new(), Timeout = TimeSpan.FromMilliseconds(200) })).Outcome);
    }

    [Theory]
    [InlineData("grpc: {}", "upstreams.app.health.active.grpc: gRPC goes over HTTP/2; write protocol: h2c, or http2 for https endpoints")]
    [InlineData("grpc: shop.Orders, path: /x", "upstreams.app.health.active: 'grpc' has an answer of its own; remove 'path', 'expect' and 'contains', or 'grpc'")]
    public void What_cannot_be_meant_is_a_problem(string active, string expected)
    {
        var (_, problems) = TestGateway.Plan($"upstreams: {{ app: {{ endpoints: [ \"http://127.0.0.1:1\" ], health: {{ active: {{ {active} }} }} }} }}");
        Assert.Contains(problems, problem => problem.ToString().EndsWith(expected, StringComparison.Ordinal));
    }

    private static async Task<ProbeResult> RunAsync(string url, ActiveOptions options)
    {
        await using var transport = LakouTransport.Start(new TransportOptions { Loops = 1 });
        var address = EndpointAddress.TryParse(url, out _)! with { Protocol = UpstreamProtocol.H2c };
        return await new Probe(transport, address, options, TimeProvider.System).RunAsync(Stop);
    }
}
