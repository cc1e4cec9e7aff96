using System.Numerics;
using Lakou.Messaging.Store;

namespace Lakou.Messaging.Subscriptions;

/// <summary>
/// Which offsets of a partition a queue has dealt with: given out at least once, or passed over. All below <see cref="Floor"/> are; above it a bit each, in
/// chunks that disappear when the floor has passed them. What was given out and is not finished is known elsewhere, so one slow event holds nothing up here.
/// </summary>
internal sealed class ConsideredSet
{
    private const int ChunkBits = 12; // 4,096 offsets in 512 bytes
    private const ulong ChunkMask = (1ul << ChunkBits) - 1;

    private static readonly ulong[] s_full = [];

    private readonly Dictionary<ulong, ulong[]> _chunks = [];

    /// <summary>The first offset that is not in the set.</summary>
    public ulong Floor { get; private set; }

    public bool Contains(ulong offset)
        => offset < Floor || (_chunks.TryGetValue(offset >> ChunkBits, out var bits) && (bits.Length == 0 || (bits[Word(offset)] & Bit(offset)) != 0));

    public void Add(ulong offset)
    {
        if (offset == Floor)
        {
            Floor++;
            Rise();
        }
        else if (offset > Floor)
        {
            Set(offset);
        }
    }

    /// <param name="from">The first.</param>
    /// <param name="to">Behind the last.</param>
    public void Add(ulong from, ulong to)
    {
        if (from <= Floor)
        {
            if (to > Floor)
            {
                Floor = to;
                foreach (var chunk in _chunks.Keys.Where(chunk => chunk < to >> ChunkBits).ToArray())
                {
                    _chunks.Remove(chunk);
                }

                Rise();
            }

            return;
        }

        for (; from < to && ((from & ChunkMask) != 0 || to - from <= ChunkMask); from++)
        {
            Set(from);
        }

        for (; to - from > ChunkMask && from < to; from += ChunkMask + 1)
        {
            _chunks[from >> ChunkBits] = s_full;
        }

        for (; from < to; from++)
        {
            Set(from);
        }
    }

    /// <summary>Begins again: everything below an offset is in the set, nothing else.</summary>
    public void Reset(ulong floor)
    {
        _chunks.Clear();
        Floor = floor;
    }

    public void Write(RecordWriter to)
    {
        to.Long(Floor).Int(_chunks.Count);
        foreach (var (chunk, bits) in _chunks)
        {
            to.Long(chunk).Byte((byte)bits.Length);
            foreach (var word in bits)
            {
                to.Long(word);
            }
        }
    }

    public void Read(ref RecordReader from)
    {
        Reset(from.ULong());
        for (var left = from.Int(); left > 0; left--)
        {
            var chunk = from.ULong();
            var bits = new ulong[from.Byte()];
            for (var i = 0; i < bits.Length; i++)
            {
                bits[i] = from.ULong();
            }

            _chunks[chunk] = bits.Length == 0 ? s_full : bits;
        }
    }

    private static int Word(ulong offset) => (int)((offset & ChunkMask) >> 6);

    private static ulong Bit(ulong offset) => 1ul << (int)(offset & 63);

    private void Set(ulong offset)
    {
        var chunk = offset >> ChunkBits;
        if (!_chunks.TryGetValue(chunk, out var bits))
        {
            _chunks[chunk] = bits = new ulong[1 << (ChunkBits - 6)];
        }

        if (bits.Length > 0)
        {
            bits[Word(offset)] |= Bit(offset);
        }
    }

    /// <summary>Passes over what is in the set already, and forgets the chunks that are behind.</summary>
    private void Rise()
    {
        while (_chunks.Count > 0)
        {
            var chunk = Floor >> ChunkBits;
            if ((Floor & ChunkMask) == 0)
            {
                _chunks.Remove(chunk - 1);
            }

            if (!_chunks.TryGetValue(chunk, out var bits))
            {
                break;
            }

            if (bits.Length == 0)
            {
                Floor = (chunk + 1) << ChunkBits;
                _chunks.Remove(chunk);
                continue;
            }

            var set = BitOperations.TrailingZeroCount(~(bits[Word(Floor)] >> (int)(Floor & 63)));
            if (set == 0)
            {
                break;
            }

            Floor += (ulong)set;
        }
    }
}
