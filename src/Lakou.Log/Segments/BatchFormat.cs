using System.Buffers.Binary;
using Lakou.Core.Disk;
using Lakou.Core.Hashing;

namespace Lakou.Log.Segments;

/// <summary>
/// What one sync makes durable: records one after the other behind a head. Little endian; begins at a multiple of 512 bytes, so that no sector that
/// was committed is ever written again. The bytes are drawn in <c>docs/internals/journal-format.md</c>.
/// <code>
///  0 u32 magic "LKB1"       24 u64 first LSN            48 u32 checksum of the batch before
///  4 u32 flags              32 u64 epoch                52 u32 checksum: bytes 0–51, then each record's length and checksum
///  8 u32 length, all of it  40 i64 time, µs since 1970  56 records: u32 length, u32 CRC-32C of the bytes that follow, bytes
/// 12 u32 records
/// 16 u64 identity of the journal
/// </code>
/// The checksum begins with the place of the batch, which is not stored: one that is found elsewhere, in the bytes of an event for example, is none.
/// </summary>
internal static class BatchFormat
{
    public const int HeadBytes = 56;
    public const int RecordHeadBytes = 8;

    public const int Alignment = IDisk.SectorBytes;

    /// <summary>Zeros that are written behind a batch, up to the end of the file: what stands there of an earlier life is no end that a crash tore.</summary>
    public const int EndBytes = IDisk.SectorBytes;

    /// <summary>Set when no sync followed: after a loss of power such a batch may be missing though a later one is there.</summary>
    public const uint Unsynced = 1;

    private const uint Magic = 0x3142_4b4c; // "LKB1"

    public static int Align(int bytes) => (bytes + Alignment - 1) & -Alignment;

    /// <summary>The room of a record with its head.</summary>
    public static int RecordBytes(int payload) => RecordHeadBytes + payload;

    /// <summary>Fills in the head of a batch whose records are in place.</summary>
    /// <param name="batch">From its head to the end of its last record.</param>
    /// <param name="head">All but the checksum.</param>
    /// <param name="place">Where it will be written.</param>
    /// <returns>Its checksum.</returns>
    public static uint Seal(Span<byte> batch, in BatchHead head, BatchPlace place)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(batch, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(batch[4..], head.Flags);
        BinaryPrimitives.WriteInt32LittleEndian(batch[8..], batch.Length);
        BinaryPrimitives.WriteInt32LittleEndian(batch[12..], head.Records);
        BinaryPrimitives.WriteUInt64LittleEndian(batch[16..], head.Identity);
        BinaryPrimitives.WriteUInt64LittleEndian(batch[24..], head.FirstLsn);
        BinaryPrimitives.WriteUInt64LittleEndian(batch[32..], head.Epoch);
        BinaryPrimitives.WriteInt64LittleEndian(batch[40..], head.Time);
        BinaryPrimitives.WriteUInt32LittleEndian(batch[48..], head.Previous);
        var checksum = Crc32C.Of(batch[..52], place.Checksum);
        for (var at = HeadBytes; at < batch.Length; at += RecordBytes(BinaryPrimitives.ReadInt32LittleEndian(batch[at..])))
        {
            checksum = Crc32C.Of(batch.Slice(at, RecordHeadBytes), checksum);
        }

        BinaryPrimitives.WriteUInt32LittleEndian(batch[52..], checksum);
        return checksum;
    }

    /// <summary>Puts one record in place.</summary>
    /// <param name="into">Exactly <see cref="RecordBytes"/> of the two parts.</param>
    /// <param name="first">The beginning of the record.</param>
    /// <param name="second">The rest.</param>
    public static void WriteRecord(Span<byte> into, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second)
    {
        var length = first.Length + second.Length;
        var payload = into.Slice(RecordHeadBytes, length);
        first.CopyTo(payload);
        second.CopyTo(payload[first.Length..]);
        BinaryPrimitives.WriteInt32LittleEndian(into, length);
        BinaryPrimitives.WriteUInt32LittleEndian(into[4..], Crc32C.Of(payload));
    }

