using System.Buffers.Binary;
using Lakou.Core.Hashing;

namespace Lakou.Messaging.Events;

/// <summary>What a frame says of its data; the values are on disk.</summary>
[Flags]
internal enum FrameFlags : byte
{
    /// <summary>Data is bytes.</summary>
    None = 0,

    /// <summary>Data is one JSON value, in the bytes in which it came.</summary>
    Json = 1,

    /// <summary>Data is text in UTF-8, of the media type that the event states.</summary>
    Text = 2,

    NoData = 4,
    HasKey = 8,
}

/// <summary>What <see cref="EventFrame.Verify"/> found.</summary>
internal enum FrameDamage
{
    None,

    /// <summary>Fewer bytes than the frame says; or more.</summary>
    Length,

    /// <summary>Offset, time, flags or lengths are not what was written.</summary>
    Head,

    /// <summary>Attributes or data are not what was written.</summary>
    Body,
}

/// <summary>
/// An event as it is stored, in the journal and in segment files alike. Little endian:
/// <code>
///  0  u32  body length
///  4  u32  crc32c of the body
///  8  u64  offset in its partition              set by Seal
/// 16  i64  time accepted, µs since 1970         set by Seal
/// 24  u8   flags
/// 25  u8   priority, 0–9; 9 first
/// 26  u16  0
/// 28  u32  crc32c of bytes 0–27                 set by Seal
/// 32  body:
///     u64  key hash; 0 without a key
///     u16  number of attributes
///     attribute: u8 name length, name, u8 type, u32 value length, value
///     data: the rest
/// </code>
/// <c>id</c>, <c>source</c> and <c>type</c> are the first three attributes, in this order. Nothing here allocates. All but <see cref="Verify"/> expects a
/// frame that is whole; damage can make it throw or answer wrong, never read beyond the bytes given.
/// </summary>
internal readonly ref struct EventFrame(ReadOnlySpan<byte> bytes)
{
    public const int HeadLength = 32;

    /// <summary>Key hash and number of attributes.</summary>
    public const int BodyHeadLength = 10;

    public const byte DefaultPriority = 4;

    internal const int BodyChecksumAt = 4;
    internal const int OffsetAt = 8;
    internal const int TimeAt = 16;
    internal const int FlagsAt = 24;
    internal const int PriorityAt = 25;
    internal const int HeadChecksumAt = 28;
    internal const int KeyHashAt = HeadLength;
    internal const int AttributeCountAt = HeadLength + 8;

    public ReadOnlySpan<byte> Bytes { get; } = bytes;

    public ulong Offset => BinaryPrimitives.ReadUInt64LittleEndian(Bytes[OffsetAt..]);

    /// <summary>When it was accepted, in microseconds since 1970.</summary>
    public long TimeMicroseconds => BinaryPrimitives.ReadInt64LittleEndian(Bytes[TimeAt..]);

    public FrameFlags Flags => (FrameFlags)Bytes[FlagsAt];

    public bool HasKey => (Flags & FrameFlags.HasKey) == FrameFlags.HasKey;

    public bool HasData => (Flags & FrameFlags.NoData) == FrameFlags.None;

    /// <summary>0 to 9; 9 goes first.</summary>
    public byte Priority => Bytes[PriorityAt];

    public ulong KeyHash => BinaryPrimitives.ReadUInt64LittleEndian(Bytes[KeyHashAt..]);

    public AttributeEnumerator Attributes =>
        new(Bytes[(HeadLength + BodyHeadLength)..], BinaryPrimitives.ReadUInt16LittleEndian(Bytes[AttributeCountAt..]));

    public ReadOnlySpan<byte> Id => Value("id"u8);

    public ReadOnlySpan<byte> Source => Value("source"u8);

    public ReadOnlySpan<byte> Type => Value("type"u8);

    public ReadOnlySpan<byte> Data
    {
        get
        {
            var attributes = Attributes;
            while (attributes.MoveNext())
            {
            }

            return attributes.Rest;
        }
    }

    /// <summary>The length of the whole frame, from its first four bytes; a <see langword="long"/>, since those may be damaged.</summary>
    public static long LengthOf(ReadOnlySpan<byte> head) => HeadLength + (long)BinaryPrimitives.ReadUInt32LittleEndian(head);

    /// <summary>Cuts the first frame off a row of whole frames.</summary>
    public static EventFrame Take(ref ReadOnlySpan<byte> frames)
    {
        var length = checked((int)LengthOf(frames));
        var frame = new EventFrame(frames[..length]);
        frames = frames[length..];
        return frame;
    }

    /// <summary>Gives an accepted event its place and its time, and with them the checksum of its head.</summary>
    public static void Seal(Span<byte> frame, ulong offset, long timeMicroseconds)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(frame[OffsetAt..], offset);
        BinaryPrimitives.WriteInt64LittleEndian(frame[TimeAt..], timeMicroseconds);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[HeadChecksumAt..], Crc32C.Of(frame[..HeadChecksumAt]));
    }

    /// <summary>Whether these bytes are one sealed frame, exactly and undamaged. Any bytes may be asked about.</summary>
    public FrameDamage Verify()
    {
        if (Bytes.Length < HeadLength + BodyHeadLength)
        {
            return FrameDamage.Length;
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(Bytes[HeadChecksumAt..]) != Crc32C.Of(Bytes[..HeadChecksumAt]))
        {
            return FrameDamage.Head;
        }

        return LengthOf(Bytes) != Bytes.Length ? FrameDamage.Length
            : BinaryPrimitives.ReadUInt32LittleEndian(Bytes[BodyChecksumAt..]) != Crc32C.Of(Bytes[HeadLength..]) || !HoldsItsAttributes() ? FrameDamage.Body
            : FrameDamage.None;
    }

    /// <summary>Looks for an attribute by name; <c>specversion</c> is not stored, it is always 1.0.</summary>
    public bool TryGet(scoped ReadOnlySpan<byte> name, out EventAttribute attribute)
    {
        foreach (var candidate in Attributes)
        {
            if (candidate.Name.SequenceEqual(name))
            {
                attribute = candidate;
                return true;
            }
        }

        attribute = default;
        return false;
    }

    private ReadOnlySpan<byte> Value(scoped ReadOnlySpan<byte> name) => TryGet(name, out var attribute) ? attribute.Value : [];

    private bool HoldsItsAttributes()
    {
        var attributes = Attributes;
        while (attributes.MoveNext())
        {
        }

        return attributes.IsComplete;
    }
}
