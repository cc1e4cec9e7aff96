using System.Buffers;
using System.Collections.Concurrent;

namespace Lakou.Transport.Blocks;

/// <summary>The blocks of a transport. Every one is an array of its own: what the idle list does not keep is really freed.</summary>
internal sealed class BlockPool(int maxIdle = BlockPool.DefaultMaxIdle) : MemoryPool<byte>
{
    // 16 MiB: enough for a thousand connections in the middle of a request; more are allocated as needed.
    private const int DefaultMaxIdle = 1024;

    private readonly ConcurrentQueue<Block> _idle = new();
    private int _idleCount;
    private int _allocated;
    private volatile bool _disposed;

    public override int MaxBufferSize => Block.Bytes;

    /// <summary>Blocks that were rented and not returned.</summary>
    public int Outstanding => Volatile.Read(ref _allocated) - Volatile.Read(ref _idleCount);

    /// <param name="minBufferSize">-1 to <see cref="Block.Bytes"/>; a whole block comes whatever is asked, also for 0.</param>
    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(minBufferSize, -1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, Block.Bytes);
        return Rent();
    }

    public Block Rent()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_idle.TryDequeue(out var block))
        {
            Interlocked.Decrement(ref _idleCount);
            block.Lend();
            return block;
        }

        Interlocked.Increment(ref _allocated);
        return new Block(this);
    }

    /// <summary>For <see cref="Block.Dispose"/>: to the loop that runs here, else to all.</summary>
    public void Return(Block block)
    {
        if (!LoopBlocks.TryKeep(this, block))
        {
            TakeBack(block);
        }
    }

    public void TakeBack(Block block)
    {
        if (!_disposed)
        {
            if (Interlocked.Increment(ref _idleCount) <= maxIdle)
            {
                _idle.Enqueue(block);
                return;
            }

            Interlocked.Decrement(ref _idleCount);
        }

        Interlocked.Decrement(ref _allocated);
    }

    protected override void Dispose(bool disposing)
    {
        _disposed = true;
        while (_idle.TryDequeue(out _))
        {
            Interlocked.Decrement(ref _idleCount);
            Interlocked.Decrement(ref _allocated);
        }
    }
}
