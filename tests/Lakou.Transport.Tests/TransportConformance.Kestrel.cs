using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Lakou.Transport.Tests;

public abstract partial class TransportConformance
{
    [Theory]
    [InlineData("1.1", HttpProtocols.Http1)]
    [InlineData("2.0", HttpProtocols.Http2)]
    public async Task An_ASPNET_Core_application_serves_over_it(string version, HttpProtocols protocols)
    {
        var transport = CreateTransport(new TransportOptions());
        await using var app = await StartAppAsync(transport, new IPEndPoint(IPAddress.Loopback, 0), protocols);
        using var client = new HttpClient
        {
            BaseAddress = new Uri(app.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.Single()),
            DefaultRequestVersion = Version.Parse(version),
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        await Task.WhenAll(Enumerable.Range(0, 64).Select(async i =>
        {
            using var body = new ByteArrayContent(Bytes.Make(i, i * 10_000));
            using var answer = await client.PostAsync(new Uri("/echo", UriKind.Relative), body, Stop);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            Assert.Equal(Version.Parse(version), answer.Version);
            var echoed = await answer.Content.ReadAsByteArrayAsync(Stop);
            Assert.Equal(i * 10_000, echoed.Length);
            Bytes.AssertPattern(echoed, i);
        }));
        await app.StopAsync(Stop);
        await EventuallyAsync(() => transport.OutstandingBlocks == 0);
    }

    [Fact]
    public async Task Kestrel_serves_a_listen_socket_and_leaves_it_open()
    {
        using var shared = ListenSocket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        for (var i = 0; i < 2; i++)
        {
            await using var app = await StartAppAsync(CreateTransport(new TransportOptions()), shared.AsEndPoint(), HttpProtocols.Http1);
            Assert.Equal([$"http://{shared.LocalEndPoint}"], app.Urls);
            using var client = new HttpClient();
            Assert.Equal("hello", await client.GetStringAsync(new Uri($"http://{shared.LocalEndPoint}/hello"), Stop));
            await app.StopAsync(Stop);
        }
    }

    private async Task<WebApplication> StartAppAsync(IConnectionListenerFactory transport, EndPoint endPoint, HttpProtocols protocols)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(endPoint, listen => listen.Protocols = protocols));
        builder.Services.AddSingleton(transport);
        builder.Services.AddRoutingCore();
        var app = builder.Build();
        app.MapGet("/hello", () => "hello");
        app.MapPost("/echo", static async (HttpContext context) =>
        {
            // The whole body first: HttpClient reads no answer while it sends, and flow control would stop both.
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body, context.RequestAborted);
            body.Position = 0;
            await body.CopyToAsync(context.Response.Body, context.RequestAborted);
        });
        await app.StartAsync(Stop);
        return app;
    }
}
