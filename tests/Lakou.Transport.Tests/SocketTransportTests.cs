using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Lakou.Transport.Tests;

public sealed class SocketTransportTests : TransportConformance
{
    protected override IConnectionListenerFactory CreateTransport(SocketTransportOptions options) => new SocketTransport(options);

    protected override int OutstandingBlocks(IConnectionListenerFactory transport) => ((SocketTransport)transport).Pool.Outstanding;

    [Fact]
    public async Task One_call_makes_an_application_use_it()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseLakouSockets().UseUrls("http://127.0.0.1:0");
        await using var app = builder.Build();
        app.Run(static context =>
        {
            context.Response.StatusCode = context.Features.Get<IHalfCloseFeature>() is null ? 500 : 204;
            return Task.CompletedTask;
        });
        await app.StartAsync(Stop);
        using var client = new HttpClient();
        using var answer = await client.GetAsync(new Uri(app.Urls.Single()), Stop);
        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        Assert.IsType<SocketTransport>(app.Services.GetServices<IConnectionListenerFactory>().Last());
    }
}

public sealed class InlineSocketTransportTests : TransportConformance
{
    protected override IConnectionListenerFactory CreateTransport(SocketTransportOptions options)
        => new SocketTransport(options with { ApplicationScheduler = PipeScheduler.Inline });

    protected override int OutstandingBlocks(IConnectionListenerFactory transport) => ((SocketTransport)transport).Pool.Outstanding;
}
