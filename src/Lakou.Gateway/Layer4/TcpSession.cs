using System.Net;
using Lakou.Core.Faults;
using Lakou.Gateway.Listeners;
using Lakou.Gateway.Upstreams;
using Lakou.Transport;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace Lakou.Gateway.Layer4;

/// <summary>
/// One client of a <c>tcp</c> listener, from accept to the last log line.
/// <code>
/// accept → its loop → PROXY header, from peers that send one → server name, when names matter → endpoint → PROXY header to it → relay
/// </code>
/// </summary>
internal sealed class TcpSession(TcpRelayListener listener, ConnectionContext client) : ISession
{
    // One for the PROXY header and the ClientHello together.
    private static readonly TimeSpan s_headTimeout = ConnectionStart.Timeout;

    private readonly GatewayState _gateway = listener.Gateway;
    private readonly TcpPlan _plan = listener.Plan.Tcp!;
    private readonly RelayedConnection _entry = new(listener.Plan.Name, "tcp", listener.Gateway.Time.GetTimestamp());
    private EndPoint? _source = client.RemoteEndPoint;
    private EndPoint? _destination = client.LocalEndPoint;
    private Relay? _relay;
    private volatile bool _isCut;

    public async Task RunAsync()
    {
        KeepOpen(client);
        try
        {
            _entry.Fault = await ServeAsync();
        }
        catch (Exception e)
        {
            _gateway.Log.LogError(e, "lakou/bug on listener {Listener}", listener.Plan.Name);
            _entry.Fault = GatewayFaults.Bug.With("The failure is in the log.");
            client.Abort();
        }

        // 5. What happened.
        _entry.Fault = _isCut && _entry.Fault is not null ? Layer4Faults.Drained.With("The listener stopped or changed, and the time to drain has passed.") : _entry.Fault;
        _entry.Client = AddressOf(_source);
        _entry.Finish(_gateway);
        await client.DisposeAsync();
    }

    /// <summary>Whatever waits for the client or the endpoint fails.</summary>
    public void Cut()
    {
        _isCut = true;
        client.Abort();
        Interlocked.MemoryBarrier(); // who begins to relay sees the mark, or we see the relay
        Volatile.Read(ref _relay)?.Cut();
    }

    private async ValueTask<Fault?> ServeAsync()
    {
        // 1. What the connection begins with. 2. Where it goes.
        var (upstreamName, fault) = await ChooseAsync();
        if (upstreamName is null)
        {
            Refuse(fault);
            return fault;
        }

        // 3. An endpoint.
        _entry.Upstream = upstreamName;
        _entry.Client = AddressOf(_source);
        var upstream = listener.Upstreams[upstreamName];
        if (!upstream.Admission.IsLimited)
        {
            return await RelayAsync(upstream);
        }

        if (!upstream.Admission.TryEnter()
            && UpstreamFaults.NotAdmitted(await upstream.Admission.WaitAsync(listener.Plan.Name, long.MaxValue, client.ConnectionClosed), upstream.Admission, upstreamName) is { } refused)
        {
            return refused;
        }

        try
        {
            return await RelayAsync(upstream);
        }
        finally
        {
            upstream.Admission.Leave();
        }
    }

    private async ValueTask<Fault?> RelayAsync(UpstreamState upstream)
    {
        var (dialled, fault) = await Dialer.ConnectAsync(_gateway, upstream, _entry, client.ConnectionClosed);
        return dialled is null ? fault : await RelayAsync(dialled);
    }

