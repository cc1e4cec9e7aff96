using System.Buffers.Binary;
using System.Numerics;

namespace Lakou.Core.Hashing;

/// <summary>CRC-32C (Castagnoli), as of RFC 3720 appendix B.4: the one that processors compute. Part of formats on disk, so never to change.</summary>
public static class Crc32C
{
    /// <param name="bytes">What to add.</param>
    /// <param name="previous">The checksum of what came before; 0 at the beginning.</param>
    public static uint Of(ReadOnlySpan<byte> bytes, uint previous = 0)
    {
        var crc = ~previous;
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        }

        foreach (var one in bytes)
        {
            crc = BitOperations.Crc32C(crc, one);
        }

        return ~crc;
    }
}
