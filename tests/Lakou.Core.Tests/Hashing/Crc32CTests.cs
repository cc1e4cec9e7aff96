using Lakou.Core.Hashing;

namespace Lakou.Core.Tests.Hashing;

public sealed class Crc32CTests
{
    /// <summary>RFC 3720 §B.4, and the check value of the catalogue of CRCs.</summary>
    [Fact]
    public void Published_vectors_hold()
    {
        Assert.Equal(0u, Crc32C.Of([]));
        Assert.Equal(0xe306_9283u, Crc32C.Of("123456789"u8));
        Assert.Equal(0x8a91_36aau, Crc32C.Of(new byte[32]));
        Assert.Equal(0x62a8_ab43u, Crc32C.Of(Enumerable.Repeat((byte)0xff, 32).ToArray()));
        Assert.Equal(0x46dd_794eu, Crc32C.Of([.. Enumerable.Range(0, 32).Select(i => (byte)i)]));
        Assert.Equal(0x113f_db5cu, Crc32C.Of([.. Enumerable.Range(0, 32).Select(i => (byte)(31 - i))]));
    }

    [Fact]
    public void Pieces_give_the_checksum_of_the_whole()
    {
        var bytes = new byte[100];
        new Random(1).NextBytes(bytes);
        for (var cut = 0; cut <= bytes.Length; cut++)
        {
            Assert.Equal(Crc32C.Of(bytes), Crc32C.Of(bytes.AsSpan(cut), Crc32C.Of(bytes.AsSpan(0, cut))));
        }
    }

    [Fact]
    public void Every_flipped_bit_shows()
    {
        var bytes = "a frame of some length, more than eight bytes"u8.ToArray();
        var right = Crc32C.Of(bytes);
        for (var bit = 0; bit < bytes.Length * 8; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.NotEqual(right, Crc32C.Of(bytes));
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }
}
