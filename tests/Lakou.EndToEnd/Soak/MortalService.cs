using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Lakou.EndToEnd.Soak;

/// <summary>A real service on a port of its own that can be killed and started again there.</summary>
internal sealed class MortalService : IAsyncDisposable
{
    private WebApplication? _application;

    public int Port { get; } = FreePort();

    public string Url => $"http://127.0.0.1:{Port}";

    public async Task StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, Port));
        var application = builder.Build();
        application.UseWebSockets();
        application.Map("/echo", EchoAsync);
        application.Map("/stream", StreamAsync);
        application.MapFallback(async context =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            await context.Response.WriteAsync($"{context.Request.Method} {context.Request.Path} {body.Length}");
        });
        await application.StartAsync();
        _application = application;
    }

    /// <summary>Ends at once: what runs is cut.</summary>
    public async Task KillAsync()
    {
        if (_application is { } application)
        {
            _application = null;
            using var now = new CancellationTokenSource();
            await now.CancelAsync();
            await application.StopAsync(now.Token);
            await application.DisposeAsync();
        }
    }

    public async ValueTask DisposeAsync() => await KillAsync();

    private static async Task EchoAsync(HttpContext context)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        var buffer = new byte[1024];
        while (true)
        {
            var message = await socket.ReceiveAsync(buffer, context.RequestAborted);
            if (message.MessageType == System.Net.WebSockets.WebSocketMessageType.Close)
            {
                await socket.CloseAsync(System.Net.WebSockets.WebSocketCloseStatus.NormalClosure, null, context.RequestAborted);
                return;
            }

            await socket.SendAsync(buffer.AsMemory(0, message.Count), message.MessageType, message.EndOfMessage, context.RequestAborted);
        }
    }

    /// <summary>A line whenever the client's own time says so: as many as asked for, ten a second.</summary>
    private static async Task StreamAsync(HttpContext context)
    {
        var lines = int.Parse(context.Request.Query["lines"]!);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100), TimeProvider.System);
        for (var i = 0; i < lines; i++)
        {
            await context.Response.WriteAsync($"line {i}\n");
            await context.Response.Body.FlushAsync();
            await timer.WaitForNextTickAsync(context.RequestAborted);
        }
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
