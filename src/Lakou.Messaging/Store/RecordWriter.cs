using System.Buffers.Binary;
using System.Text;

namespace Lakou.Messaging.Store;

/// <summary>Writes the payload of a record or of a snapshot's chunk: little endian, texts and byte strings behind their length. Used again and again by its owner.</summary>
internal sealed class RecordWriter
{
    private const int KeptBytes = 1 << 20; // batches of some hundred events; larger ones are rare

    private byte[] _buffer = new byte[4096];
    private int _length;

    public ReadOnlySpan<byte> Written => _buffer.AsSpan(0, _length);

    public int Length => _length;

    public RecordWriter Begin(RecordKind kind)
    {
        _length = 0;
        return Byte((byte)kind);
    }

    public RecordWriter Byte(byte value)
    {
        Take(1)[0] = value;
        return this;
    }

    public RecordWriter Flag(bool value) => Byte(value ? (byte)1 : (byte)0);

    public RecordWriter Short(int value)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(Take(2), checked((ushort)value));
        return this;
    }

    public RecordWriter Int(int value)
    {
        BinaryPrimitives.WriteInt32LittleEndian(Take(4), value);
        return this;
    }

    public RecordWriter Long(long value)
    {
        BinaryPrimitives.WriteInt64LittleEndian(Take(8), value);
        return this;
    }

    public RecordWriter Long(ulong value)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(Take(8), value);
        return this;
    }

    public RecordWriter Hash(UInt128 value)
    {
        BinaryPrimitives.WriteUInt128LittleEndian(Take(16), value);
        return this;
    }

    public RecordWriter Text(string value)
    {
        var bytes = Encoding.UTF8.GetByteCount(value);
        Int(bytes);
        Encoding.UTF8.GetBytes(value, Take(bytes));
        return this;
    }

    public RecordWriter Bytes(ReadOnlySpan<byte> value)
    {
        Int(value.Length);
        value.CopyTo(Take(value.Length));
        return this;
    }

    /// <summary>Bytes as they are, without their length: the end of a record.</summary>
    public RecordWriter Raw(ReadOnlySpan<byte> value)
    {
        value.CopyTo(Take(value.Length));
        return this;
    }

    /// <summary>Gives back what a large record needed.</summary>
    public void Shrink()
    {
        if (_buffer.Length > KeptBytes)
        {
            (_buffer, _length) = (new byte[KeptBytes], 0);
        }
    }

    /// <summary>Writes a number over one that was written before it was known.</summary>
    public void PutInt(int at, int value) => BinaryPrimitives.WriteInt32LittleEndian(_buffer.AsSpan(at), value);

    private Span<byte> Take(int bytes)
    {
        if (_length + bytes > _buffer.Length)
        {
            Array.Resize(ref _buffer, Math.Max(_length + bytes, _buffer.Length * 2));
        }

        _length += bytes;
        return _buffer.AsSpan(_length - bytes, bytes);
    }
}

/// <summary>Reads what <see cref="RecordWriter"/> wrote. Reading beyond the end throws: checksums have passed, so only a mistake of ours leads there.</summary>
internal ref struct RecordReader
{
    private ReadOnlySpan<byte> _rest;

    public RecordReader(ReadOnlySpan<byte> payload)
    {
        _rest = payload;
        Kind = (RecordKind)Byte();
    }

    public RecordKind Kind { get; }

    /// <summary>What was not read yet.</summary>
    public readonly ReadOnlySpan<byte> Rest => _rest;

    public byte Byte() => Take(1)[0];

    public bool Flag() => Byte() != 0;

    public int Short() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2));

    public int Int() => BinaryPrimitives.ReadInt32LittleEndian(Take(4));

    public long Long() => BinaryPrimitives.ReadInt64LittleEndian(Take(8));

    public ulong ULong() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    public UInt128 Hash() => BinaryPrimitives.ReadUInt128LittleEndian(Take(16));

    public string Text() => Encoding.UTF8.GetString(Take(Int()));

    public ReadOnlySpan<byte> Bytes() => Take(Int());

    private ReadOnlySpan<byte> Take(int bytes)
    {
        var taken = _rest[..bytes];
        _rest = _rest[bytes..];
        return taken;
    }
}
