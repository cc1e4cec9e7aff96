using System.Buffers;

namespace Lakou.Messaging.Events;

/// <summary>What there is to know of one event before it is accepted.</summary>
/// <param name="Start">Of its frame in <see cref="EventBatch.Frames"/>.</param>
/// <param name="Length">Of its frame.</param>
/// <param name="KeyHash">0 without a key.</param>
/// <param name="HasClientId">False when the id was made here, so that the event can be no repetition.</param>
/// <param name="DedupHash">The first 16 bytes of SHA-256 over the length of the source (u32, little endian), the source and the id; 0 when the id was made here.</param>
internal readonly record struct BatchedEvent(int Start, int Length, ulong KeyHash, bool HasKey, byte Priority, bool HasClientId, UInt128 DedupHash);

/// <summary>
/// Whole frames one after the other, as one request brought them. To be used again and again by one user at a time: its memory is of the pool, and
/// stays until <see cref="Dispose"/>.
/// </summary>
internal sealed class EventBatch : IDisposable
{
    private const int FirstBytes = 4096;
    private const int FirstEvents = 16;

    private byte[] _bytes = [];
    private BatchedEvent[] _events = [];
    private int _length;
    private int _count;

    /// <summary>W3C trace context of who brings the events, which those get that bring none of their own; null for none.</summary>
    public string? Traceparent { get; set; }

    /// <summary>Goes with <see cref="Traceparent"/>.</summary>
    public string? Tracestate { get; set; }

    public ReadOnlySpan<BatchedEvent> Events => _events.AsSpan(0, _count);

    public ReadOnlyMemory<byte> Frames => _bytes.AsMemory(0, _length);

    /// <summary>The bytes of one frame, to be sealed.</summary>
    public Span<byte> FrameOf(in BatchedEvent batched) => _bytes.AsSpan(batched.Start, batched.Length);

    /// <summary>Forgets its events and keeps its memory.</summary>
    public void Clear() => (_length, _count) = (0, 0);

    public void Dispose()
    {
        Clear();
        Return(_bytes);
        Return(_events);
        (_bytes, _events) = ([], []);
    }

    /// <summary>Of everything written, a frame that is being built included.</summary>
    internal int Length => _length;

    /// <summary>At least so much room after what is written. Earlier spans are worthless then.</summary>
    internal Span<byte> Reserve(int count)
    {
        if (count > _bytes.Length - _length)
        {
            _bytes = Grown(_bytes, _length, Math.Max(checked(_length + count), Math.Max(FirstBytes, 2 * _length)));
        }

        return _bytes.AsSpan(_length);
    }

    /// <summary>Keeps what was written into reserved room.</summary>
    internal void Advance(int count) => _length += count;

    /// <summary>All from a place on, finished frames or not.</summary>
    internal Span<byte> From(int start) => _bytes.AsSpan(start.._length);

    internal void Add(in BatchedEvent batched)
    {
        if (_count == _events.Length)
        {
            _events = Grown(_events, _count, Math.Max(FirstEvents, 2 * _count));
        }

        _events[_count++] = batched;
    }

    private static T[] Grown<T>(T[] array, int used, int length)
    {
        var grown = ArrayPool<T>.Shared.Rent(length);
        array.AsSpan(0, used).CopyTo(grown);
        Return(array);
        return grown;
    }

    private static void Return<T>(T[] array)
    {
        if (array.Length > 0)
        {
            ArrayPool<T>.Shared.Return(array);
        }
    }
}
