using System.Net;
using System.Net.Quic;
using System.Net.Security;
using System.Text;
using Lakou.Gateway.Observation;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Lakou.Gateway.Listeners;

/// <summary>
/// Kestrel, for HTTP/3 alone, over its own transport of QUIC: a listener's address once more, for datagrams. QUIC is the
/// library msquic's, which is not part of .NET; without it a listener serves its other versions.
/// </summary>
internal sealed class Http3Server : IAsyncDisposable
{
    private readonly WebApplication _application;
    private readonly IServer _server;
    private readonly QuicPort _port;
    private int _connections;

    private Http3Server(Listener listener, IPEndPoint address, IMultiplexedConnectionListenerFactory? transport, ILoggerFactory loggers)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "Lakou" });
        builder.Services.AddSingleton(loggers);
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel =>
        {
            SetLimits(kestrel, listener.Plan.Options);
            kestrel.Listen(address, listen =>
            {
                listen.Protocols = HttpProtocols.Http3;
                listen.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = hello => new(OptionsFor(listener, hello.ClientHelloInfo.ServerName, hello.Connection?.RemoteEndPoint)) });
                ((IMultiplexedConnectionBuilder)listen).Use(next => connection => CountAsync(listener.Metrics, next, connection));
            });
        });
        _port = new QuicPort(transport ?? QuicOf(builder, listener.Plan.Options));
        builder.Services.AddSingleton<IMultiplexedConnectionListenerFactory>(_port);
        _application = builder.Build();
        _server = _application.Services.GetRequiredService<IServer>();
    }

    /// <summary>Whether the library is here, of a version and with the TLS that .NET can use.</summary>
    public static bool IsSupported => (OperatingSystem.IsLinux() || OperatingSystem.IsMacOS() || OperatingSystem.IsWindows()) && QuicListener.IsSupported;

    public int Connections => Volatile.Read(ref _connections);

    /// <summary>Null, and one line in the log, when it cannot be had: the listener serves its other versions.</summary>
    /// <param name="listener">Its plan is asked for each connection, so that certificates may change under it.</param>
    /// <param name="address">That of its socket for streams, whose port this shares.</param>
    /// <param name="transport">Of QUIC; null for msquic's.</param>
    public static async Task<Http3Server?> TryStartAsync(Listener listener, IPEndPoint address, IMultiplexedConnectionListenerFactory? transport, ILoggerFactory loggers)
    {
        if (transport is null && !IsSupported)
        {
            listener.Log.LogWarning("Listener {Listener} serves no HTTP/3: the QUIC library is missing. Install libmsquic 2.2 or later, or take http3 out of its protocols", listener.Plan.Name);
            return null;
        }

        var server = new Http3Server(listener, address, transport, loggers);
        try
        {
            await server._server.StartAsync(listener.Application, CancellationToken.None);
            return server;
        }
        catch (Exception e) when (e is IOException or QuicException or System.Net.Sockets.SocketException or InvalidOperationException)
        {
            await server.DisposeAsync();
            listener.Log.LogError("Listener {Listener} serves no HTTP/3: {Address} takes no datagrams ({Reason}). Free the UDP port and reload, or take http3 out of its protocols", listener.Plan.Name, address, e.Message);
            return null;
        }
    }

    /// <summary>No more are accepted, and the port is free for the next; those that are here go on.</summary>
    public ValueTask UnbindAsync() => _port.UnbindAsync();

    /// <summary>Tells clients (GOAWAY), waits for what runs, and cuts the rest at the deadline.</summary>
    public Task StopAsync(CancellationToken deadline) => _server.StopAsync(deadline);

    public async ValueTask DisposeAsync()
    {
        await _port.UnbindAsync();
        await _application.DisposeAsync();
    }

    private static void SetLimits(KestrelServerOptions kestrel, ListenerOptions options)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxConcurrentConnections = options.Limits.Connections; // beside those over TCP
        kestrel.Limits.MaxRequestBodySize = options.Limits.Body;
        kestrel.Limits.MaxRequestHeaderCount = options.Limits.Fields;
        kestrel.Limits.MaxRequestHeadersTotalSize = (int)options.Limits.Head;
        kestrel.Limits.Http3.MaxRequestHeaderFieldSize = (int)options.Limits.Head;
        kestrel.Limits.RequestHeadersTimeout = options.Timeouts.Head;
        kestrel.Limits.KeepAliveTimeout = options.Timeouts.Idle;
        kestrel.Limits.MinRequestBodyDataRate = new MinDataRate(options.BodyRate, TimeSpan.FromSeconds(5));
        kestrel.Limits.MinResponseDataRate = new MinDataRate(options.BodyRate, TimeSpan.FromSeconds(5));
        kestrel.RequestHeaderEncodingSelector = static _ => Encoding.Latin1; // field values keep their bytes
        kestrel.ResponseHeaderEncodingSelector = static _ => Encoding.Latin1;
    }

    private static SslServerAuthenticationOptions OptionsFor(Listener listener, string? name, EndPoint? client)
        => listener.Plan.Tls!.OptionsFor(name, Protocols.Http3, listener.Time.GetUtcNow(), reason => listener.RefuseCertificate(client, reason));

    /// <summary>Takes the transport out of where it registers itself: it is public in no other way.</summary>
    private static IMultiplexedConnectionListenerFactory QuicOf(WebApplicationBuilder builder, ListenerOptions options)
    {
#pragma warning disable CA2252 // The number of streams is a preview of ASP.NET Core's; it is only handed on to msquic, which has always had it.
        builder.WebHost.UseQuic(quic => quic.MaxBidirectionalStreamCount = options.Limits.Streams);
#pragma warning restore CA2252
        using var services = builder.Services.BuildServiceProvider();
        return services.GetRequiredService<IMultiplexedConnectionListenerFactory>();
    }

    private async Task CountAsync(ListenerMetrics metrics, MultiplexedConnectionDelegate next, MultiplexedConnectionContext connection)
    {
        Interlocked.Increment(ref _connections);
        metrics.Open();
        try
        {
            await next(connection);
        }
        finally
        {
            metrics.Close();
            Interlocked.Decrement(ref _connections);
        }
    }

    /// <summary>A transport whose port can be left while its connections go on, which Kestrel does only with all at once.</summary>
    private sealed class QuicPort(IMultiplexedConnectionListenerFactory transport) : IMultiplexedConnectionListenerFactory
    {
        private IMultiplexedConnectionListener? _bound;

        public async ValueTask<IMultiplexedConnectionListener> BindAsync(EndPoint endpoint, IFeatureCollection? features = null, CancellationToken cancellationToken = default)
            => _bound = await transport.BindAsync(endpoint, features, cancellationToken);

        public ValueTask UnbindAsync() => _bound?.UnbindAsync() ?? default;
    }
}
