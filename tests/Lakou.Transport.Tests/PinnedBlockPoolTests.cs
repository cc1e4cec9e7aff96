using System.Runtime.InteropServices;
using Lakou.Transport.Blocks;

namespace Lakou.Transport.Tests;

public sealed class PinnedBlockPoolTests
{
    [Theory]
    [InlineData(-1)]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(Block.Bytes)]
    public void Any_size_up_to_a_block_rents_a_whole_block(int size)
    {
        using var pool = new BlockPool();
        using var block = pool.Rent(size);
        Assert.Equal(Block.Bytes, block.Memory.Length);
        Assert.Equal(1, pool.Outstanding);
    }

    [Theory]
    [InlineData(-2)]
    [InlineData(Block.Bytes + 1)]
    public void Other_sizes_are_refused(int size)
    {
        using var pool = new BlockPool();
        Assert.Throws<ArgumentOutOfRangeException>(() => pool.Rent(size));
    }

    [Fact]
    public void A_returned_block_is_lent_again()
    {
        using var pool = new BlockPool();
        var first = pool.Rent();
        first.Dispose();
        Assert.Equal(0, pool.Outstanding);
        Assert.Same(first, pool.Rent());
    }

    [Fact]
    public void A_block_returned_twice_is_not_lent_twice()
    {
        using var pool = new BlockPool();
        var first = pool.Rent();
        first.Dispose();
        first.Dispose();
        Assert.NotSame(pool.Rent(), pool.Rent());
    }

    [Fact]
    public void No_more_blocks_stay_idle_than_allowed()
    {
        using var pool = new BlockPool(maxIdle: 2);
        var blocks = Enumerable.Range(0, 5).Select(_ => pool.Rent()).ToList();
        blocks.ForEach(static block => block.Dispose());
        Assert.Equal(0, pool.Outstanding);
        var again = Enumerable.Range(0, 5).Select(_ => pool.Rent()).ToList();
        Assert.Equal(2, again.Intersect(blocks).Count());
    }

    [Fact]
    public void The_collector_does_not_move_a_block()
    {
        using var pool = new BlockPool();
        using var block = pool.Rent();
        Assert.True(MemoryMarshal.TryGetArray<byte>(block.Memory, out var array));
        Assert.Equal(GC.MaxGeneration, GC.GetGeneration(array.Array!)); // the pinned heap counts as the oldest generation
    }

    [Fact]
    public void A_disposed_pool_lends_nothing_and_takes_blocks_back()
    {
        var pool = new BlockPool();
        var block = pool.Rent();
        pool.Dispose();
        block.Dispose();
        Assert.Equal(0, pool.Outstanding);
        Assert.Throws<ObjectDisposedException>(() => pool.Rent());
    }

    [Fact]
    public async Task Threads_never_share_a_block()
    {
        using var pool = new BlockPool(maxIdle: 8);
        await Task.WhenAll(Enumerable.Range(1, 8).Select(mark => Task.Run(() =>
        {
            for (var i = 0; i < 20_000; i++)
            {
                using var block = pool.Rent();
                block.Memory.Span.Fill((byte)mark);
                Assert.Equal(-1, block.Memory.Span.IndexOfAnyExcept((byte)mark));
            }
        }, TestContext.Current.CancellationToken)));
        Assert.Equal(0, pool.Outstanding);
    }
}
