using System.Buffers;
using System.Buffers.Text;
using System.IO.Pipelines;
using Lakou.Http.Server;
using Lakou.Http.Tasks;
using Microsoft.AspNetCore.Http.Features;

namespace Lakou.Gateway.Filters.GrpcWeb;

/// <summary>The frames of a request, out of their base64 where they are in it, and held to what frames are.</summary>
internal sealed class GrpcWebRequestBody(PipeReader below, bool isText) : AsyncStream, IRequestBodyPipeFeature
{
    // Four characters are three bytes (RFC 4648 §4).
    private const int Characters = 4;
    private const int Octets = 3;

    private FrameCheck _frames;
    private PipeReader? _reader;

    public PipeReader Reader => _reader ??= PipeReader.Create(this);

    /// <param name="buffer">Room for three bytes, or none.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            var read = await below.ReadAsync(cancellationToken);
            var (used, count) = isText ? Decode(read.Buffer, buffer.Span) : Copy(read.Buffer, buffer.Span);
            if (_frames.Check(buffer.Span[..count]) is { } wrong)
            {
                throw Bad(wrong);
            }

            var left = read.Buffer.Length - used;
            below.AdvanceTo(read.Buffer.GetPosition(used), count > 0 ? read.Buffer.GetPosition(used) : read.Buffer.End);
            if (count > 0)
            {
                return count;
            }

            if (read.IsCompleted)
            {
                return left > 0 ? throw Bad("The base64 ends within a group of four characters.")
                    : _frames.IsBetween ? 0
                    : throw Bad("The body ends within a frame.");
            }
        }
    }

    private static (long Used, int Count) Copy(in ReadOnlySequence<byte> from, Span<byte> to)
    {
        var count = (int)Math.Min(from.Length, to.Length);
        from.Slice(0, count).CopyTo(to);
        return (count, count);
    }

    /// <summary>Whole groups. One that is padded may have others behind it: each message may have been encoded on its own.</summary>
    private static (long Used, int Count) Decode(in ReadOnlySequence<byte> from, Span<byte> to)
    {
        Span<byte> group = stackalloc byte[Characters];
        var (used, count) = (0, 0);
        while (from.Length - used >= Characters && to.Length - count >= Octets)
        {
            from.Slice(used, Characters).CopyTo(group);
            if (Base64.DecodeFromUtf8(group, to[count..], out var taken, out var written) != OperationStatus.Done || taken != Characters)
            {
                throw Bad("The body is not in base64.");
            }

            used += Characters;
            count += written;
        }

        return (used, count);
    }

    private static RequestBodyException Bad(string detail) => new(GrpcWebFaults.BadBody.With(detail));
}
