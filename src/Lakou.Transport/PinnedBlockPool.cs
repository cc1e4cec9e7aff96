using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace Lakou.Transport;

/// <summary>
/// Blocks of 4 KiB that the collector never moves, so that the kernel may write into them without pinning.
/// Every block is an array of its own: what the idle list does not keep is really freed.
/// </summary>
internal sealed class PinnedBlockPool(int maxIdle = PinnedBlockPool.DefaultMaxIdle) : MemoryPool<byte>
{
    /// <summary>Bytes in a block: a page, and what Kestrel's parsers and writers expect of one.</summary>
    public const int BlockSize = 4096;

    // 16 MiB: enough for 2,000 connections in the middle of a request; more are allocated as needed.
    private const int DefaultMaxIdle = 4096;

    private readonly ConcurrentQueue<Block> _idle = new();
    private int _idleCount;
    private int _allocated;
    private volatile bool _disposed;

    public override int MaxBufferSize => BlockSize;

    /// <summary>Blocks that were rented and not returned.</summary>
    public int Outstanding => Volatile.Read(ref _allocated) - Volatile.Read(ref _idleCount);

    /// <param name="minBufferSize">-1 to <see cref="BlockSize"/>; a whole block comes whatever is asked, also for 0.</param>
    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(minBufferSize, -1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, BlockSize);
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

    protected override void Dispose(bool disposing)
    {
        _disposed = true;
        while (_idle.TryDequeue(out _))
        {
            Interlocked.Decrement(ref _idleCount);
            Interlocked.Decrement(ref _allocated);
        }
    }

    private void Return(Block block)
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

    private sealed class Block(PinnedBlockPool pool) : IMemoryOwner<byte>
    {
        private readonly byte[] _bytes = GC.AllocateUninitializedArray<byte>(BlockSize, pinned: true);
        private int _lent = 1;

        public Memory<byte> Memory => MemoryMarshal.CreateFromPinnedArray(_bytes, 0, BlockSize);

        public void Lend() => Volatile.Write(ref _lent, 1);

        // A block returned twice would be lent to two connections, and one would read the other's bytes: the second return is ignored.
        public void Dispose()
        {
            if (Interlocked.Exchange(ref _lent, 0) == 1)
            {
                pool.Return(this);
            }
        }
    }
}
