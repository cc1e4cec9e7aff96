using System.Net;
using System.Net.Sockets;
using Lakou.Core.Time;
using Lakou.Gateway.Listeners;
using Lakou.Gateway.Upstreams;
using Lakou.Gateway.Upstreams.Balancing;
using Microsoft.Extensions.Logging;

namespace Lakou.Gateway.Layer4;

/// <summary>
/// A <c>udp</c> listener, live.
/// <code>
/// client a:1 ─┐             ┌─ session a:1 ── socket ── endpoint
///             ├─ listener ──┤
/// client b:2 ─┘             └─ session b:2 ── socket ── endpoint     answers leave by the listener's socket
/// </code>
/// </summary>
internal sealed class UdpRelayListener : IListener
{
    /// <summary>More than UDP over IPv4 (65,507) and IPv6 (65,527) can carry.</summary>
    public const int MaxDatagramBytes = 64 * 1024;

    // The kernel is out of memory: trying again at once would spin.
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(100);

    private readonly ILogger _log;
    private readonly UpstreamState _upstream; // kept, as of a tcp listener
    private readonly int _sessionsMax;
    private readonly CancellationTokenSource _stopped = new();
    private Task _receiving = Task.CompletedTask;

    public UdpRelayListener(ListenerPlan plan, DatagramSocket socket, GatewayState gateway, Sweeper sweeper, ILoggerFactory loggers)
    {
        Plan = plan;
        Clients = socket;
        Gateway = gateway;
        Sweeper = sweeper;
        Metrics = gateway.Metrics.Layer4(plan.Name);
        _upstream = gateway.Upstreams[plan.Options.Udp!.To];
        _log = loggers.CreateLogger("Lakou.Listener." + plan.Name);
        _sessionsMax = DescriptorBudget.Bound(plan.Options.Udp.Sessions, "udp.sessions", plan.Name, _log);
    }

    public ListenerPlan Plan { get; set; }

    public DatagramSocket Clients { get; }

    public GatewayState Gateway { get; }

    public Sweeper Sweeper { get; }

    public Layer4Metrics Metrics { get; }

    public EndPoint LocalEndPoint => Clients.LocalEndPoint;

    public IDisposable Socket => Clients;

    public int Connections => Clients.SessionCount;

    public Task StartAsync()
    {
        Clients.Listener = this;
        _receiving = ReceiveAsync();
        return Task.CompletedTask;
    }

    /// <summary>
    /// Receives no more. Who has taken the socket over goes on with the sessions; those that still lead to our endpoints at the
    /// deadline are ended, and their clients' next datagrams begin new ones with the other. Without a socket all end at once.
    /// </summary>
    public async Task StopAsync(CancellationToken deadline)
    {
        await _stopped.CancelAsync();
        await _receiving;
        if (Clients.IsClosed)
        {
            Clients.EndSessions();
        }

        var ours = Clients.Sessions.Values.Where(session => session.Listener == this).ToArray();
        await using var cut = deadline.UnsafeRegister(_ => Array.ForEach(ours, session => session.End()), null);
        await Task.WhenAll(ours.Select(session => session.Ended));
    }

    public ValueTask DisposeAsync()
    {
        _stopped.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task ReceiveAsync()
    {
        var buffer = GC.AllocateUninitializedArray<byte>(MaxDatagramBytes);
        var client = new SocketAddress(Clients.Socket.AddressFamily); // filled anew by each receive
        while (!_stopped.IsCancellationRequested)
        {
            try
            {
                var count = await Clients.Socket.ReceiveFromAsync(buffer, SocketFlags.None, client, _stopped.Token);
                Clients.Listener!.PassOn(client, buffer.AsMemory(0, count));
            }
            catch (Exception e) when (Clients.IsClosed || e is OperationCanceledException)
            {
                return;
            }
            catch (SocketException e)
            {
                _log.LogDebug(e, "Listener {Listener} could not receive a datagram", Plan.Name);
                await Task.Delay(s_pause, Gateway.Time, CancellationToken.None);
            }
            catch (Exception e)
            {
                _log.LogError(e, "lakou/bug on listener {Listener}", Plan.Name);
            }
        }
    }

    private void PassOn(SocketAddress client, ReadOnlyMemory<byte> datagram)
    {
        if (Clients.Sessions.TryGetValue(client, out var session))
        {
            session.Send(datagram.Span);
        }
        else if (!Clients.TryEnter(_sessionsMax))
        {
            Metrics.Drop(DropReason.Sessions);
        }
        else if (_upstream.Pick(new PickContext(null, UdpSession.AddressOf(client)), out var plan) is not { } endpoint)
        {
            Clients.Leave();
            Metrics.Drop(DropReason.NoEndpoint);
        }
        else
        {
            var key = new SocketAddress(client.Family, client.Size);
            client.Buffer[..client.Size].CopyTo(key.Buffer);
            new UdpSession(this, key, endpoint, plan).Begin(datagram);
        }
    }
}
