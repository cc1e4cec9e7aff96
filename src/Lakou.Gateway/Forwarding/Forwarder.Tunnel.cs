using System.Buffers;
using System.Net.Sockets;
using System.Text;
using Lakou.Gateway.Upstreams;
using Lakou.Http;
using Lakou.Http.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Gateway.Forwarding;

internal static partial class Forwarder
{
    private static readonly HeadLimits HeadLimitsOfAnswers = new();

    /// <summary>
    /// The protocols a client asks to switch to; null for a plain request. "h2c" is never passed on: a second HTTP inside
    /// the tunnel would escape every route (RFC 9113 removed it).
    /// </summary>
    private static string? UpgradeOf(HttpContext context)
    {
        if (context.Features.Get<IHttpUpgradeFeature>() is not { IsUpgradableRequest: true })
        {
            return null;
        }

        var offered = context.Request.Headers.Upgrade.ToString();
        return offered.Split(',').Any(token => token.AsSpan().Trim().StartsWith("h2c", StringComparison.OrdinalIgnoreCase)) ? null : offered;
    }

    private sealed partial class Run
    {
        /// <summary>After 101: bytes both ways, each half ending on its own, both bounded by the idle timeout.</summary>
        private async ValueTask<Failure?> TunnelAsync()
        {
            var response = context.Response;
            ResponseHeadCopier.Copy(connection.Head, response);
            response.Headers.Connection = "Upgrade";
            response.Headers.Upgrade = connection.Head.Fields.TryGet(KnownField.Upgrade, out var upgrade) ? Encoding.Latin1.GetString(upgrade) : _upgrade;
            await using var client = await context.Features.GetRequiredFeature<IHttpUpgradeFeature>().UpgradeAsync();

            // A direction that waits for the client notices nothing of a deadline otherwise.
            connection.OnTimedOut = context.Features.GetRequiredFeature<IHttpRequestLifetimeFeature>().Abort;
            connection.ExpectReceive(Wait.Idle, plan.Timeouts.Idle);
            var up = GuardAsync(ClientToEndpointAsync(client));
            var down = GuardAsync(EndpointToClientAsync(client));
            await Task.WhenAll(up, down);
            connection.OnTimedOut = null;
            if (connection.ClientGone)
            {
                exchange.ClientGone = true;
            }

            return connection.TimedOut != Wait.Nothing ? FailureOf(new IOException()) : null;
        }

        private async Task ClientToEndpointAsync(Stream client)
        {
            var buffer = ArrayPool<byte>.Shared.Rent(TunnelBytes);
            try
            {
                int count;
                while ((count = await client.ReadAsync(buffer)) > 0)
                {
                    exchange.BytesIn += count;
                    connection.ExpectReceive(Wait.Idle, plan.Timeouts.Idle);
                    connection.Output.Write(buffer.AsSpan(0, count));
                    await connection.FlushAsync(plan.Timeouts.Idle);
                }

                await connection.ShutdownSendAsync();
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }

        private async Task EndpointToClientAsync(Stream client)
        {
            while (true)
            {
                while (connection.HasReceived)
                {
                    // Bytes that came in one packet with the 101 are the first of the tunnel.
                    var piece = connection.Received.First;
                    exchange.BytesOut += piece.Length;
                    connection.ExpectReceive(Wait.Idle, plan.Timeouts.Idle);
                    await client.WriteAsync(piece);
                    connection.Consume(piece.Length);
                }

                if (!await connection.ReceiveAsync())
                {
                    break;
                }
            }

            _downEnded = true;
            if (client is IHalfClosable half)
            {
                await half.ShutdownSendAsync(CancellationToken.None);
            }
        }

        /// <summary>One direction that breaks ends the other: half a tunnel after an error carries nothing.</summary>
        private async Task GuardAsync(Task direction)
        {
            try
            {
                await direction;
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException or IOException)
            {
                connection.Close();
                context.Abort();
            }
        }

        // 16 KiB: a WebSocket frame of common size; two of them are what a tunnel holds.
        private const int TunnelBytes = 16 * 1024;
    }
}