    /// <summary>Reads a head alone: enough to know how much to read. False when it cannot be one.</summary>
    /// <param name="bytes">At least <see cref="HeadBytes"/>, or it is none.</param>
    /// <param name="most">Bytes from here to the end of the file.</param>
    public static bool TryReadHead(ReadOnlySpan<byte> bytes, long most, out BatchHead head)
    {
        head = default;
        if (bytes.Length < HeadBytes || BinaryPrimitives.ReadUInt32LittleEndian(bytes) != Magic)
        {
            return false;
        }

        head = new BatchHead
        {
            Flags = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]),
            Length = BinaryPrimitives.ReadInt32LittleEndian(bytes[8..]),
            Records = BinaryPrimitives.ReadInt32LittleEndian(bytes[12..]),
            Identity = BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]),
            FirstLsn = BinaryPrimitives.ReadUInt64LittleEndian(bytes[24..]),
            Epoch = BinaryPrimitives.ReadUInt64LittleEndian(bytes[32..]),
            Time = BinaryPrimitives.ReadInt64LittleEndian(bytes[40..]),
            Previous = BinaryPrimitives.ReadUInt32LittleEndian(bytes[48..]),
            Checksum = BinaryPrimitives.ReadUInt32LittleEndian(bytes[52..]),
        };
        return head.Length >= HeadBytes && head.Length <= most && head.Records > 0 && head.Records <= (head.Length - HeadBytes) / RecordHeadBytes;
    }

    /// <summary>Whether a batch is whole: its lengths add up, its checksum and those of its records are right.</summary>
    public static bool IsWhole(ReadOnlySpan<byte> batch, in BatchHead head, BatchPlace place)
    {
        if (batch.Length != head.Length)
        {
            return false;
        }

        var checksum = Crc32C.Of(batch[..52], place.Checksum);
        var records = 0;
        for (var at = HeadBytes; at < batch.Length; records++)
        {
            if (batch.Length - at < RecordHeadBytes)
            {
                return false;
            }

            var length = BinaryPrimitives.ReadInt32LittleEndian(batch[at..]);
            if (length < 0 || length > batch.Length - at - RecordHeadBytes
                || BinaryPrimitives.ReadUInt32LittleEndian(batch[(at + 4)..]) != Crc32C.Of(batch.Slice(at + RecordHeadBytes, length)))
            {
                return false;
            }

            checksum = Crc32C.Of(batch.Slice(at, RecordHeadBytes), checksum);
            at += RecordBytes(length);
        }

        return records == head.Records && checksum == head.Checksum;
    }
}

/// <summary>See <see cref="BatchFormat"/>.</summary>
internal readonly record struct BatchHead
{
    public uint Flags { get; init; }

    /// <summary>From the head to the end of the last record; the next batch begins at the next multiple of <see cref="BatchFormat.Alignment"/>.</summary>
    public int Length { get; init; }

    public int Records { get; init; }

    public ulong Identity { get; init; }

    public ulong FirstLsn { get; init; }

    public ulong Epoch { get; init; }

    public long Time { get; init; }

    public uint Previous { get; init; }

    public uint Checksum { get; init; }

    public ulong NextLsn => FirstLsn + (ulong)Records;
}

/// <summary>Where a batch is.</summary>
/// <param name="Segment">LSN in the name of the file.</param>
/// <param name="Position">Of its first byte.</param>
internal readonly record struct BatchPlace(ulong Segment, long Position)
{
    public uint Checksum
    {
        get
        {
            Span<byte> bytes = stackalloc byte[2 * sizeof(ulong)];
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, Segment);
            BinaryPrimitives.WriteInt64LittleEndian(bytes[sizeof(ulong)..], Position);
            return Crc32C.Of(bytes);
        }
    }
}

/// <summary>The records of a whole batch, in order.</summary>
public readonly ref struct BatchRecords
{
    private readonly ReadOnlySpan<byte> _records;
    private readonly ulong _firstLsn;

    /// <param name="records">Without the head of the batch.</param>
    /// <param name="firstLsn">Of the first.</param>
    internal BatchRecords(ReadOnlySpan<byte> records, ulong firstLsn)
    {
        _records = records;
        _firstLsn = firstLsn;
    }

    /// <summary>Without the records before one.</summary>
    internal BatchRecords From(ulong lsn)
    {
        var rest = _records;
        var first = _firstLsn;
        for (; first < lsn && !rest.IsEmpty; first++)
        {
            rest = rest[BatchFormat.RecordBytes(BinaryPrimitives.ReadInt32LittleEndian(rest))..];
        }

        return new(rest, first);
    }

    public Enumerator GetEnumerator() => new(_records, _firstLsn);

    public ref struct Enumerator
    {
        private ReadOnlySpan<byte> _rest;
        private ulong _nextLsn;

        internal Enumerator(ReadOnlySpan<byte> records, ulong firstLsn)
        {
            _rest = records;
            _nextLsn = firstLsn;
            Current = default;
        }

        public JournalRecord Current { get; private set; }

        public bool MoveNext()
        {
            if (_rest.IsEmpty)
            {
                return false;
            }

            var length = BinaryPrimitives.ReadInt32LittleEndian(_rest);
            Current = new JournalRecord(_nextLsn++, _rest.Slice(BatchFormat.RecordHeadBytes, length));
            _rest = _rest[BatchFormat.RecordBytes(length)..];
            return true;
        }
    }
}

/// <param name="lsn">Log sequence number: dense, from 1.</param>
/// <param name="payload">As appended; valid only while the batch is.</param>
public readonly ref struct JournalRecord(ulong lsn, ReadOnlySpan<byte> payload)
{
    public ulong Lsn { get; } = lsn;

    public ReadOnlySpan<byte> Payload { get; } = payload;
}
