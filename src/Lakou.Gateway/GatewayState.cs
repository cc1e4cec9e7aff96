using System.Collections.Concurrent;
using System.Net;
using Lakou.Core.Configuration;
using Lakou.Core.Time;
using Lakou.Gateway.Actions.Enqueue;
using Lakou.Gateway.Layer4;
using Lakou.Gateway.Listeners;
using Lakou.Gateway.Observation;
using Lakou.Gateway.Routing;
using Lakou.Gateway.Upstreams;
using Lakou.Transport;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Lakou.Gateway;

/// <summary>
/// The gateway, live: the state of the current plan and the swap to the next. Requests read <see cref="Router"/> once;
/// what a new plan does not change (listeners, upstreams, endpoints, routes) keeps its object and so its state.
/// </summary>
internal sealed class GatewayState : IAsyncDisposable
{
    // A source that is well answers in milliseconds; one that is not must not keep a gateway from starting.
    private static readonly TimeSpan FirstEndpoints = TimeSpan.FromSeconds(2);

    private readonly SemaphoreSlim _applyGate = new(1, 1);
    private readonly Sweeper _clientSweeper;
    private readonly Sweeper _upstreamSweeper;
    private readonly ILoggerFactory _loggers;

    // Written under the gate; read by the admin API at any time.
    private readonly ConcurrentDictionary<string, IListener> _listeners = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, UpstreamState> _upstreams = new(StringComparer.Ordinal);
    private readonly List<Task> _retiring = [];
    private readonly CancellationTokenSource _stopping = new();
    private Dictionary<string, RouteState> _routes = new(StringComparer.Ordinal);
    private Router<RouteState> _router = GatewayPlan.Empty.Router.Select(static _ => (RouteState)null!);

    public GatewayState(GatewayMetrics metrics, ServerTelemetry telemetry, AccessLog? accessLog, TimeProvider time, LakouTransport transport, ILoggerFactory loggers)
    {
        Transport = transport;
        Metrics = metrics;
        Telemetry = telemetry;
        AccessLog = accessLog;
        Time = time;
        _loggers = loggers;
        Log = loggers.CreateLogger("Lakou.Gateway");

        // Client timeouts are seconds and connections are many; upstream timeouts may be short.
        _clientSweeper = new Sweeper(time, TimeSpan.FromMilliseconds(500));
        _upstreamSweeper = new Sweeper(time, TimeSpan.FromMilliseconds(50));
    }

    public GatewayMetrics Metrics { get; }

    public ServerTelemetry Telemetry { get; }

    public AccessLog? AccessLog { get; set; }

    public TimeProvider Time { get; }

    public LakouTransport Transport { get; }

    public ILogger Log { get; }

    public Router<RouteState> Router => Volatile.Read(ref _router);

    public GatewayPlan Plan { get; private set; } = GatewayPlan.Empty;

    public IReadOnlyDictionary<string, UpstreamState> Upstreams => _upstreams;

    public IReadOnlyDictionary<string, IListener> Listeners => _listeners;

    public IReadOnlyDictionary<string, RouteState> Routes => Volatile.Read(ref _routes);

