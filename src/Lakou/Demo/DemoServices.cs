using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace Lakou.Demo;

/// <summary>Three small services over real sockets: a fast one with two instances, a slow one, one that fails now and then.</summary>
internal sealed class DemoServices : IAsyncDisposable
{
    private readonly List<WebApplication> _applications = [];
    private readonly TimeProvider _time;

    private DemoServices(TimeProvider time) => _time = time;

    public DemoPorts Ports { get; private set; } = DemoPorts.Friendly;

    /// <summary>Each on its friendly port, or on a free one when that is taken.</summary>
    public static async Task<DemoServices> StartAsync(TimeProvider time)
    {
        var services = new DemoServices(time);
        var flakyTurn = 0;
        services.Ports = services.Ports with
        {
            FastOne = await services.ServeAsync(DemoPorts.Friendly.FastOne, context => Fast(context, "one")),
            FastTwo = await services.ServeAsync(DemoPorts.Friendly.FastTwo, context => Fast(context, "two")),
            Slow = await services.ServeAsync(DemoPorts.Friendly.Slow, services.Slow),
            Flaky = await services.ServeAsync(DemoPorts.Friendly.Flaky, context => Flaky(context, Interlocked.Increment(ref flakyTurn))),
        };
        return services;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var application in _applications)
        {
            await application.DisposeAsync();
        }
    }

    private static Task Fast(HttpContext context, string instance) => Answer(context, new("fast", instance, "here at once"));

    /// <summary>Reports take 300 to 800 ms; <c>/ticks</c> is a stream of server-sent events.</summary>
    private async Task Slow(HttpContext context)
    {
        if (context.Request.Path.Value!.EndsWith("/ticks", StringComparison.Ordinal))
        {
            await Ticks(context);
            return;
        }

        var wait = TimeSpan.FromMilliseconds(Random.Shared.Next(300, 800));
        await Task.Delay(wait, _time, context.RequestAborted);
        await Answer(context, new("slow", "one", $"took {wait.TotalMilliseconds:0} ms"));
    }

    private async Task Ticks(HttpContext context)
    {
        const int Count = 5;
        context.Response.ContentType = "text/event-stream";
        for (var tick = 1; tick <= Count; tick++)
        {
            await context.Response.WriteAsync($"id: {tick}\ndata: tick {tick} of {Count}\n\n", context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
            await Task.Delay(TimeSpan.FromMilliseconds(400), _time, context.RequestAborted);
        }
    }

    /// <summary>
    /// In turn: 503, fine, and two broken connections. Two, because the gateway tries a safe request once more when a kept connection
    /// breaks before any answer.
    /// </summary>
    private static Task Flaky(HttpContext context, int turn)
    {
        switch (turn % 4)
        {
            case 1:
                context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
                return Answer(context, new("flaky", "one", "not today"));
            case 2:
                return Answer(context, new("flaky", "one", "fine this time"));
            default:
                context.Abort();
                return Task.CompletedTask;
        }
    }

    private static Task Answer(HttpContext context, DemoAnswer answer)
    {
        var text = JsonSerializer.Serialize(answer with { Path = context.Request.Path }, JsonSerializerOptions.Web) + "\n"; // ASCII: all else is escaped
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = text.Length;
        return context.Response.WriteAsync(text, context.RequestAborted);
    }

    private async Task<int> ServeAsync(int friendlyPort, RequestDelegate serve)
    {
        try
        {
            return await ListenAsync(friendlyPort, serve);
        }
        catch (IOException e) when (e.InnerException is Microsoft.AspNetCore.Connections.AddressInUseException or SocketException)
        {
            return await ListenAsync(0, serve);
        }
    }

    private async Task<int> ListenAsync(int port, RequestDelegate serve)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Listen(IPAddress.Loopback, port);
        });
        var application = builder.Build();
        application.Run(serve);
        try
        {
            await application.StartAsync();
        }
        catch
        {
            await application.DisposeAsync();
            throw;
        }

        _applications.Add(application);
        return new Uri(application.Urls.First()).Port;
    }

    private sealed record DemoAnswer(string Service, string Instance, string Says, string Path = "");
}
