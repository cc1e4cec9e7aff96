using System.Runtime.InteropServices;

namespace Lakou.Core.Disk;

/// <summary>Memory from which a device takes bytes by itself: it begins at a page and is never moved.</summary>
public sealed class SectorBuffer
{
    // More than any sector, so right for all of them.
    private const int PageBytes = 4096;

    private readonly byte[] _bytes;
    private readonly int _start;

    /// <param name="length">In bytes; it gets whole sectors.</param>
    public SectorBuffer(int length)
    {
        Length = (length + IDisk.SectorBytes - 1) & -IDisk.SectorBytes;
        _bytes = GC.AllocateUninitializedArray<byte>(Length + PageBytes, pinned: true);
        _start = (int)(-Marshal.UnsafeAddrOfPinnedArrayElement(_bytes, 0) & (PageBytes - 1));
    }

    public int Length { get; }

    /// <summary>Not cleared.</summary>
    public Span<byte> Span => _bytes.AsSpan(_start, Length);
}
