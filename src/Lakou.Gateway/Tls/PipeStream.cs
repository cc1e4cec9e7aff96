using System.Buffers;
using System.IO.Pipelines;
using Lakou.Http.Tasks;

namespace Lakou.Gateway.Tls;

/// <summary>A transport's pipes as the stream that <see cref="System.Net.Security.SslStream"/> wants below it.</summary>
internal class PipeStream(IDuplexPipe transport) : AsyncStream
{
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            var result = await transport.Input.ReadAsync(cancellationToken);
            var available = result.Buffer;
            var count = (int)Math.Min(available.Length, buffer.Length);
            available.Slice(0, count).CopyTo(buffer.Span);
            var isHere = !available.IsEmpty; // once advanced past, the sequence may be another's
            transport.Input.AdvanceTo(available.GetPosition(count));
            if (isHere || result.IsCompleted)
            {
                return count; // a read of nothing waits for something
            }

            if (result.IsCanceled)
            {
                throw new IOException("The stream was closed.");
            }
        }
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var result = await transport.Output.WriteAsync(buffer, cancellationToken);
        if (result.IsCompleted)
        {
            throw new IOException("The other side takes no more.");
        }
    }
}
