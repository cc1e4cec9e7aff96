using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace Lakou.EndToEnd.Peers;

/// <summary>A service behind the gateway. <c>/held</c> answers when the test lets it; everything else at once.</summary>
internal sealed class Service : IAsyncDisposable
{
    private readonly TaskCompletionSource _arrived = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _release = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly WebApplication _application;

    private Service(WebApplication application) => _application = application;

    public Uri Address => new(_application.Urls.First());

    /// <summary>A request for <c>/held</c> came.</summary>
    public Task Arrived => _arrived.Task;

    public static async Task<Service> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var service = new Service(builder.Build());
        service._application.Run(service.AnswerAsync);
        await service._application.StartAsync();
        return service;
    }

    public void Release() => _release.TrySetResult();

    public async ValueTask DisposeAsync()
    {
        Release();
        await _application.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        if (context.Request.Path == "/held")
        {
            _arrived.TrySetResult();
            await _release.Task.WaitAsync(context.RequestAborted);
        }

        var text = $"{context.Request.Method} {context.Request.Path}{context.Request.QueryString}\n";
        context.Response.ContentLength = text.Length;
        await context.Response.WriteAsync(text, context.RequestAborted);
    }
}