    private async ValueTask<Fault?> RelayAsync(Dialled dialled)
    {
        // 4. Both ways, until both have ended.
        await using var endpoint = dialled.Connection;
        KeepOpen(endpoint);
        try
        {
            if (_plan.ProxyProtocol != ProxyProtocol.Off)
            {
                ProxyHeader.Write(endpoint.Transport.Output, _plan.ProxyProtocol, _source, _destination);
                await endpoint.Transport.Output.FlushAsync();
            }

            var relay = new Relay(client, endpoint, _plan.Idle, listener.Sweeper, _entry);
            Interlocked.Exchange(ref _relay, relay);
            if (_isCut)
            {
                relay.Cut();
            }

            var broken = await relay.RunAsync(listener.Metrics.In, listener.Metrics.Out);
            return broken?.With($"After {_entry.BytesIn} bytes in and {_entry.BytesOut} out.");
        }
        finally
        {
            dialled.Leave();
        }
    }

    /// <summary>The name of an upstream; without one, the fault, or none for a probe: a client that left before it said anything.</summary>
    private async ValueTask<(string? Upstream, Fault? Fault)> ChooseAsync()
    {
        var expectsHeader = listener.Plan.ExpectsProxyHeader(AddressOf(_source));
        if (!expectsHeader && _plan.Names.IsEmpty)
        {
            return (_plan.To, null);
        }

        using var timeout = new CancellationTokenSource(s_headTimeout, _gateway.Time);
        try
        {
            if (expectsHeader)
            {
                var (status, header, isEmpty) = await ConnectionStart.ReadProxyHeaderAsync(client.Transport.Input, timeout.Token);
                if (status != ProxyHeaderStatus.Found)
                {
                    return (null, isEmpty ? null : Layer4Faults.BadProxyHeader.With($"{_source} is in accept-proxy, and began with something else than a PROXY header."));
                }

                _source = header.Source ?? _source;
                _destination = header.Destination ?? _destination;
            }

            return _plan.Names.IsEmpty ? (_plan.To, null) : await ChooseByNameAsync(timeout.Token);
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested)
        {
            return (null, Layer4Faults.HeadTimeout.With($"It did not arrive within {s_headTimeout.TotalSeconds} s."));
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            return (null, Layer4Faults.ClientReset.With("It left before it had said where it wants to go."));
        }
    }

    private async ValueTask<(string? Upstream, Fault? Fault)> ChooseByNameAsync(CancellationToken timeout)
    {
        var (status, name, isEmpty) = await ConnectionStart.PeekClientHelloAsync(client.Transport.Input, timeout);
        _entry.ServerName = name;
        switch (status)
        {
            case ClientHelloStatus.NeedMore when isEmpty:
                return (null, null);
            case ClientHelloStatus.NeedMore or ClientHelloStatus.Invalid:
                return (null, Layer4Faults.BadClientHello.With("What the client sent is a broken or an endless ClientHello."));
            case ClientHelloStatus.NotTls when _plan.To is null:
                return (null, Layer4Faults.BadClientHello.With("What the client sent is not TLS."));
        }

        if ((name is null ? null : _plan.Names.Find(name)) is { } upstream)
        {
            return (upstream, null);
        }

        if (_plan.To is null)
        {
            // unrecognized_name (RFC 6066 §3), so that the client can tell why it is closed.
            await client.Transport.Output.WriteAsync("\x15\x03\x03\x00\x02\x02\x70"u8.ToArray(), timeout);
            return (null, Layer4Faults.NoServerName.With(name is null ? "The client names no server." : $"No upstream for '{name}'."));
        }

        return (_plan.To, null);
    }

    private void Refuse(Fault? fault)
    {
        if (fault is not null)
        {
            listener.Metrics.Connections.Refuse(fault.Code.Name["layer4/".Length..]);
        }
    }

    /// <summary>The end of one direction is not the end of the connection.</summary>
    private static void KeepOpen(ConnectionContext connection) => connection.Features.GetRequiredFeature<IHalfCloseFeature>().KeepOpenOnPeerFin = true;

    /// <summary>IPv4 as itself, also on a socket that takes both; null when it is no IP address.</summary>
    public static IPAddress? AddressOf(EndPoint? end)
        => end is not IPEndPoint { Address: var address } ? null : address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
}
