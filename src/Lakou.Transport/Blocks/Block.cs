using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Lakou.Transport.Blocks;

/// <summary>
/// Memory that the collector never moves, so that the kernel may use it without pinning. Whoever has it disposes it once; who lets
/// another have it too counts it with <see cref="Share"/>.
/// </summary>
internal sealed class Block(BlockPool pool) : IMemoryOwner<byte>
{
    /// <summary>16 KiB: a TLS record (RFC 8446 §5.1); a body moves in few steps, and a thousand connections at work hold 16 MiB.</summary>
    public const int Bytes = 16 * 1024;

    private readonly byte[] _bytes = GC.AllocateUninitializedArray<byte>(Bytes, pinned: true);
    private int _owners = 1;

    public Memory<byte> Memory => MemoryMarshal.CreateFromPinnedArray(_bytes, 0, Bytes);

    public Span<byte> Span => _bytes;

    public unsafe byte* Pointer => (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_bytes));

    /// <summary>Nobody else has it: what was not written yet may be.</summary>
    public bool IsUnshared => Volatile.Read(ref _owners) == 1;

    public void Lend() => Volatile.Write(ref _owners, 1);

    public void Share() => Interlocked.Increment(ref _owners);

    // A block returned twice would be lent to two connections, and one would read the other's bytes: the second return is ignored.
    public void Dispose()
    {
        switch (Interlocked.Decrement(ref _owners))
        {
            case 0:
                pool.Return(this);
                break;
            case < 0:
                Interlocked.Increment(ref _owners);
                break;
        }
    }
}
