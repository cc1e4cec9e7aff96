namespace Lakou.Transport.Blocks;

/// <summary>The blocks that an event loop keeps at hand. Only its own thread rents and returns here; the last returned is the next rented, for its cache.</summary>
internal sealed class LoopBlocks(BlockPool pool)
{
    // 4 MiB a loop.
    private const int MaxKept = 256;

    [ThreadStatic]
    private static LoopBlocks? t_current;

    private readonly Block[] _kept = new Block[MaxKept];
    private int _count;

    /// <summary>Blocks kept.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Called once by the loop's thread.</summary>
    public void Enter() => t_current = this;

    public Block Rent()
    {
        if (_count == 0)
        {
            return pool.Rent();
        }

        var block = _kept[--_count];
        block.Lend();
        return block;
    }

    /// <summary>Gives all back, when the loop ends.</summary>
    public void Leave()
    {
        t_current = null;
        while (_count > 0)
        {
            pool.TakeBack(_kept[--_count]);
        }
    }

    public static bool TryKeep(BlockPool owner, Block block)
    {
        if (t_current is not { } current || current.Pool != owner || current._count == MaxKept)
        {
            return false;
        }

        current._kept[current._count++] = block;
        return true;
    }

    private BlockPool Pool => pool;
}
