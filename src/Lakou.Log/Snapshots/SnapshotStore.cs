using System.Buffers.Binary;
using System.Globalization;
using Lakou.Core.Disk;
using Lakou.Core.Hashing;

namespace Lakou.Log.Snapshots;

/// <summary>
/// Whole states, each named after the last record that it holds. One is written beside the others, synced, and only then gets its name; the last two are kept, so
/// that damage of one costs a longer replay and nothing else.
/// <code>
/// file:   0 u32 magic "LKS1"   4 u32 version   8 u64 LSN   16 chunks   end u32 0xffffffff, u32 CRC-32C of all before
/// chunk:  u32 length, bytes
/// </code>
/// </summary>
public sealed class SnapshotStore(IDisk disk, string directory)
{
    private const string Extension = ".snapshot";
    private const string Unfinished = "unfinished";
    private const int Kept = 2;
    private const uint Magic = 0x3153_4b4c; // "LKS1"
    private const uint Version = 1;
    private const int HeadBytes = 16;
    private const uint End = uint.MaxValue;

    private readonly HashSet<string> _damaged = [];

    /// <summary>Reads one chunk of a snapshot that was verified as a whole.</summary>
    public delegate void ChunkReader(ReadOnlySpan<byte> chunk);

    /// <summary>Loads the newest snapshot that is right.</summary>
    /// <param name="read">Gets its chunks in order.</param>
    /// <param name="damaged">Gets the name of each that is newer and not right.</param>
    /// <returns>Its LSN; 0 when there is none.</returns>
    public ulong Load(ChunkReader read, Action<string> damaged)
    {
        foreach (var (lsn, name) in Names().Reverse())
        {
            using var file = disk.Open(Path.Combine(directory, name));
            if (IsWhole(file, lsn))
            {
                ReadChunks(file, read);
                return lsn;
            }

            _damaged.Add(name);
            damaged(name);
        }

        return 0;
    }

    /// <summary>Writes a snapshot, durable when this returns, and deletes those that are not kept, and those that <see cref="Load"/> found damaged.</summary>
    /// <param name="lsn">The last record that it holds.</param>
    /// <param name="write">Writes the chunks: calls its argument with each.</param>
    /// <returns>The oldest LSN that is kept: the journal is needed from the record behind it.</returns>
    public ulong Save(ulong lsn, Action<ChunkReader> write)
    {
        disk.CreateDirectory(directory);
        var unfinished = Path.Combine(directory, Unfinished);
        using (var file = disk.Open(unfinished, create: true))
        {
            WriteAll(file, lsn, write);
        }

        disk.Rename(unfinished, Path.Combine(directory, NameOf(lsn)));
        disk.SyncDirectory(directory);
        _damaged.Remove(NameOf(lsn));
        var kept = Names().Where(one => !_damaged.Contains(one.Name)).TakeLast(Kept).ToArray();
        foreach (var one in Names().Except(kept).ToArray())
        {
            disk.Delete(Path.Combine(directory, one.Name));
        }

        return kept[0].Lsn;
    }

    private static void WriteAll(IDiskFile file, ulong lsn, Action<ChunkReader> write)
    {
        try
        {
            file.SetLength(0);
            var writer = new ChunkWriter(file, lsn);
            write(writer.Write);
            writer.Finish();
            file.Sync();
        }
        catch (DiskException e) when (e.Failure == DiskFailure.Full)
        {
            file.SetLength(0); // the room is for those who can use it
            throw;
        }
    }

    private static string NameOf(ulong lsn) => lsn.ToString("x16", CultureInfo.InvariantCulture) + Extension;

    private static bool IsWhole(IDiskFile file, ulong lsn)
    {
        var length = file.Length;
        if (length < HeadBytes + 8)
        {
            return false;
        }

        var buffer = new byte[1 << 20];
        var checksum = 0u;
        for (var at = 0L; at < length - sizeof(uint);)
        {
            var count = file.Read(buffer.AsSpan(0, (int)Math.Min(buffer.Length, length - sizeof(uint) - at)), at);
            if (count == 0)
            {
                return false;
            }

            checksum = Crc32C.Of(buffer.AsSpan(0, count), checksum);
            at += count;
        }

        file.Read(buffer.AsSpan(0, sizeof(uint)), length - sizeof(uint));
        return BinaryPrimitives.ReadUInt32LittleEndian(buffer) == checksum && file.Read(buffer.AsSpan(0, HeadBytes), 0) == HeadBytes && IsHead(buffer, lsn);
    }

    private static bool IsHead(ReadOnlySpan<byte> bytes, ulong lsn)
    {
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes) != Magic || BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]) != lsn)
        {
            return false;
        }

        return BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]) is var version && version == Version ? true
            : throw new JournalException($"a snapshot has format {version}, this Lakou reads format {Version}; use the version that wrote it");
    }

    private static void ReadChunks(IDiskFile file, ChunkReader read)
    {
        var window = new Recovery.FileWindow(file);
        for (long at = HeadBytes; BinaryPrimitives.ReadUInt32LittleEndian(window.At(at, sizeof(uint))) is var length and not End; at += sizeof(uint) + length)
        {
            read(window.At(at + sizeof(uint), (int)length));
        }
    }

    private IEnumerable<(ulong Lsn, string Name)> Names()
    {
        foreach (var name in disk.Files(directory))
        {
            if (name.Length == 16 + Extension.Length && name.EndsWith(Extension, StringComparison.Ordinal)
                && ulong.TryParse(name.AsSpan(0, 16), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var lsn)
                && NameOf(lsn) == name)
            {
                yield return (lsn, name);
            }
        }
    }

    /// <summary>Gathers chunks to large writes.</summary>
    private sealed class ChunkWriter
    {
        private readonly IDiskFile _file;
        private readonly byte[] _buffer = new byte[1 << 20];
        private long _position;
        private int _length;
        private uint _checksum;

        public ChunkWriter(IDiskFile file, ulong lsn)
        {
            _file = file;
            Span<byte> head = stackalloc byte[HeadBytes];
            BinaryPrimitives.WriteUInt32LittleEndian(head, Magic);
            BinaryPrimitives.WriteUInt32LittleEndian(head[4..], Version);
            BinaryPrimitives.WriteUInt64LittleEndian(head[8..], lsn);
            Put(head);
        }

        public void Write(ReadOnlySpan<byte> chunk)
        {
            PutLength((uint)chunk.Length);
            Put(chunk);
        }

        public void Finish()
        {
            PutLength(End);
            Flush();
            BinaryPrimitives.WriteUInt32LittleEndian(_buffer, _checksum);
            _file.Write(_buffer.AsSpan(0, sizeof(uint)), _position);
        }

        private void PutLength(uint length)
        {
            Span<byte> bytes = stackalloc byte[sizeof(uint)];
            BinaryPrimitives.WriteUInt32LittleEndian(bytes, length);
            Put(bytes);
        }

        private void Put(ReadOnlySpan<byte> bytes)
        {
            while (!bytes.IsEmpty)
            {
                var count = Math.Min(bytes.Length, _buffer.Length - _length);
                bytes[..count].CopyTo(_buffer.AsSpan(_length));
                _length += count;
                bytes = bytes[count..];
                if (_length == _buffer.Length)
                {
                    Flush();
                }
            }
        }

        private void Flush()
        {
            _checksum = Crc32C.Of(_buffer.AsSpan(0, _length), _checksum);
            _file.Write(_buffer.AsSpan(0, _length), _position);
            _position += _length;
            _length = 0;
        }
    }
}
