using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.InteropServices;
using Lakou.Transport.Uring;

namespace Lakou.Transport;

/// <summary>A layer above a connection's output that can pass bytes through without touching them.</summary>
public interface ISharingWriter
{
    /// <inheritdoc cref="PipeSharing.WriteShared"/>
    void WriteShared(in ReadOnlySequence<byte> bytes);
}

/// <summary>Moves bytes from one connection to another.</summary>
public static class PipeSharing
{
    // A block is held until the slower side has sent it; for less than this a copy is the better bargain.
    private const int ShareBytes = 2048;

    /// <summary>
    /// Writes <paramref name="bytes"/>, which a connection's reader gave out and has not got back yet. Where both connections are of one
    /// io_uring transport, large pieces are sent from where they were received; the reader may advance past them at once all the same.
    /// </summary>
    public static void WriteShared(this PipeWriter output, in ReadOnlySequence<byte> bytes)
    {
        if (output is ISharingWriter layer)
        {
            layer.WriteShared(bytes);
            return;
        }

        if (output is not UringWriter writer || !SequenceMarshal.TryGetReadOnlySequenceSegment(bytes, out var start, out var startIndex, out var end, out var endIndex))
        {
            Copy(output, bytes);
            return;
        }

        for (ReadOnlySequenceSegment<byte>? at = start; ; at = at.Next!)
        {
            var from = at == start ? startIndex : 0;
            var count = (at == end ? endIndex : at.Memory.Length) - from;
            if (count >= ShareBytes && at is Segment segment)
            {
                writer.Share(segment, from, count);
            }
            else
            {
                output.Write(at.Memory.Span.Slice(from, count));
            }

            if (at == end)
            {
                return;
            }
        }
    }

    private static void Copy(PipeWriter output, in ReadOnlySequence<byte> bytes)
    {
        foreach (var piece in bytes)
        {
            output.Write(piece.Span);
        }
    }
}
