using System.Buffers;
using System.Diagnostics;
using System.Numerics;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Lakou.Http;

/// <summary>
/// Field lines of one message in order, as bytes in one owned buffer; strings are made only when somebody asks.
/// One table serves all messages of a connection, and a string that was made for a slot is used again while the bytes stay the same.
/// </summary>
/// <remarks>
/// A parser copies a whole head to the start of the buffer and marks the lines in it; later lines are appended behind.
/// <code>
/// buffer  GET / HTTP/1.1␍␊Host: a␍␊Accept: */*␍␊␍␊…appended…
/// lines                   ╰name╯ ╰value
/// </code>
/// The byte members trust their caller with the grammar; everything that takes strings checks it. Spans are good until the next change.
/// </remarks>
public sealed partial class FieldTable : IHeaderDictionary
{
    // What a small client of an API sends, and doubled until a browser's head fits (500 to 900 bytes, 16 lines): idle connections keep it.
    private const int FirstBuffer = 256;
    private const int FirstLines = 8;

    /// <summary>64 KiB: twice the largest head that the default limits admit.</summary>
    private const int LargestKept = 64 * 1024;

    private byte[] _buffer = [];
    private int _used;
    private Line[] _lines = [];
    private ulong _present;

    /// <summary>Field lines, several of one name each counted.</summary>
    public int LineCount { get; private set; }

    /// <summary>Bytes of all lines as <see cref="WriteTo"/> writes them.</summary>
    public int WireLength
    {
        get
        {
            var length = 0;
            for (var i = 0; i < LineCount; i++)
            {
                length += _lines[i].NameLength + 2 + _lines[i].ValueLength + 2;
            }

            return length;
        }
    }

    public ReadOnlySpan<byte> NameAt(int i) => NameOf(in LineAt(i));

    public ReadOnlySpan<byte> ValueAt(int i) => ValueOf(in LineAt(i));

    public KnownField KnownAt(int i) => LineAt(i).Known;

    /// <summary>The value of the first line of this field as Latin-1, empty without one; the same string as long as the bytes are the same.</summary>
    public string TextOf(KnownField field) => IndexOf(field) is >= 0 and var i ? ValueText(i) : "";

    /// <summary>Adds a line; name and value must be of the grammar (<see cref="FieldGrammar"/>).</summary>
    public void Append(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value) => Append(KnownFields.Of(name), name, value);

    /// <summary>Adds a line; the value must be of the grammar.</summary>
    public void Append(KnownField field, ReadOnlySpan<byte> value)
    {
        Debug.Assert(field != KnownField.Other, "A field without a name.");
        Append(field, KnownFields.BytesOf(field), value);
    }

    public void RemoveAt(int i)
    {
        var field = LineAt(i).Known;
        LineCount--;
        Array.Copy(_lines, i + 1, _lines, i, LineCount - i);
        if (field != KnownField.Other && IndexOf(field) < 0)
        {
            _present &= ~Bit(field);
        }
    }

    /// <summary>Removes all lines of this field; whether there were any.</summary>
    public bool Remove(KnownField field)
    {
        if (!Contains(field))
        {
            return false;
        }

        for (var i = LineCount - 1; i >= 0; i--)
        {
            if (_lines[i].Known == field)
            {
                RemoveAt(i);
            }
        }

        return true;
    }

    /// <summary>Makes this the only line of the field, where its first one stood or at the end; the value must be of the grammar.</summary>
    public void Set(KnownField field, ReadOnlySpan<byte> value)
    {
        var first = IndexOf(field);
        if (first < 0)
        {
            Append(field, value);
            return;
        }

        value.CopyTo(RoomForValue(first, value.Length));
        for (var i = LineCount - 1; i > first; i--)
        {
            if (_lines[i].Known == field)
            {
                RemoveAt(i);
            }
        }
    }

    /// <summary>The value of the first line of this field.</summary>
    public bool TryGet(KnownField field, out ReadOnlySpan<byte> value)
    {
        var i = IndexOf(field);
        value = i < 0 ? default : ValueOf(in _lines[i]);
        return i >= 0;
    }