    /// <summary>How long connections of a removed listener, or a changed one of layer 4, may take to end.</summary>
    public TimeSpan Drain { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>What carries HTTP/3 in place of msquic.</summary>
    public IMultiplexedConnectionListenerFactory? Quic { get; init; }

    /// <summary>Where routes find the backbone.</summary>
    public EnqueueState Enqueue { get; init; } = new();

    /// <summary>Where a listener is bound.</summary>
    public EndPoint EndPointOf(string listener) => _listeners[listener].LocalEndPoint;

    /// <summary>
    /// Makes the plan the current one. Sockets are bound first; when one cannot be, the problem is reported and nothing changes.
    /// </summary>
    public async Task<bool> ApplyAsync(GatewayPlan plan, Problems problems)
    {
        await _applyGate.WaitAsync();
        try
        {
            // 1. Bind what is new. A changed listener on the same address keeps its socket.
            var sockets = Bind(plan, problems);
            if (sockets is null)
            {
                return false;
            }

            // 2. Upstreams: new ones appear before routes name them.
            foreach (var upstream in plan.Upstreams.Values)
            {
                if (!_upstreams.TryGetValue(upstream.Name, out var state))
                {
                    state = new UpstreamState(upstream.Name, Metrics, Transport, _upstreamSweeper, Log);
                    state.Apply(upstream);
                    _upstreams[upstream.Name] = state;
                }
                else if (state.Plan.Fingerprint != upstream.Fingerprint)
                {
                    state.Apply(upstream);
                }
                else
                {
                    continue;
                }

                if (upstream.Balance.Sticky is { Key: null })
                {
                    Log.LogInformation("upstream {Upstream}: sticky has no key; its cookies are good until this process ends, and for no other", upstream.Name);
                }
            }

            await FirstEndpointsAsync();

            // 3. Routes: an unchanged one keeps its chain and the state of its filters. One write makes them current.
            var routes = plan.Routes.Values.ToDictionary(
                route => route.Name,
                route => _routes.TryGetValue(route.Name, out var state) && state.Plan.Fingerprint == route.Fingerprint && KeepsUpstreams(state)
                    ? state
                    : new RouteState(route, name => _upstreams[name], Enqueue, Metrics.Route(route.Name), Time),
                StringComparer.Ordinal);
            var router = plan.Router.Select(route => routes[route.Name]);
            var before = _routes;
            Volatile.Write(ref _routes, routes);
            Volatile.Write(ref _router, router);

            // 4. Listeners.
            await SwapListenersAsync(plan, sockets);

            // 5. What the plan no longer has.
            foreach (var name in before.Keys.Except(routes.Keys))
            {
                Metrics.RemoveRoute(name);
            }

            foreach (var name in _upstreams.Keys.Except(plan.Upstreams.Keys).ToArray())
            {
                _upstreams.TryRemove(name, out var gone);
                gone!.Dispose();
            }

            Plan = plan;
            return true;
        }
        finally
        {
            _applyGate.Release();
        }

        // An upstream that was removed and came back under its name is another object.
        bool KeepsUpstreams(RouteState state) => state.Plan.Upstreams.All(Plan.Upstreams.ContainsKey);
    }

    /// <summary>Stops accepting, tells clients, waits for what runs until the deadline, then ends the rest.</summary>
    public async Task StopAsync(CancellationToken deadline)
    {
        await _applyGate.WaitAsync(CancellationToken.None);
        try
        {
            // 1. Nobody new: connects are refused from here on. 2. All others have until the deadline, those of replaced listeners too.
            var listeners = _listeners.Values.ToArray();
            Array.ForEach(listeners, listener => listener.Socket.Dispose());
            await using var now = deadline.UnsafeRegister(static state => ((CancellationTokenSource)state!).Cancel(), _stopping);
            await Task.WhenAll(listeners.Select(listener => listener.StopAsync(deadline)).Concat(_retiring));
            foreach (var listener in listeners)
            {
                await listener.DisposeAsync();
            }

            _listeners.Clear();
        }
        finally
        {
            _applyGate.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync(new CancellationToken(canceled: true));
        foreach (var upstream in _upstreams.Values)
        {
            upstream.Dispose();
        }

        _upstreams.Clear();
        _clientSweeper.Dispose();
        _upstreamSweeper.Dispose();
        _applyGate.Dispose();
        _stopping.Dispose();
    }

    /// <summary>Routes lead to upstreams that have endpoints, or whose source was asked once; one that does not answer is not waited for.</summary>
    private async Task FirstEndpointsAsync()
    {
        var all = Task.WhenAll(_upstreams.Values.Where(upstream => upstream.Endpoints.Count == 0).Select(upstream => upstream.Discovery?.FirstTry ?? Task.CompletedTask));
        if (!all.IsCompleted)
        {
            await Task.WhenAny(all, Task.Delay(FirstEndpoints, Time, _stopping.Token));
        }
    }

    /// <summary>The sockets of new and changed listeners by name; null when one could not be bound.</summary>
    private Dictionary<string, IDisposable>? Bind(GatewayPlan plan, Problems problems)
    {
        var sockets = new Dictionary<string, IDisposable>(StringComparer.Ordinal);
        var opened = new List<IDisposable>();
        var failed = false;
        foreach (var listener in plan.Listeners.Values)
        {
            if (_listeners.TryGetValue(listener.Name, out var running) && running.Plan.WrittenFingerprint == listener.WrittenFingerprint)
            {
                continue;
            }

            if (SocketFor(plan, listener) is { } taken)
            {
                sockets.Add(listener.Name, taken);
                continue;
            }

            try
            {
                IDisposable socket = listener.Options.Udp is null ? ListenSocket.Bind(listener.Address.EndPoint) : DatagramSocket.Bind(listener.Address.EndPoint);
                opened.Add(socket);
                sockets.Add(listener.Name, socket);
            }
            catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException or InvalidOperationException)
            {
                failed = true;
                problems.Add($"listeners.{listener.Name}.address", e.Message);
            }
        }

        if (failed)
        {
            opened.ForEach(socket => socket.Dispose());
            return null;
        }

        return sockets;
    }

    /// <summary>The socket of this address, if it is the listener's own or its listener gives it up. Port 0 is another address every time.</summary>
    private IDisposable? SocketFor(GatewayPlan plan, ListenerPlan listener)
    {
        var wanted = listener.Address.EndPoint;
        return _listeners.GetValueOrDefault(listener.Name) is { } own && HasIt(own.Plan)
            ? own.Socket
            : _listeners.Values.FirstOrDefault(other => wanted is not IPEndPoint { Port: 0 } && HasIt(other.Plan)
                && !(plan.Listeners.GetValueOrDefault(other.Plan.Name) is { } next && HasIt(next)))?.Socket;

        bool HasIt(ListenerPlan other) => other.IsSameKind(listener) && other.Address.EndPoint.Equals(wanted);
    }

    private async Task SwapListenersAsync(GatewayPlan plan, Dictionary<string, IDisposable> sockets)
    {
        var replaced = _listeners.Values
            .Where(listener => !plan.Listeners.ContainsKey(listener.Plan.Name) || sockets.ContainsKey(listener.Plan.Name))
            .ToArray();
        foreach (var old in replaced.OfType<Listener>())
        {
            await old.LeaveDatagramsAsync();
        }

        foreach (var (name, socket) in sockets)
        {
            var listener = NewListener(plan.Listeners[name], socket);
            await listener.StartAsync();
            _listeners[name] = listener;
        }

        // Certificates change under their connections, as they do every few weeks where a machine renews them.
        foreach (var kept in _listeners.Values.Where(listener => plan.Listeners.ContainsKey(listener.Plan.Name) && !sockets.ContainsKey(listener.Plan.Name)))
        {
            kept.Plan = plan.Listeners[kept.Plan.Name];
        }

        foreach (var gone in replaced.Where(old => !plan.Listeners.ContainsKey(old.Plan.Name)))
        {
            _listeners.TryRemove(gone.Plan.Name, out _);
        }

        var inUse = _listeners.Values.Select(listener => listener.Socket).ToHashSet();
        foreach (var old in replaced)
        {
            _retiring.RemoveAll(task => task.IsCompleted);
            _retiring.Add(RetireAsync(old, closeSocket: !inUse.Contains(old.Socket)));
        }
    }

    private IListener NewListener(ListenerPlan plan, IDisposable socket) => plan.Scheme switch
    {
        "tcp" => new TcpRelayListener(plan, (ListenSocket)socket, this, _clientSweeper, _loggers),
        "udp" => new UdpRelayListener(plan, (DatagramSocket)socket, this, _clientSweeper, _loggers),
        _ => new Listener(plan, (ListenSocket)socket, this, _clientSweeper, _loggers) { Quic = Quic },
    };

    private async Task RetireAsync(IListener listener, bool closeSocket)
    {
        // Of a changed listener of HTTP each connection ends with its request, or as a tunnel when its ends end it: a reload cuts no WebSocket.
        var isChanged = listener.Plan.IsHttp && _listeners.ContainsKey(listener.Plan.Name);
        using var drain = new CancellationTokenSource(isChanged ? Timeout.InfiniteTimeSpan : Drain, Time);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(drain.Token, _stopping.Token);
        if (closeSocket)
        {
            listener.Socket.Dispose();
        }

        await listener.StopAsync(deadline.Token);
        await listener.DisposeAsync();
        if (!_listeners.ContainsKey(listener.Plan.Name))
        {
            Metrics.RemoveListener(listener.Plan.Name);
        }
    }
}
