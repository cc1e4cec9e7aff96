using System.Net;
using Lakou.Core.Configuration;
using Lakou.Gateway.Listeners;
using Lakou.Transport;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lakou.Control.Admin;

/// <summary>The listener for operators: a small ASP.NET Core application of its own, beside the gateway.</summary>
internal sealed class AdminServer : IAsyncDisposable
{
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(5); // its answers are short

    private readonly WebApplication _application;
    private readonly ListenSocket _socket;

    private AdminServer(ListenerAddress address, ListenSocket socket, LakouHost host, ILoggerFactory loggers)
    {
        Address = address;
        _socket = socket;

        // Empty: no settings from files or variables that lie about, no log of its own, no handling of signals.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "Lakou" });
        builder.Services.AddSingleton(loggers);
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.AddRouting();
        builder.Services.ConfigureHttpJsonOptions(json => AdminJson.Configure(json.SerializerOptions));
        AdminDescription.AddTo(builder.Services);
        builder.WebHost.UseKestrelCore().UseLakouTransport(new TransportOptions { Kind = TransportKind.Sockets }).ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = ConfigDocument.LargestFile;
            kestrel.Limits.MaxConcurrentConnections = 256; // operators and scrapers; more is a mistake or an attack
            kestrel.Listen(socket.AsEndPoint(), listen => listen.Protocols = HttpProtocols.Http1);
        });
        _application = builder.Build();
        AdminPipeline.Use(_application, new AdminGuard(address, () => Token), loggers.CreateLogger("Lakou.Admin"));
        AdminEndpoints.Map(_application, host);
    }

    /// <summary>As written.</summary>
    public ListenerAddress Address { get; }

    /// <summary>As bound.</summary>
    public EndPoint EndPoint => _socket.LocalEndPoint;

    /// <summary>What <c>Authorization: Bearer</c> must say; null when nothing is asked for. May change at any time.</summary>
    public string? Token { get; set; }

    /// <summary>Null, and a problem, when the address cannot be bound.</summary>
    public static async Task<AdminServer?> TryStartAsync(LakouHost host, LakouPlan plan, ILoggerFactory loggers, Problems problems)
    {
        ListenSocket socket;
        try
        {
            socket = ListenSocket.Bind(plan.Admin.EndPoint);
        }
        catch (Exception e) when (e is IOException or InvalidOperationException or System.Net.Sockets.SocketException)
        {
            problems.Add("admin.address", e.Message);
            return null;
        }

        var server = new AdminServer(plan.Admin, socket, host, loggers) { Token = plan.Options.Admin.Token };
        try
        {
            await server._application.StartAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        using var deadline = new CancellationTokenSource(StopTimeout, TimeProvider.System);
        await _application.StopAsync(deadline.Token);
        await _application.DisposeAsync();
        _socket.Dispose();
    }

    /// <summary>The process ends when its composition root says so.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
