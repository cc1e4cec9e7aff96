using System.Buffers;
using System.Net.Sockets;
using System.Text;
using Lakou.Gateway.Observation;
using Lakou.Gateway.Upstreams;
using Lakou.Http;
using Lakou.Http.Server;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Gateway.Forwarding;

internal static partial class Forwarder
{
    internal static readonly HeadLimits HeadLimitsOfAnswers = new();

    /// <summary>
    /// The protocols a client asks to switch to; null for a plain request. "h2c" is never passed on: a second HTTP inside
    /// the tunnel would escape every route (RFC 9113 removed it).
    /// </summary>
    private static string? UpgradeOf(in ExchangeFeatures features)
    {
        if (features.Upgrade is not { IsUpgradableRequest: true })
        {
            return null;
        }

        var offered = features.Request.Headers.Upgrade.ToString();
        return offered.Split(',').Any(token => token.AsSpan().Trim().StartsWith("h2c", StringComparison.OrdinalIgnoreCase)) ? null : offered;
    }

    internal sealed partial class Run
    {
        /// <summary>After 101: bytes both ways, each half ending on its own, both bounded by the idle timeout.</summary>
        private async ValueTask<Failure?> TunnelAsync()
        {
            var response = _context.Response;
            ResponseHeadCopier.Copy(_connection.Head, response.Headers);
            exchange.Stickiness.Cookie?.AddTo(response.Headers);
            response.Headers.Connection = "Upgrade";
            response.Headers.Upgrade = _connection.Head.Fields.TryGet(KnownField.Upgrade, out var upgrade) ? Encoding.Latin1.GetString(upgrade) : _upgrade;
            await using var client = await _context.Features.GetRequiredFeature<IHttpUpgradeFeature>().UpgradeAsync();

            // A direction that waits for the client notices nothing of a deadline otherwise.
            _connection.OnTimedOut = _context.Features.GetRequiredFeature<IHttpRequestLifetimeFeature>().Abort;
            _connection.ExpectReceive(Wait.Idle, _plan.Timeouts.Idle);
            var up = GuardAsync(ClientToEndpointAsync(client));
            var down = GuardAsync(EndpointToClientAsync(client));
            await Task.WhenAll(up, down);
            _connection.OnTimedOut = null;

            // Both halves have ended: a reset now would take from the endpoint what it has not read yet.
            (_complete, _hasWaited) = (!_connection.IsClosed, true);
            if (_connection.ClientGone)
            {
                exchange.ClientGone = true;
            }

            return _connection.TimedOut != Wait.Nothing ? FailureOf(new IOException()) : null;
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
                    _connection.ExpectReceive(Wait.Idle, _plan.Timeouts.Idle);
                    _connection.Output.Write(buffer.AsSpan(0, count));
                    await _connection.FlushAsync(_plan.Timeouts.Idle);
                }

                await _connection.ShutdownSendAsync();
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
                while (_connection.HasReceived)
                {
                    // Bytes that came in one packet with the 101 are the first of the tunnel.
                    var piece = _connection.Received.First;
                    exchange.BytesOut += piece.Length;
                    _connection.ExpectReceive(Wait.Idle, _plan.Timeouts.Idle);
                    await client.WriteAsync(piece);
                    _connection.Consume(piece.Length);
                }

                if (!await _connection.ReceiveAsync())
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
                _connection.Close();
                _context.Abort();
            }
        }

        // 16 KiB: a WebSocket frame of common size; two of them are what a tunnel holds.
        private const int TunnelBytes = 16 * 1024;
    }
}
