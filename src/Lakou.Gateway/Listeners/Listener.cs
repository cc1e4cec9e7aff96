using System.Net;
using Lakou.Core.Time;
using Lakou.Gateway.Observation;
using Lakou.Http.Server;
using Lakou.Transport;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Lakou.Gateway.Listeners;

/// <summary>
/// A listener of HTTP, live: a bound socket and what accepts from it. The socket outlives the rest, so that a changed
/// listener takes it over and no connection is refused meanwhile.
/// </summary>
internal sealed class Listener : IListener
{
    private readonly ListenSocket _socket;
    private readonly Acceptor _acceptor;
    private readonly CancellationTokenSource _closing = new();
    private readonly ILoggerFactory _loggers;
    private ListenerPlan _plan;
    private Http3Server? _http3;
    private int _hasWarned;

    public Listener(ListenerPlan plan, ListenSocket socket, GatewayState gateway, Sweeper sweeper, ILoggerFactory loggers)
    {
        _plan = plan;
        _socket = socket;
        _loggers = loggers;
        Time = sweeper.Time;
        Metrics = gateway.Metrics.Listener(plan.Name);
        Log = loggers.CreateLogger("Lakou.Listener." + plan.Name);
        Application = new GatewayApplication(gateway, plan);
        var options = plan.Options;
        Http1 = new Http1Options
        {
            Sweeper = sweeper,
            HeadLimits = plan.HeadLimits,
            BodyBytesMax = options.Limits.Body,
            HeadTimeout = options.Timeouts.Head,
            IdleTimeout = options.Timeouts.Idle,
            BodyRateMin = (int)options.BodyRate,
        };
        Http2 = plan.Protocols.HasFlag(Protocols.Http2) ? new Http2Server(plan, Application, loggers) : null;
        _acceptor = new Acceptor(gateway.Transport, socket, plan, Metrics, Log, connection => new HttpSession(this, connection));
    }

    public ListenerPlan Plan
    {
        get => Volatile.Read(ref _plan);
        set => Volatile.Write(ref _plan, value);
    }

    public TimeProvider Time { get; }

    public ListenerMetrics Metrics { get; }

    public ILogger Log { get; }

    public GatewayApplication Application { get; }

    public Http1Options Http1 { get; }

    /// <summary>Null when the listener has no HTTP/2.</summary>
    public Http2Server? Http2 { get; }

    /// <summary>The listener stops; connections should end when they can.</summary>
    public CancellationToken Closing => _closing.Token;

    public EndPoint LocalEndPoint => _socket.LocalEndPoint;

    public IDisposable Socket => _socket;

    public int Connections => _acceptor.Connections + (_http3?.Connections ?? 0);

    /// <summary>What carries HTTP/3 in place of msquic.</summary>
    public IMultiplexedConnectionListenerFactory? Quic { get; init; }

    public async Task StartAsync()
    {
        if (Plan.Protocols.HasFlag(Protocols.Http3) && LocalEndPoint is IPEndPoint address)
        {
            _http3 = await Http3Server.TryStartAsync(this, address, Quic, _loggers);
            Application.AltSvc = _http3 is null ? null : $"h3=\":{address.Port}\""; // for a day (RFC 7838 §3.1)
        }

        await (Http2?.StartAsync() ?? Task.CompletedTask);
        await _acceptor.StartAsync();
    }

    /// <summary>Leaves the port for datagrams to the next: it cannot be handed over as the socket is. Its connections go on.</summary>
    public ValueTask LeaveDatagramsAsync() => _http3?.UnbindAsync() ?? default;

    /// <summary>A peer that the operator named does not do what that says. Warned of once, and counted each time.</summary>
    public void Refuse(string reason, EndPoint? peer, string why)
    {
        Metrics.Refuse(reason);
        var level = Interlocked.Exchange(ref _hasWarned, 1) == 0 ? LogLevel.Warning : LogLevel.Debug;
        Log.Log(level, "Listener {Listener} refuses {Peer}: it {Why}", Plan.Name, peer, why);
    }

    /// <summary>A client has no certificate, or none that is believed.</summary>
    public void RefuseCertificate(EndPoint? client, string reason)
    {
        Metrics.Refuse("client-certificate");
        Log.LogDebug("TLS handshake with {Client} failed: {Reason}", client, reason);
    }

    /// <summary>Accepts no more, tells clients (GOAWAY, Connection: close), waits for what runs; then aborts the rest.</summary>
    public async Task StopAsync(CancellationToken deadline)
    {
        await _acceptor.UnbindAsync();
        await _closing.CancelAsync();
        await Task.WhenAll(_acceptor.DrainAsync(deadline), _http3?.StopAsync(deadline) ?? Task.CompletedTask);
    }

    public async ValueTask DisposeAsync()
    {
        await _acceptor.DisposeAsync();
        await (Http2?.DisposeAsync() ?? default);
        await (_http3?.DisposeAsync() ?? default);
        _closing.Dispose();
    }
}
