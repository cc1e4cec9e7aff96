using System.Buffers;
using System.IO.Pipelines;
using Lakou.Core.Faults;
using Lakou.Messaging.Events;

namespace Lakou.Messaging.Http;

/// <summary>A request's body as a whole; good until it is disposed.</summary>
internal readonly struct RequestBody : IDisposable
{
    private readonly PipeReader? _reader;

    private RequestBody(PipeReader? reader, in ReadOnlySequence<byte> bytes) => (_reader, Bytes) = (reader, bytes);

    public ReadOnlySequence<byte> Bytes { get; }

    /// <summary>Waits for all of it, in the connection's own buffers; a body that is larger than those grows there.</summary>
    public static async ValueTask<(RequestBody Body, Fault? Fault)> ReadAsync(ApiCall call, int mostBytes)
    {
        var reader = call.Context.Request.BodyReader;
        while (true)
        {
            var read = await reader.ReadAsync(call.Left);
            var isTooLarge = read.Buffer.Length > mostBytes;
            if (isTooLarge || read.IsCompleted)
            {
                call.Counts?.BytesIn += read.Buffer.Length;
            }

            if (isTooLarge)
            {
                reader.AdvanceTo(read.Buffer.End);
                return (default, EventFaults.TooLarge.With($"the body is larger than {mostBytes} bytes"));
            }

            if (read.IsCompleted)
            {
                return (new(reader, read.Buffer), null);
            }

            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    public void Dispose() => _reader?.AdvanceTo(Bytes.End);
}
