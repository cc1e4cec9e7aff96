using Lakou.Transport.Blocks;

namespace Lakou.Transport.Uring;

/// <summary>
/// Blocks that the kernel may receive into, for whichever connection has bytes. A block that came with bytes belongs to the
/// connection; another takes its place, so the kernel never waits for a slow reader, and idle connections hold nothing.
/// </summary>
internal sealed unsafe class BufferRing : IDisposable
{
    /// <summary>The group that receives name.</summary>
    public const ushort Group = 1;

    // What one turn of a loop may receive; beyond it a receive ends and begins anew. Few, for the kernel takes them
    // in their order: 128 beginnings of blocks stay in the second-level cache.
    public const int Entries = 128;

    private const uint RegisterBufferRing = 22; // IORING_REGISTER_PBUF_RING

    private readonly LoopBlocks _pool;
    private readonly Block?[] _blocks = new Block?[Entries]; // by id, which is the place in the ring; null from the time that one was taken until its place is filled again
    private readonly ProvidedBuffer* _ring;
    private ushort _tail;

    public BufferRing(Ring ring, LoopBlocks pool)
    {
        _pool = pool;
        _ring = (ProvidedBuffer*)Native.MapAnonymous(Entries * (uint)sizeof(ProvidedBuffer));
        if (_ring is null)
        {
            throw new PlatformNotSupportedException("no memory for buffers");
        }

        var registration = new BufferRingRegistration { Address = (ulong)_ring, Entries = Entries, Group = Group };
        if (Native.Register(ring.Descriptor, RegisterBufferRing, &registration, 1) < 0)
        {
            Native.Unmap((byte*)_ring, Entries * (uint)sizeof(ProvidedBuffer));
            throw new PlatformNotSupportedException("this kernel has no provided buffer rings");
        }

        Publish();
    }

    /// <summary>The block that the kernel has filled from its start; it is the caller's.</summary>
    /// <param name="id">From the completion, or the <paramref name="next"/> of the block before.</param>
    /// <param name="next">The block that a receive of several goes on with.</param>
    public Block Take(int id, out int next)
    {
        next = (id + 1) & (Entries - 1);
        var block = _blocks[id]!;
        _blocks[id] = null;
        return block;
    }

    /// <summary>
    /// Fills the places of what was taken, and lets the kernel see them. In the order of the ring: completions may come in another one, and
    /// then the rest waits for the missing.
    /// </summary>
    public void Publish()
    {
        for (int id; _blocks[id = _tail & (Entries - 1)] is null; _tail++)
        {
            var block = _pool.Rent();
            _blocks[id] = block;
            ref var place = ref _ring[id];
            place.Address = (ulong)block.Pointer;
            place.Length = Block.Bytes;
            place.Id = (ushort)id;
        }

        Volatile.Write(ref _ring->Tail, _tail);
    }

    /// <summary>Once the ring is closed.</summary>
    public void Dispose()
    {
        Native.Unmap((byte*)_ring, Entries * (uint)sizeof(ProvidedBuffer));
        foreach (var block in _blocks)
        {
            block?.Dispose();
        }
    }
}
