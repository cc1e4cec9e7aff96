using System.Buffers;
using System.Net;
using Lakou.Core.Time;
using Lakou.Gateway.Observation;
using Lakou.Http.Server;
using Lakou.Transport;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Lakou.Gateway.Listeners;

/// <summary>
/// A listener, live: a bound socket and the server that accepts from it. The socket outlives the server, so that a changed
/// listener takes it over and no connection is refused meanwhile.
/// <code>
/// accept → limit → TLS → ALPN or first bytes ─┬─ HTTP/1.1: ours (Lakou.Http)
///                                             └─ HTTP/2: Kestrel
/// </code>
/// </summary>
internal sealed class Listener : IListener
{
    private static readonly TimeSpan HandshakeTimeout = TimeSpan.FromSeconds(10); // Kestrel's

    private static readonly IServiceProvider NoServices = new ServiceCollection().AddLogging().BuildServiceProvider();

    private readonly ListenSocket _socket;
    private readonly KestrelServer _server;
    private readonly ListenerPlan _plan;
    private readonly GatewayApplication _application;
    private readonly Http1Options _http1;
    private readonly ListenerMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly int _connectionsMax;
    private int _connections;

    public Listener(ListenerPlan plan, ListenSocket socket, GatewayState gateway, Sweeper sweeper, ILoggerFactory loggers)
    {
        _plan = plan;
        _socket = socket;
        _time = sweeper.Time;
        _metrics = gateway.Metrics.Listener(plan.Name);
        _log = loggers.CreateLogger("Lakou.Listener." + plan.Name);
        _application = new GatewayApplication(gateway, plan);
        var options = plan.Options;
        _connectionsMax = DescriptorBudget.Bound(options.Limits.Connections, "limits.connections", plan.Name, _log);
        _http1 = new Http1Options
        {
            Sweeper = sweeper,
            HeadLimits = plan.HeadLimits,
            BodyBytesMax = options.Limits.Body,
            HeadTimeout = options.Timeouts.Head,
            IdleTimeout = options.Timeouts.Idle,
            BodyRateMin = (int)options.BodyRate,
        };
        var kestrel = new KestrelServerOptions { AddServerHeader = false, ApplicationServices = NoServices };
        kestrel.Limits.MaxConcurrentConnections = null; // counted here, where TLS has not been paid for yet
        kestrel.Limits.MaxRequestBodySize = options.Limits.Body;
        kestrel.Limits.MaxRequestHeaderCount = options.Limits.Fields;
        kestrel.Limits.MaxRequestHeadersTotalSize = (int)options.Limits.Head;
        kestrel.Limits.RequestHeadersTimeout = options.Timeouts.Head;
        kestrel.Limits.KeepAliveTimeout = options.Timeouts.Idle;
        kestrel.Limits.MinRequestBodyDataRate = new MinDataRate(options.BodyRate, TimeSpan.FromSeconds(5));
        kestrel.Limits.MinResponseDataRate = new MinDataRate(options.BodyRate, TimeSpan.FromSeconds(5));
        kestrel.Limits.Http2.MaxStreamsPerConnection = options.Limits.Streams;
        kestrel.RequestHeaderEncodingSelector = static _ => System.Text.Encoding.Latin1; // field values keep their bytes
        kestrel.ResponseHeaderEncodingSelector = static _ => System.Text.Encoding.Latin1;
        kestrel.Listen(socket.AsEndPoint(), listen =>
        {
            listen.Protocols = HttpProtocols.Http2;
            listen.Use(next => connection => ServeAsync(connection, next));
        });
        _server = new KestrelServer(Options.Create(kestrel), gateway.Transport, loggers);
    }

    public ListenerPlan Plan => _plan;

    /// <summary>The bound address; its port is the real one when the plan said 0.</summary>
    public EndPoint LocalEndPoint => _socket.LocalEndPoint;

    public IDisposable Socket => _socket;

    public int Connections => Volatile.Read(ref _connections);

    public Task StartAsync() => _server.StartAsync(_application, CancellationToken.None);

    /// <summary>Accepts no more, tells clients (GOAWAY, Connection: close), waits for what runs; then aborts the rest.</summary>
    public Task StopAsync(CancellationToken deadline) => _server.StopAsync(deadline);

