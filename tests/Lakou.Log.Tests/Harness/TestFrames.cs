using System.Buffers.Binary;
using Lakou.Core.Hashing;
using Lakou.Log.Frames;

namespace Lakou.Log.Tests.Harness;

/// <summary>Frames whose bytes follow from their offset.</summary>
internal static class TestFrames
{
    /// <summary>The time of an offset.</summary>
    public static long TimeOf(ulong offset) => 1_000_000 + ((long)offset * 10);

    public static byte[] Of(ulong offset, int length = 40, int life = 0)
    {
        var frame = new byte[FrameHead.Bytes + length];
        new Random((int)offset + (life * 100_000)).NextBytes(frame.AsSpan(FrameHead.Bytes));
        BinaryPrimitives.WriteInt32LittleEndian(frame, length);
        BinaryPrimitives.WriteUInt32LittleEndian(frame.AsSpan(4), Crc32C.Of(frame.AsSpan(FrameHead.Bytes)));
        FrameHead.Seal(frame, offset, TimeOf(offset));
        return frame;
    }

    public static void Append(this FrameLog log, ulong from, ulong to, int length = 40, int life = 0)
    {
        for (var offset = from; offset < to; offset++)
        {
            log.Append(Of(offset, length, life));
        }
    }

    /// <summary>All that can be read from an offset on; what is lost is passed over.</summary>
    public static SortedDictionary<ulong, byte[]> ReadAll(this FrameLog log, ulong from = 0, int mostBytes = 1000)
    {
        var all = new SortedDictionary<ulong, byte[]>();
        while (true)
        {
            using var block = log.Read(from, mostBytes);
            foreach (var frame in block)
            {
                Assert.Equal(from, FrameHead.Offset(frame));
                all.Add(from++, frame.ToArray());
            }

            if (block.Count == 0)
            {
                if (block.LostUntil is not { } next)
                {
                    Assert.True(from >= log.End);
                    return all;
                }

                Assert.True(next > from, $"lost until {next}, asked from {from}");
                from = next;
            }
        }
    }

    public static List<ulong> Offsets(this FrameBlock block)
    {
        List<ulong> offsets = [];
        foreach (var frame in block)
        {
            offsets.Add(FrameHead.Offset(frame));
        }

        return offsets;
    }

    /// <summary>That exactly these offsets can be read, each with its bytes.</summary>
    public static void AssertHas(this FrameLog log, IEnumerable<ulong> offsets, int length = 40, int life = 0, int mostBytes = 1000)
    {
        var all = log.ReadAll(0, mostBytes);
        Assert.Equal(offsets, all.Keys);
        Assert.All(all, one => Assert.True(Of(one.Key, length, life).AsSpan().SequenceEqual(one.Value), $"offset {one.Key} is another"));
    }

    public static IEnumerable<ulong> Range(ulong from, ulong to)
    {
        for (var offset = from; offset < to; offset++)
        {
            yield return offset;
        }
    }
}
