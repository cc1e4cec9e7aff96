using System.Buffers.Binary;
using Lakou.Core.Hashing;

namespace Lakou.Log.Frames;

/// <summary>
/// The beginning of a frame, all that a <see cref="FrameLog"/> knows of it. Little endian:
/// <code>
///  0 u32 length of the body     8 u64 offset                          24 u32 of the writer
///  4 u32 CRC-32C of the body   16 i64 time accepted, µs since 1970    28 u32 CRC-32C of bytes 0–27
/// </code>
/// </summary>
public static class FrameHead
{
    public const int Bytes = 32;

    public static int BodyLength(ReadOnlySpan<byte> frame) => BinaryPrimitives.ReadInt32LittleEndian(frame);

    /// <summary>Head and body.</summary>
    public static int Length(ReadOnlySpan<byte> frame) => Bytes + BodyLength(frame);

    public static ulong Offset(ReadOnlySpan<byte> frame) => BinaryPrimitives.ReadUInt64LittleEndian(frame[8..]);

    public static long Time(ReadOnlySpan<byte> frame) => BinaryPrimitives.ReadInt64LittleEndian(frame[16..]);

    /// <summary>Gives a frame its place; what was there before of offset and time is replaced.</summary>
    public static void Seal(Span<byte> frame, ulong offset, long time)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(frame[8..], offset);
        BinaryPrimitives.WriteInt64LittleEndian(frame[16..], time);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[28..], Crc32C.Of(frame[..28]));
    }

    /// <summary>Whether the bytes begin with a right head.</summary>
    public static bool IsRight(ReadOnlySpan<byte> bytes)
        => bytes.Length >= Bytes && BodyLength(bytes) is >= 0 and <= int.MaxValue - Bytes && BinaryPrimitives.ReadUInt32LittleEndian(bytes[28..]) == Crc32C.Of(bytes[..28]);

    /// <summary>Whether the bytes begin with a whole frame, right to its end.</summary>
    public static bool IsWhole(ReadOnlySpan<byte> bytes)
        => IsRight(bytes) && bytes.Length - Bytes >= BodyLength(bytes)
            && BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]) == Crc32C.Of(bytes.Slice(Bytes, BodyLength(bytes)));
}
