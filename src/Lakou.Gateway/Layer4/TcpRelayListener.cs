using System.Net;
using Lakou.Core.Time;
using Lakou.Gateway.Listeners;
using Lakou.Gateway.Upstreams;
using Lakou.Transport;
using Microsoft.Extensions.Logging;

namespace Lakou.Gateway.Layer4;

/// <summary>A <c>tcp</c> listener, live. Its socket is handed over as that of any listener is.</summary>
internal sealed class TcpRelayListener : IListener
{
    private readonly ListenSocket _socket;
    private readonly Acceptor _acceptor;

    public TcpRelayListener(ListenerPlan plan, ListenSocket socket, GatewayState gateway, Sweeper sweeper, ILoggerFactory loggers)
    {
        Plan = plan;
        _socket = socket;
        Gateway = gateway;
        Sweeper = sweeper;
        Metrics = gateway.Metrics.Layer4(plan.Name);
        Upstreams = plan.Tcp!.Names.Upstreams.Append(plan.Tcp.To).OfType<string>().Distinct().ToDictionary(name => name, name => gateway.Upstreams[name], StringComparer.Ordinal);
        var log = loggers.CreateLogger("Lakou.Listener." + plan.Name);
        _acceptor = new Acceptor(gateway.Transport, socket, plan, Metrics.Connections, log, connection => new TcpSession(this, connection));
    }

    public ListenerPlan Plan { get; set; }

    public GatewayState Gateway { get; }

    public Sweeper Sweeper { get; }

    public Layer4Metrics Metrics { get; }

    /// <summary>Those that the plan names, kept: the last connections of a replaced listener may come when theirs has left the configuration.</summary>
    public IReadOnlyDictionary<string, UpstreamState> Upstreams { get; }

    public EndPoint LocalEndPoint => _socket.LocalEndPoint;

    public IDisposable Socket => _socket;

    public int Connections => _acceptor.Connections;

    public Task StartAsync() => _acceptor.StartAsync();

    /// <summary>Accepts no more and waits for what runs: only its two sides know when it is over. Cuts the rest at the deadline.</summary>
    public async Task StopAsync(CancellationToken deadline)
    {
        await _acceptor.UnbindAsync();
        await _acceptor.DrainAsync(deadline);
    }

    public ValueTask DisposeAsync() => _acceptor.DisposeAsync();
}