    /// <summary>Closes the server; the socket stays with its owner.</summary>
    public ValueTask DisposeAsync()
    {
        _server.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task ServeAsync(ConnectionContext connection, ConnectionDelegate http2)
    {
        // 1. The limit, before anything is spent on the connection.
        if (Interlocked.Increment(ref _connections) > _connectionsMax)
        {
            Interlocked.Decrement(ref _connections);
            _metrics.Refuse("limit");
            connection.Abort(new ConnectionAbortedException("The listener has its limit of connections."));
            return;
        }

        _metrics.Open();
        try
        {
            await LoopSwitch.To(connection.Features.Get<ILoopFeature>()); // the server starts connections on the thread pool

            // 2. TLS.
            if (_plan.Tls is { } tls)
            {
                await using var secured = await HandshakeAsync(connection, tls);
                if (secured is not null)
                {
                    await ServeHttpAsync(connection, http2, secured.ApplicationProtocol.Span.SequenceEqual("h2"u8));
                }
            }
            else
            {
                // 3. HTTP/2 with prior knowledge shows in the first bytes. With one protocol there is nothing to tell apart.
                await ServeHttpAsync(connection, http2, _plan.Protocols switch
                {
                    Protocols.Http1 => false,
                    Protocols.Http2 => true,
                    _ => await HasPrefaceAsync(connection),
                });
            }
        }
        finally
        {
            _metrics.Close();
            Interlocked.Decrement(ref _connections);
        }
    }

    private Task ServeHttpAsync(ConnectionContext connection, ConnectionDelegate http2, bool? isHttp2)
    {
        switch (isHttp2)
        {
            case true when _plan.Protocols.HasFlag(Protocols.Http2):
                return ServeHttp2Async(connection, http2);
            case false when _plan.Protocols.HasFlag(Protocols.Http1):
                return new Http1Connection<Exchange>(connection, _application, _http1).RunAsync();
            default:
                // Silent until now, or TLS without the protocol that this listener has: a plain end says it all.
                if (isHttp2 is not null)
                {
                    _metrics.Refuse("protocol");
                }

                return Task.CompletedTask;
        }
    }

    private async Task ServeHttp2Async(ConnectionContext connection, ConnectionDelegate http2)
    {
        using var heartbeat = new DrainHeartbeat(connection, _http1.Sweeper);
        await http2(connection);
    }

    private async Task<TlsConnection?> HandshakeAsync(ConnectionContext connection, TlsPlan plan)
    {
        using var timeout = new CancellationTokenSource(HandshakeTimeout, _time);
        try
        {
            return await TlsConnection.OpenAsync(connection, plan, _plan.Protocols, timeout.Token);
        }
        catch (Exception e)
        {
            // Whatever a client sends ends here; the connection ends plainly, so that the alert which says why is not lost to a reset.
            _metrics.Refuse(timeout.IsCancellationRequested ? "tls-timeout" : "tls");
            _log.LogDebug("TLS handshake with {Client} failed: {Reason}", connection.RemoteEndPoint, e.InnerException?.Message ?? e.Message);
            return null;
        }
    }

    /// <summary>Looks at the first bytes without taking them. Null when none came in time or the client left.</summary>
    private async ValueTask<bool?> HasPrefaceAsync(ConnectionContext connection)
    {
        // "PRI" begins no method, so what starts like the preface (RFC 9113 §3.4) is one or is refused as one.
        using var timeout = new CancellationTokenSource(_plan.Options.Timeouts.Head, _time);
        using var closing = connection.Features.Get<IConnectionLifetimeNotificationFeature>()?.ConnectionClosedRequested
            .UnsafeRegister(state => timeout.CancelAfter(_http1.FirstRequestGrace), null) ?? default; // its first request is on the way
        var input = connection.Transport.Input;
        try
        {
            while (true)
            {
                var result = await input.ReadAsync(timeout.Token);
                var verdict = Compare(result.Buffer, "PRI * HTTP/2.0\r\n"u8) ?? (result is { IsCompleted: true, Buffer.IsEmpty: false } ? false : null);
                if (verdict is not null || result.IsCompleted)
                {
                    input.AdvanceTo(result.Buffer.Start);
                    return verdict;
                }

                input.AdvanceTo(result.Buffer.Start, result.Buffer.End);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or ConnectionAbortedException)
        {
            return null;
        }
    }

    private static bool? Compare(in ReadOnlySequence<byte> received, ReadOnlySpan<byte> preface)
    {
        var at = 0;
        foreach (var segment in received)
        {
            foreach (var b in segment.Span)
            {
                if (b != preface[at])
                {
                    return false;
                }

                if (++at == preface.Length)
                {
                    return true;
                }
            }
        }

        return null;
    }
}