    public int CountOf(KnownField field)
    {
        if (!Contains(field))
        {
            return 0;
        }

        var count = 0;
        for (var i = 0; i < LineCount; i++)
        {
            count += _lines[i].Known == field ? 1 : 0;
        }

        return count;
    }

    public bool Contains(KnownField field) => (_present & Bit(field)) != 0;

    /// <summary>Whether the token is a member of the field's list over all its lines, in any case (RFC 9110 §5.6.1).</summary>
    public bool ListContains(KnownField field, ReadOnlySpan<byte> token)
    {
        if (!Contains(field))
        {
            return false;
        }

        for (var i = 0; i < LineCount; i++)
        {
            if (_lines[i].Known == field && ListContains(ValueOf(in _lines[i]), token))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Empties the table and thaws it. Keeps buffer and strings, but lets go of more than 64 KiB of either.</summary>
    public void Clear()
    {
        if (_buffer.Length > LargestKept)
        {
            _buffer = [];
        }

        LimitStrings();
        _used = 0;
        LineCount = 0;
        _present = 0;
        IsReadOnly = false;
    }

    /// <summary><see cref="Clear"/>, and lets go of all memory: for a connection that becomes idle.</summary>
    public void Release()
    {
        Clear();
        _buffer = [];
        _lines = [];
        _cachedChars = 0;
    }

    /// <summary>Writes all lines as <c>name: value CRLF</c> and returns <see cref="WireLength"/>, which the target must have room for.</summary>
    public int WriteTo(Span<byte> target)
    {
        var at = 0;
        for (var i = 0; i < LineCount; i++)
        {
            var name = NameOf(in _lines[i]);
            var value = ValueOf(in _lines[i]);
            name.CopyTo(target[at..]);
            at += name.Length;
            target[at++] = (byte)':';
            target[at++] = (byte)' ';
            value.CopyTo(target[at..]);
            at += value.Length;
            target[at++] = (byte)'\r';
            target[at++] = (byte)'\n';
        }

        return at;
    }

    /// <summary>Adds all lines of another table, in one copy, but those of the given fields.</summary>
    public void AppendAll(FieldTable source, FieldSet except)
    {
        var at = _used;
        AppendRaw(source.Raw);
        for (var i = 0; i < source.LineCount; i++)
        {
            ref readonly var line = ref source._lines[i];
            if (!except.Contains(line.Known))
            {
                AddLine(line.Known, at + line.NameStart, line.NameLength, at + line.ValueStart, line.ValueLength);
            }
        }
    }

    /// <summary>Writes all lines but those of the given fields, neighbours that stand as they are to be written in one copy.</summary>
    public void WriteLines(ref HeadBuffer head, FieldSet except)
    {
        for (var i = 0; i < LineCount;)
        {
            if (except.Contains(_lines[i].Known))
            {
                i++;
                continue;
            }

            if (!IsWire(in _lines[i], out var end))
            {
                head.Field(NameOf(in _lines[i]), ValueOf(in _lines[i]));
                i++;
                continue;
            }

            var start = _lines[i++].NameStart;
            while (i < LineCount && _lines[i].NameStart == end && !except.Contains(_lines[i].Known) && IsWire(in _lines[i], out var next))
            {
                end = next;
                i++;
            }

            head.Write(_buffer.AsSpan(start, end - start));
        }
    }

    /// <summary>Whether the line stands in the buffer as <c>name: value CRLF</c>, and where that ends.</summary>
    private bool IsWire(in Line line, out int end)
    {
        var colon = line.NameStart + line.NameLength;
        end = line.ValueStart + line.ValueLength + 2;
        return line.ValueStart == colon + 2 && end <= _used
            && _buffer[colon] == ':' && _buffer[colon + 1] == ' ' && _buffer[end - 2] == '\r' && _buffer[end - 1] == '\n';
    }

    /// <summary>The bytes that a parser has copied here so far.</summary>
    internal ReadOnlySpan<byte> Raw => _buffer.AsSpan(0, _used);

    /// <summary>Copies what is new of a head, up to the limit; nothing behind the head when all of it is in the first segment, which is the rule.</summary>
    /// <param name="input">All bytes from the beginning of the head.</param>
    /// <param name="bytesMax">Of the head.</param>
    internal void Gather(in ReadOnlySequence<byte> input, int bytesMax)
    {
        if (_used == 0 && input.FirstSpan.IndexOf("\r\n\r\n"u8) is >= 0 and var end)
        {
            AppendRaw(input.FirstSpan[..Math.Min(end + 4, bytesMax)]);
            return;
        }

        foreach (var segment in input.Slice(_used))
        {
            AppendRaw(segment.Span[..Math.Min(segment.Length, bytesMax - _used)]);
        }
    }

    internal void AppendRaw(ReadOnlySpan<byte> bytes)
    {
        Reserve(bytes.Length);
        bytes.CopyTo(_buffer.AsSpan(_used));
        _used += bytes.Length;
    }

    /// <summary>Forgets what was copied from behind the head.</summary>
    internal void TruncateRaw(int length) => _used = length;

    /// <summary>Marks a line inside <see cref="Raw"/>.</summary>
    internal void AddLine(KnownField known, int nameStart, int nameLength, int valueStart, int valueLength)
    {
        if (LineCount == _lines.Length)
        {
            Array.Resize(ref _lines, Math.Max(FirstLines, LineCount * 2));
        }

        // The slot keeps the strings made for an earlier message.
        ref var line = ref _lines[LineCount++];
        line.Known = known;
        line.NameStart = nameStart;
        line.NameLength = nameLength;
        line.ValueStart = valueStart;
        line.ValueLength = valueLength;
        _present |= Bit(known);
    }

    private static ulong Bit(KnownField field) => field == KnownField.Other ? 0 : 1ul << (int)field;

    private static bool ListContains(ReadOnlySpan<byte> list, ReadOnlySpan<byte> token)
    {
        while (true)
        {
            var comma = list.IndexOf((byte)',');
            if (Ascii.EqualsIgnoreCase(FieldGrammar.TrimOws(comma < 0 ? list : list[..comma]), token))
            {
                return true;
            }

            if (comma < 0)
            {
                return false;
            }

            list = list[(comma + 1)..];
        }
    }

    private void Append(KnownField field, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        Debug.Assert(FieldGrammar.IsToken(name) && FieldGrammar.IsValue(value), "The caller answers for the grammar.");
        // Reserving may replace the buffer; spans into the old one stay readable.
        Reserve(name.Length + value.Length);
        var start = _used;
        name.CopyTo(_buffer.AsSpan(start));
        value.CopyTo(_buffer.AsSpan(start + name.Length));
        _used += name.Length + value.Length;
        AddLine(field, start, name.Length, start + name.Length, value.Length);
    }

    private void Reserve(int more)
    {
        if (_buffer.Length - _used < more)
        {
            var size = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(FirstBuffer, checked(_used + more)));
            Array.Resize(ref _buffer, size);
        }
    }

    /// <summary>Where a line's new value goes: into the place of the old one when it fits, else to the end.</summary>
    private Span<byte> RoomForValue(int i, int length)
    {
        if (length > _lines[i].ValueLength)
        {
            Reserve(length);
            _lines[i].ValueStart = _used;
            _used += length;
        }

        _lines[i].ValueLength = length;
        return _buffer.AsSpan(_lines[i].ValueStart, length);
    }

    private int IndexOf(KnownField field)
    {
        if (Contains(field))
        {
            for (var i = 0; i < LineCount; i++)
            {
                if (_lines[i].Known == field)
                {
                    return i;
                }
            }
        }

        return -1;
    }

    private ref Line LineAt(int i)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)i, (uint)LineCount, nameof(i));
        return ref _lines[i];
    }

    private ReadOnlySpan<byte> NameOf(in Line line) => _buffer.AsSpan(line.NameStart, line.NameLength);

    private ReadOnlySpan<byte> ValueOf(in Line line) => _buffer.AsSpan(line.ValueStart, line.ValueLength);

    private struct Line
    {
        public KnownField Known;
        public int NameStart;
        public int NameLength;
        public int ValueStart;
        public int ValueLength;

        /// <summary>The last strings made in this slot; good only while they equal the bytes.</summary>
        public string? NameText;
        public string? ValueText;
    }
}
