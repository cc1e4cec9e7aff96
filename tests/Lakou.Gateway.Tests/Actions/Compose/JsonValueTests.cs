using System.Buffers;
using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using Lakou.Gateway.Actions.Compose;

namespace Lakou.Gateway.Tests.Actions.Compose;

public sealed class JsonValueTests
{
    // Characters of one to four bytes, what JSON is made of, and bytes that begin or end nothing.
    private static readonly Gen<byte[]> Text =
        from pieces in Gen.Elements("a", "é", "€", "𝄞", "\\u00e9", "\\\"", "1", " ").ListOf()
        from quoted in Gen.Elements("\"{0}\"", "[\"{0}\",{0}]", "{{\"{0}\":null}}", "{0}")
        from wrong in Gen.Elements<byte[]>([], [], [], [0x80], [0xc3], [0xe2, 0x82], [0xf0, 0x9d, 0x84], [0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80])
        from at in Gen.Choose(0, 1000)
        let bytes = Encoding.UTF8.GetBytes(string.Format(quoted, string.Concat(pieces)))
        let split = at % (bytes.Length + 1)
        select (byte[])[.. bytes[..split], .. wrong, .. bytes[split..]];

    [Fact]
    public void It_is_what_a_strict_reader_takes_wherever_the_pieces_are_cut()
        => Prop.ForAll(Text.ToArbitrary(), Gen.Choose(1, 7).ToArbitrary(), (bytes, size) =>
        {
            var pieces = Cut(bytes, size);
            Assert.Equal(IsTaken(bytes), JsonValue.Check(pieces, 64) is null);
            Assert.Equal(JsonValue.Check(new(bytes), 64) is null, JsonValue.Check(pieces, 64) is null);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void Every_cut_of_a_character_is_found_whole()
    {
        var bytes = "\"é€𝄞é€𝄞\""u8.ToArray();
        for (var size = 1; size <= bytes.Length; size++)
        {
            Assert.Null(JsonValue.Check(Cut(bytes, size), 64));
        }
    }

    [Fact]
    public void Pooled_bytes_are_what_was_put_in()
    {
        using var pooled = new PooledBytes();
        var random = new Random(17);
        var all = new List<byte>();
        while (all.Count < 200_000)
        {
            var some = new byte[random.Next(9000)];
            random.NextBytes(some);
            pooled.Append(Cut(some.Length == 0 ? [1] : some, 4096));
            all.AddRange(some.Length == 0 ? [1] : some);
        }

        Assert.Equal(all.Count, pooled.Length);
        Assert.Equal(all, pooled.Bytes.ToArray());
        pooled.Dispose();
        Assert.True(pooled.Bytes.IsEmpty);
    }

    private static bool IsTaken(byte[] bytes)
    {
        try
        {
            _ = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes);
            using var document = JsonDocument.Parse(bytes);
            return true;
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            return false;
        }
    }

    private static ReadOnlySequence<byte> Cut(byte[] bytes, int size)
    {
        if (bytes.Length == 0)
        {
            return default;
        }

        Piece? first = null, last = null;
        for (var at = 0; at < bytes.Length; at += size)
        {
            last = new Piece(bytes.AsMemory(at, Math.Min(size, bytes.Length - at)), last);
            first ??= last;
        }

        return new(first!, 0, last!, last!.Memory.Length);
    }

    private sealed class Piece : ReadOnlySequenceSegment<byte>
    {
        public Piece(ReadOnlyMemory<byte> memory, Piece? before)
        {
            Memory = memory;
            RunningIndex = before is null ? 0 : before.RunningIndex + before.Memory.Length;
            if (before is not null)
            {
                before.Next = this;
            }
        }
    }
}
