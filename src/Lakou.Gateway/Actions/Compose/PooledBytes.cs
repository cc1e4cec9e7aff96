using System.Buffers;

namespace Lakou.Gateway.Actions.Compose;

/// <summary>Bytes in pooled blocks: grows without copying, and holds at most one block more than it has bytes.</summary>
internal sealed class PooledBytes : IDisposable
{
    // A page of TLS, and what the transport receives at once.
    public const int BlockBytes = 16 * 1024;

    private Block? _first;
    private Block? _last;

    public long Length { get; private set; }

    /// <summary>Good until <see cref="Dispose"/>.</summary>
    public ReadOnlySequence<byte> Bytes => _first is null ? default : new(_first, 0, _last!, _last!.Memory.Length);

    public void Append(in ReadOnlySequence<byte> bytes)
    {
        foreach (var piece in bytes)
        {
            Append(piece.Span);
        }
    }

    public void Dispose()
    {
        for (var block = _first; block is not null; block = (Block?)block.Next)
        {
            ArrayPool<byte>.Shared.Return(block.Array);
        }

        _first = _last = null;
        Length = 0;
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            if (_last is null || _last.Room == 0)
            {
                var block = new Block(ArrayPool<byte>.Shared.Rent(BlockBytes));
                _last?.Link(block);
                _last = block;
                _first ??= block;
            }

            var count = _last.Append(bytes);
            Length += count;
            bytes = bytes[count..];
        }
    }

    private sealed class Block(byte[] array) : ReadOnlySequenceSegment<byte>
    {
        public byte[] Array => array;

        public int Room => array.Length - Memory.Length;

        public int Append(ReadOnlySpan<byte> bytes)
        {
            var count = Math.Min(bytes.Length, Room);
            bytes[..count].CopyTo(array.AsSpan(Memory.Length));
            Memory = array.AsMemory(0, Memory.Length + count);
            return count;
        }

        public void Link(Block next)
        {
            next.RunningIndex = RunningIndex + Memory.Length;
            Next = next;
        }
    }
}
