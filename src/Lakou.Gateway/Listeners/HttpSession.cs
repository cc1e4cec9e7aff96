using System.Buffers;
using Lakou.Gateway.Layer4;
using Lakou.Gateway.Observation;
using Lakou.Gateway.Tls;
using Lakou.Http.Server;
using Lakou.Transport;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.Extensions.Logging;

namespace Lakou.Gateway.Listeners;

/// <summary>
/// One client connection of an HTTP listener.
/// <code>
/// accept → its loop → PROXY header, from peers that send one → TLS → ALPN or first bytes ─┬─ HTTP/1.1: ours (Lakou.Http)
///                                                                                         └─ HTTP/2: Kestrel
/// </code>
/// </summary>
internal sealed class HttpSession(Listener listener, ConnectionContext connection) : ISession, IConnectionLifetimeNotificationFeature
{
    private static readonly TimeSpan HandshakeTimeout = TimeSpan.FromSeconds(10); // Kestrel's

    CancellationToken IConnectionLifetimeNotificationFeature.ConnectionClosedRequested
    {
        get => listener.Closing;
        set => throw new NotSupportedException("The listener decides when its connections close.");
    }

    /// <exception cref="NotSupportedException">Always: who wants one connection closed says so in an answer.</exception>
    void IConnectionLifetimeNotificationFeature.RequestClose() => throw new NotSupportedException("An answer with Connection: close ends its connection.");

    public async Task RunAsync()
    {
        connection.Features.Set<IConnectionLifetimeNotificationFeature>(this);
        try
        {
            if (!listener.Plan.ExpectsProxyHeader(TcpSession.AddressOf(connection.RemoteEndPoint)) || await TakeProxyHeaderAsync())
            {
                await (listener.Plan.Tls is { } tls ? ServeTlsAsync(tls) : ServePlainAsync());
            }
        }
        catch (Exception e)
        {
            listener.Log.LogError(e, "lakou/bug on listener {Listener}", listener.Plan.Name);
            connection.Abort();
        }

        await connection.DisposeAsync();
    }

    public void Cut() => connection.Abort(new ConnectionAbortedException("The listener stopped or changed, and the time to drain has passed."));

    /// <summary>The connection is from here on the client's that the header names. False when it has none and ends.</summary>
    private async ValueTask<bool> TakeProxyHeaderAsync()
    {
        using var timeout = new CancellationTokenSource(ConnectionStart.Timeout, listener.Time);
        var peer = connection.RemoteEndPoint;
        try
        {
            var (status, header, isEmpty) = await ConnectionStart.ReadProxyHeaderAsync(connection.Transport.Input, timeout.Token);
            if (status == ProxyHeaderStatus.Found)
            {
                connection.RemoteEndPoint = header.Source ?? peer;
                connection.LocalEndPoint = header.Destination ?? connection.LocalEndPoint;
                ForgetReceived();
                return true;
            }

            if (!isEmpty)
            {
                listener.Refuse("bad-proxy-header", peer, "is in accept-proxy, and began with something else than a PROXY header; have it send one, or take it out of accept-proxy");
            }
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested)
        {
            listener.Refuse("proxy-header-timeout", peer, $"is in accept-proxy, and sent no PROXY header within {ConnectionStart.Timeout.TotalSeconds} s; have it send one, or take it out of accept-proxy");
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ConnectionAbortedException)
        {
            // It left, or the listener cut it.
        }

        return false;
    }

    private async Task ServeTlsAsync(TlsPlan plan)
    {
        await using var secured = await HandshakeAsync(plan);
        if (secured is not null)
        {
            await ServeHttpAsync(secured.ApplicationProtocol.Span.SequenceEqual("h2"u8));
        }
    }

    // HTTP/2 with prior knowledge shows in the first bytes. With one protocol there is nothing to tell apart.
    private async Task ServePlainAsync() => await ServeHttpAsync(listener.Plan.Protocols switch
    {
        Protocols.Http1 => false,
        Protocols.Http2 => true,
        _ => await HasPrefaceAsync(),
    });

    private Task ServeHttpAsync(bool? isHttp2)
    {
        switch (isHttp2)
        {
            case true when listener.Http2 is { } http2:
                return http2.ServeAsync(connection);
            case false when listener.Plan.Protocols.HasFlag(Protocols.Http1):
                return new Http1Connection<Exchange>(connection, listener.Application, listener.Http1).RunAsync();
            default:
                // Silent until now, or TLS without the protocol that this listener has: a plain end says it all.
                if (isHttp2 is not null)
                {
                    listener.Metrics.Refuse("protocol");
                }

                return Task.CompletedTask;
        }
    }

    private async Task<TlsConnection?> HandshakeAsync(TlsPlan plan)
    {
        using var timeout = new CancellationTokenSource(HandshakeTimeout, listener.Time);
        try
        {
            var secured = await TlsConnection.OpenAsync(connection, plan, listener.Plan.Protocols, listener.Time, timeout.Token);
            ForgetReceived();
            return secured;
        }
        catch (ClientCertificateException e)
        {
            listener.RefuseCertificate(connection.RemoteEndPoint, e.Message);
            return null;
        }
        catch (Exception e)
        {
            // Whatever a client sends ends here; the connection ends plainly, so that the alert which says why is not lost to a reset.
            listener.Metrics.Refuse(timeout.IsCancellationRequested ? "tls-timeout" : "tls");
            listener.Log.LogDebug("TLS handshake with {Client} failed: {Reason}", connection.RemoteEndPoint, e.InnerException?.Message ?? e.Message);
            return null;
        }
    }

    /// <summary>What has come until now was not the beginning of a request.</summary>
    private void ForgetReceived() => connection.Features.Get<IReceiveTimestampFeature>()?.Reset();

    /// <summary>Looks at the first bytes without taking them. Null when none came in time or the client left.</summary>
    private async ValueTask<bool?> HasPrefaceAsync()
    {
        // "PRI" begins no method, so what starts like the preface (RFC 9113 §3.4) is one or is refused as one.
        using var timeout = new CancellationTokenSource(listener.Plan.Options.Timeouts.Head, listener.Time);
        using var closing = listener.Closing.UnsafeRegister(_ => timeout.CancelAfter(listener.Http1.FirstRequestGrace), null); // its first request is on the way
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
