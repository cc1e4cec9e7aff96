using System.Buffers;
using Lakou.Transport.Blocks;

namespace Lakou.Transport.Uring;

/// <summary>A piece of a stream: the written part of a block, and what follows it.</summary>
internal sealed class Segment : ReadOnlySequenceSegment<byte>
{
    private Block? _block;
    private bool _isShared;

    /// <summary>Where in the block the piece begins.</summary>
    public int Start { get; private set; }

    /// <summary>Where in the block it ends.</summary>
    public int End { get; private set; }

    public Block Block => _block!;

    public int Length => End - Start;

    /// <summary>Bytes that may be written behind the end: none where another has the block too.</summary>
    public int Room => _isShared ? 0 : Block.Bytes - End;

    public Segment? NextSegment => (Segment?)Next;

    public void Set(Block block, int start, int end, bool isShared = false)
    {
        _block = block;
        _isShared = isShared;
        (Start, End) = (start, end);
        Memory = block.Memory[start..end];
        Next = null;
        RunningIndex = 0;
    }

    public void Append(Segment next)
    {
        next.RunningIndex = RunningIndex + Length;
        Next = next;
    }

    /// <summary>Bytes were written behind the end.</summary>
    public void Grow(int count)
    {
        End += count;
        Memory = Block.Memory[Start..End];
    }

    /// <summary>Bytes at the start were sent.</summary>
    public void Shrink(int count) => Start += count;

    /// <summary>Gives the block back.</summary>
    public void Release()
    {
        _block!.Dispose();
        _block = null;
        Memory = default;
        Next = null;
    }
}
