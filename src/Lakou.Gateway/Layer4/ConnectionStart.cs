using System.IO.Pipelines;

namespace Lakou.Gateway.Layer4;

/// <summary>Reads what stands at the start of a connection, before anything of it is passed on.</summary>
internal static class ConnectionStart
{
    // Kestrel's handshake timeout, which is what comes after.
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    /// <summary>Takes the PROXY header, and not a byte more. <see cref="ProxyHeaderStatus.NeedMore"/> when the stream ended before.</summary>
    /// <returns>IsEmpty: not one byte came.</returns>
    /// <exception cref="OperationCanceledException">It did not come in time.</exception>
    /// <exception cref="IOException">The connection broke.</exception>
    public static async ValueTask<(ProxyHeaderStatus Status, ProxyHeader Header, bool IsEmpty)> ReadProxyHeaderAsync(PipeReader input, CancellationToken timeout)
    {
        while (true)
        {
            var result = await input.ReadAsync(timeout);
            var status = ProxyHeader.Parse(result.Buffer, out var header, out var length);
            if (status != ProxyHeaderStatus.NeedMore || result.IsCompleted)
            {
                var isEmpty = result.Buffer.IsEmpty;
                input.AdvanceTo(result.Buffer.GetPosition(length));
                return (status, header, isEmpty);
            }

            input.AdvanceTo(result.Buffer.Start, result.Buffer.End);
        }
    }

    /// <summary>Looks at the ClientHello and leaves all of it there. <see cref="ClientHelloStatus.NeedMore"/> when the stream ended before.</summary>
    /// <returns>IsEmpty: not one byte came.</returns>
    /// <exception cref="OperationCanceledException">It did not come in time.</exception>
    /// <exception cref="IOException">The connection broke.</exception>
    public static async ValueTask<(ClientHelloStatus Status, string? ServerName, bool IsEmpty)> PeekClientHelloAsync(PipeReader input, CancellationToken timeout)
    {
        while (true)
        {
            var result = await input.ReadAsync(timeout);
            var status = ClientHello.Parse(result.Buffer, out var name);
            if (status != ClientHelloStatus.NeedMore || result.IsCompleted)
            {
                var isEmpty = result.Buffer.IsEmpty;
                input.AdvanceTo(result.Buffer.Start);
                return (status, name, isEmpty);
            }

            input.AdvanceTo(result.Buffer.Start, result.Buffer.End);
        }
    }
}
