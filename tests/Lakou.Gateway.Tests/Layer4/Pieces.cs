using System.Buffers;

namespace Lakou.Gateway.Tests.Layer4;

/// <summary>Bytes in as many pieces as a network may make of them.</summary>
internal static class Pieces
{
    /// <summary>A sequence of segments cut at these places.</summary>
    public static ReadOnlySequence<byte> CutAt(byte[] bytes, params int[] places)
    {
        var first = new Segment(bytes.AsMemory(0, places.Length > 0 ? places[0] : bytes.Length), null);
        var last = first;
        for (var i = 0; i < places.Length; i++)
        {
            last = new Segment(bytes.AsMemory(places[i]..(i + 1 < places.Length ? places[i + 1] : bytes.Length)), last);
        }

        return new(first, 0, last, last.Memory.Length);
    }

    /// <summary>Every byte a segment of its own.</summary>
    public static ReadOnlySequence<byte> Single(byte[] bytes) => CutAt(bytes, [.. Enumerable.Range(1, Math.Max(0, bytes.Length - 1))]);

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory, Segment? previous)
        {
            Memory = memory;
            if (previous is not null)
            {
                RunningIndex = previous.RunningIndex + previous.Memory.Length;
                previous.Next = this;
            }
        }
    }
}
