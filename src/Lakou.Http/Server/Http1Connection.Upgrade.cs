using System.Buffers;
using Lakou.Http.Tasks;
using Lakou.Transport;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Http.Server;

/// <summary>Leaving HTTP (RFC 9110 §7.8): after 101 the connection is the application's, byte for byte.</summary>
public sealed partial class Http1Connection<TContext> : IHttpUpgradeFeature
{
    private bool _upgraded;

    public bool IsUpgradableRequest => _head.WantsUpgrade;

    /// <summary>Sends 101 with the response's fields (Upgrade among them) and hands over the raw stream.</summary>
    public async Task<Stream> UpgradeAsync()
    {
        if (!IsUpgradableRequest || HasStarted || _upgraded)
        {
            throw new InvalidOperationException("This request cannot be upgraded.");
        }

        _upgraded = true;
        _keepAlive = false;
        StatusCode = 101;
        var half = _connection.Features.Get<IHalfCloseFeature>();
        if (half is not null)
        {
            half.KeepOpenOnPeerFin = true;
        }

        await RunOnStartingAsync();
        _responseWriter.Start();
        await FlushOutputAsync(CancellationToken.None);
        return new UpgradedStream(this, half);
    }

    private sealed class UpgradedStream(Http1Connection<TContext> owner, IHalfCloseFeature? half) : AsyncStream, IHalfClosable
    {
        public ValueTask ShutdownSendAsync(CancellationToken cancellation)
            => half?.ShutdownSendAsync(cancellation) ?? ValueTask.CompletedTask;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            while (true)
            {
                var result = await owner._input.ReadAsync(cancellationToken);
                var available = result.Buffer;
                var count = (int)Math.Min(available.Length, buffer.Length);
                available.Slice(0, count).CopyTo(buffer.Span);
                owner._input.AdvanceTo(available.GetPosition(count));
                if (count > 0 || result.IsCompleted || buffer.IsEmpty)
                {
                    return count;
                }
            }
        }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            // No rate is asked of a tunnel: a peer may let the other wait, and whoever opened it bounds the silence.
            owner._output.Write(buffer.Span);
            var result = await owner._output.FlushAsync(cancellationToken);
            if (result.IsCompleted)
            {
                throw new IOException("The client's side of the connection is closed.");
            }
        }
    }
}
