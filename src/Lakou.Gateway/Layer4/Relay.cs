using System.Net.Sockets;
using Lakou.Core.Faults;
using Lakou.Core.Metrics;
using Lakou.Core.Time;
using Lakou.Transport;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Gateway.Layer4;

/// <summary>
/// Two connections as one, until both directions have ended.
/// <code>
///   one side …      the other sees
///   sends           the same bytes, in order; a side that does not read stops the other's sending (pipes of 64 KiB)
///   sends FIN       FIN, once it has every byte; the other direction goes on
///   resets          a reset
///   both silent for the idle time: both are reset
/// </code>
/// </summary>
internal sealed class Relay(ConnectionContext client, ConnectionContext endpoint, TimeSpan idle, Sweeper sweeper, RelayedConnection entry) : ISwept
{
    private readonly long _idleTicks = (long)(idle.TotalSeconds * sweeper.Time.TimestampFrequency);
    private long _lastByte = sweeper.Time.GetTimestamp();
    private FaultCode? _broken;
    private FaultCode? _unsent;

    /// <returns>What broke it; null when both sides ended it.</returns>
    public async Task<FaultCode?> RunAsync(Counter bytesIn, Counter bytesOut)
    {
        sweeper.Add(this);
        try
        {
            // In this order: a direction runs here until it waits, and a client may have sent much already.
            await Task.WhenAll(EndpointToClientAsync(bytesOut), ClientToEndpointAsync(bytesIn));
            if (_unsent is not null)
            {
                Break(_unsent);
            }
        }
        finally
        {
            sweeper.Remove(this);
        }

        return Volatile.Read(ref _broken);
    }

    /// <summary>Resets both sides now.</summary>
    public void Cut() => Break(Layer4Faults.Drained);

    public void Sweep(long now)
    {
        if (now - Volatile.Read(ref _lastByte) >= _idleTicks)
        {
            Break(Layer4Faults.IdleTimeout);
        }
    }

    private async Task ClientToEndpointAsync(Counter bytes)
        => entry.BytesIn = await CarryAsync(client, endpoint, bytes, Layer4Faults.ClientReset, Layer4Faults.EndpointReset);

    private async Task EndpointToClientAsync(Counter bytes)
        => entry.BytesOut = await CarryAsync(endpoint, client, bytes, Layer4Faults.EndpointReset, Layer4Faults.ClientReset);

    /// <summary>One direction, from the first byte to the end of the stream; every byte passes here. Returns how many.</summary>
    private async Task<long> CarryAsync(ConnectionContext source, ConnectionContext target, Counter bytes, FaultCode sourceBroke, FaultCode targetBroke)
    {
        var (input, output) = (source.Transport.Input, target.Transport.Output);
        var carried = 0L;
        try
        {
            while (true)
            {
                var read = await input.ReadAsync();
                if (read.Buffer.Length is > 0 and var count)
                {
                    output.WriteShared(read.Buffer);
                    input.AdvanceTo(read.Buffer.End);
                    Touch();
                    if ((await output.FlushAsync()).IsCompleted)
                    {
                        // The target takes no more, and its own last words may still be on the way: they go first.
                        _unsent = targetBroke;
                        return carried;
                    }

                    Touch(); // it may have waited for the target
                    carried += count;
                    bytes.Add(count);
                }
                else
                {
                    input.AdvanceTo(read.Buffer.End);
                }

                if (read.IsCompleted)
                {
                    await target.Features.GetRequiredFeature<IHalfCloseFeature>().ShutdownSendAsync(CancellationToken.None);
                    return carried;
                }
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or SocketException or ObjectDisposedException)
        {
            Break(sourceBroke);
            return carried;
        }
    }

    private void Touch() => Volatile.Write(ref _lastByte, sweeper.Time.GetTimestamp());

    /// <summary>Half of a connection after an error carries nothing: both are reset. The first reason counts, for the others follow from it.</summary>
    private void Break(FaultCode why)
    {
        if (Interlocked.CompareExchange(ref _broken, why, null) is null)
        {
            client.Abort();
            endpoint.Abort();
        }
    }
}
