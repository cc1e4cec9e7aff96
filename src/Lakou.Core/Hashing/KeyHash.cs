using System.Buffers.Binary;

namespace Lakou.Core.Hashing;

/// <summary>
/// MurmurHash64A (Austin Appleby, public domain). Not keyed, and never to change: gateways side by side, and one before and after its restart, send a key to
/// the same endpoint; a topic keeps a key in the same partition.
/// </summary>
public static class KeyHash
{
    private const ulong Multiplier = 0xc6a4_a793_5bd1_e995;
    private const int Shift = 47;

    public static ulong Of(ReadOnlySpan<byte> key, ulong seed = 0)
    {
        var hash = seed ^ unchecked((ulong)key.Length * Multiplier);
        for (; key.Length >= sizeof(ulong); key = key[sizeof(ulong)..])
        {
            hash = unchecked((hash ^ Scramble(BinaryPrimitives.ReadUInt64LittleEndian(key))) * Multiplier);
        }

        if (!key.IsEmpty)
        {
            var rest = 0ul;
            for (var i = 0; i < key.Length; i++)
            {
                rest |= (ulong)key[i] << (8 * i);
            }

            hash = unchecked((hash ^ rest) * Multiplier);
        }

        return Finish(hash);
    }

    /// <summary>Another hash of the same key: the n-th.</summary>
    public static ulong Again(ulong hash, int n) => Finish(unchecked((hash ^ Scramble((ulong)n)) * Multiplier));

    private static ulong Scramble(ulong word)
    {
        word = unchecked(word * Multiplier);
        return unchecked((word ^ (word >> Shift)) * Multiplier);
    }

    private static ulong Finish(ulong hash)
    {
        hash = unchecked((hash ^ (hash >> Shift)) * Multiplier);
        return hash ^ (hash >> Shift);
    }
}
