using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace Lakou.Gateway.Tests.Harness;

/// <summary>A real server as an endpoint, for what is better tested against somebody else's HTTP.</summary>
internal sealed class KestrelUpstream : IAsyncDisposable
{
    private readonly WebApplication _app;

    private KestrelUpstream(WebApplication app) => _app = app;

    public string Url => _app.Urls.First();

    /// <param name="handler">Answers.</param>
    /// <param name="protocols">HTTP/2 alone is prior knowledge.</param>
    /// <param name="certificate">Path of a .pem and a .key, for TLS.</param>
    /// <param name="socket">Path of a Unix socket to listen on instead.</param>
    public static async Task<KestrelUpstream> StartAsync(RequestDelegate handler, HttpProtocols protocols = HttpProtocols.Http1, string? certificate = null, string? socket = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(options =>
        {
            options.Limits.MaxRequestBodySize = null;
            options.Limits.MinRequestBodyDataRate = null;
            options.Limits.MinResponseDataRate = null;
            options.ConfigureEndpointDefaults(listen => listen.Protocols = protocols);
            if (certificate is not null)
            {
                options.ConfigureHttpsDefaults(https => https.ServerCertificate = X509Certificate2.CreateFromPemFile(certificate + ".pem", certificate + ".key"));
            }
        });
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.UseUrls(socket is not null ? $"http://unix:{socket}" : certificate is not null ? "https://127.0.0.1:0" : "http://127.0.0.1:0");
        var app = builder.Build();
        app.UseWebSockets();
        app.Run(handler);
        await app.StartAsync();
        return new(app);
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(new CancellationToken(canceled: true));
        await _app.DisposeAsync();
    }
}
