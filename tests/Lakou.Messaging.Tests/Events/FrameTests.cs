using System.Buffers.Binary;
using Lakou.Core.Hashing;
using Lakou.Messaging.Events;
using static Lakou.Messaging.Tests.Events.Reading;

namespace Lakou.Messaging.Tests.Events;

public sealed class FrameTests
{
    /// <summary>The layout is on disk: these bytes may never mean something else.</summary>
    [Fact]
    public void A_frame_has_these_bytes()
    {
        var frame = Sealed(Json("\"subject\":\"a\",\"n\":5,\"data\":[]"));

        byte[] body =
        [
            .. BitConverter.GetBytes(KeyHash.Of("a"u8)), 5, 0,
            2, .. "id"u8, 0, 1, 0, 0, 0, .. "1"u8,
            6, .. "source"u8, 5, 2, 0, 0, 0, .. "/s"u8,
            4, .. "type"u8, 0, 1, 0, 0, 0, .. "t"u8,
            7, .. "subject"u8, 0, 1, 0, 0, 0, .. "a"u8,
            1, .. "n"u8, 1, 1, 0, 0, 0, .. "5"u8,
            .. "[]"u8,
        ];
        byte[] head =
        [
            (byte)body.Length, 0, 0, 0, .. BitConverter.GetBytes(Crc32C.Of(body)),
            0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1 | 8, 4, 0, 0,
        ];
        Assert.Equal([.. head, .. BitConverter.GetBytes(Crc32C.Of(head)), .. body], frame);
    }

    [Fact]
    public void A_sealed_frame_tells_what_was_put_in()
    {
        var frame = new EventFrame(Sealed(Json("\"subject\":\"a\",\"priority\":9,\"data\":[]")));

        Assert.Equal((0x0102_0304_0506_0708ul, -2L), (frame.Offset, frame.TimeMicroseconds));
        Assert.Equal((FrameFlags.Json | FrameFlags.HasKey, 9, KeyHash.Of("a"u8), true, true), (frame.Flags, frame.Priority, frame.KeyHash, frame.HasKey, frame.HasData));
        Assert.Equal(("1", "/s", "t", "[]"), (Text(frame.Id), Text(frame.Source), Text(frame.Type), Text(frame.Data)));
        Assert.True(frame.TryGet("priority"u8, out var priority));
        Assert.Equal(("9", AttributeType.Integer), (Text(priority.Value), priority.Type));
        Assert.False(frame.TryGet("prio"u8, out _));
        Assert.False(frame.TryGet("specversion"u8, out _));
        Assert.Equal(frame.Bytes.Length, EventFrame.LengthOf(frame.Bytes));
    }

    [Fact]
    public void Before_it_is_sealed_a_frame_is_damaged()
    {
        using var batch = new EventBatch();
        Assert.Null(Read(batch, Structured, Utf8(Json(""))));
        Assert.Equal(FrameDamage.Head, new EventFrame(batch.FrameOf(batch.Events[0])).Verify());
    }

    [Fact]
    public void Every_prefix_of_a_frame_and_every_longer_one_is_damaged()
    {
        var frame = Sealed(Json("\"subject\":\"a\",\"data\":{}"));
        for (var length = 0; length < frame.Length; length++)
        {
            Assert.Equal(FrameDamage.Length, new EventFrame(frame.AsSpan(0, length)).Verify());
        }

        Assert.Equal(FrameDamage.None, new EventFrame(frame).Verify());
        Assert.Equal(FrameDamage.Length, new EventFrame([.. frame, 0]).Verify());
    }

    [Fact]
    public void Every_flipped_bit_is_seen()
    {
        var frame = Sealed(Json("\"subject\":\"a\",\"data\":{}"));
        for (var bit = 0; bit < frame.Length * 8; bit++)
        {
            frame[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.NotEqual(FrameDamage.None, new EventFrame(frame).Verify());
            frame[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    /// <summary>Damage with a right checksum, which no disk makes: what is taken for a frame can be read without an exception.</summary>
    [Fact]
    public void Forged_frames_are_seen_or_harmless()
    {
        var random = new Random(7);
        var right = Sealed(Json("\"subject\":\"a\",\"n\":5,\"data\":{}"));
        var seen = 0;
        for (var round = 0; round < 20_000; round++)
        {
            var frame = right.AsSpan(0, random.Next(10) == 0 ? random.Next(EventFrame.HeadLength, right.Length) : right.Length).ToArray();
            for (var change = random.Next(1, 4); change > 0; change--)
            {
                frame[random.Next(EventFrame.FlagsAt, frame.Length)] = random.Next(2) == 0 ? (byte)random.Next(256) : (byte)255;
            }

            BinaryPrimitives.WriteUInt32LittleEndian(frame, (uint)(frame.Length - EventFrame.HeadLength));
            BinaryPrimitives.WriteUInt32LittleEndian(frame.AsSpan(EventFrame.BodyChecksumAt), Crc32C.Of(frame.AsSpan(EventFrame.HeadLength)));
            EventFrame.Seal(frame, 1, 1);
            var forged = new EventFrame(frame);
            if (forged.Verify() != FrameDamage.None)
            {
                seen++;
                continue;
            }

            foreach (var attribute in forged.Attributes)
            {
                _ = Text(attribute.Name) + Text(attribute.Value);
            }

            _ = Text(forged.Data) + Text(forged.Id);
        }

        Assert.InRange(seen, 1_000, 19_000);
    }

    private static byte[] Sealed(string body)
    {
        using var batch = new EventBatch();
        Assert.Null(Read(batch, Structured, Utf8(body)));
        var frame = batch.FrameOf(batch.Events[0]);
        EventFrame.Seal(frame, 0x0102_0304_0506_0708, -2);
        return frame.ToArray();
    }
}
