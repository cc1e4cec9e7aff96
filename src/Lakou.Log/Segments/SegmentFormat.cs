using System.Buffers.Binary;
using System.Globalization;
using Lakou.Core.Hashing;

namespace Lakou.Log.Segments;

/// <summary>
/// The first 512 bytes of a segment; batches follow.
/// <code>
///  0 u32 magic "LKJ1"             16 u64 first LSN     40 i64 length of the file
///  4 u32 version                  24 u64 epoch         48 u32 checksum of the batch before
///  8 u64 identity of the journal  32 i64 time, µs      52 u32 CRC-32C of bytes 0–51
/// </code>
/// </summary>
internal static class SegmentFormat
{
    public const int HeadBytes = BatchFormat.Alignment;
    public const string Extension = ".journal";

    private const uint Magic = 0x314a_4b4c; // "LKJ1"
    private const uint Version = 1;
    private const int FieldBytes = 56;

    /// <summary>A prepared file that is no segment yet.</summary>
    public const string Spare = "spare";

    /// <summary>Of a segment of which nothing is needed any more.</summary>
    public const string FreeExtension = ".free";

    public static string NameOf(ulong firstLsn) => firstLsn.ToString("x16", CultureInfo.InvariantCulture) + Extension;

    public static bool TryParseName(string name, out ulong firstLsn)
    {
        firstLsn = 0;
        return name.Length == 16 + Extension.Length && name.EndsWith(Extension, StringComparison.Ordinal)
            && ulong.TryParse(name.AsSpan(0, 16), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out firstLsn)
            && NameOf(firstLsn) == name; // not in capitals: the order of names is the order of numbers
    }

    public static void Write(Span<byte> into, in SegmentHead head)
    {
        into[..HeadBytes].Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(into, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(into[4..], Version);
        BinaryPrimitives.WriteUInt64LittleEndian(into[8..], head.Identity);
        BinaryPrimitives.WriteUInt64LittleEndian(into[16..], head.FirstLsn);
        BinaryPrimitives.WriteUInt64LittleEndian(into[24..], head.Epoch);
        BinaryPrimitives.WriteInt64LittleEndian(into[32..], head.Time);
        BinaryPrimitives.WriteInt64LittleEndian(into[40..], head.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(into[48..], head.Previous);
        BinaryPrimitives.WriteUInt32LittleEndian(into[52..], Crc32C.Of(into[..52]));
    }

    public static bool TryRead(ReadOnlySpan<byte> bytes, out SegmentHead head)
    {
        head = default;
        if (bytes.Length < FieldBytes || BinaryPrimitives.ReadUInt32LittleEndian(bytes) != Magic || BinaryPrimitives.ReadUInt32LittleEndian(bytes[52..]) != Crc32C.Of(bytes[..52]))
        {
            return false;
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]) is var version and not Version)
        {
            throw new JournalException($"the journal has format {version}, this Lakou reads format {Version}; use the version that wrote it");
        }

        head = new SegmentHead(
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[24..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[32..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[40..]),
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[48..]));
        return true;
    }
}

/// <summary>See <see cref="SegmentFormat"/>.</summary>
internal readonly record struct SegmentHead(ulong Identity, ulong FirstLsn, ulong Epoch, long Time, long Length, uint Previous);
