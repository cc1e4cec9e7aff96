using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Lakou.Core.Faults;
using Lakou.Core.Hashing;

namespace Lakou.Messaging.Events;

/// <summary>
/// Writes one frame at the end of a batch: attributes, then data, then <see cref="End"/>. Values are decoded straight into the frame and judged there;
/// after a fault the batch is to be cleared.
/// </summary>
internal ref struct FrameBuilder
{
    private readonly EventBatch _batch;
    private readonly EventTerms _terms;
    private readonly int _start;
    private int _attributes;
    private int _attributeBytes;
    private int _openName;
    private byte _priority = EventFrame.DefaultPriority;
    private FrameFlags _flags = FrameFlags.NoData;

    public FrameBuilder(EventBatch batch, EventTerms terms)
    {
        (_batch, _terms, _start) = (batch, terms, batch.Length);
        const int Heads = EventFrame.HeadLength + EventFrame.BodyHeadLength;
        batch.Reserve(Heads)[..Heads].Clear();
        batch.Advance(Heads);
    }

    /// <summary>Begins an attribute.</summary>
    /// <param name="name">One that <see cref="AttributeRules.IsName(ReadOnlySpan{byte})"/>.</param>
    /// <param name="most">How long the value can become.</param>
    /// <param name="value">Where to write it, before <see cref="Close"/>.</param>
    public Fault? Open(scoped ReadOnlySpan<byte> name, int most, out Span<byte> value)
    {
        value = default;
        if (_attributes == EventLimits.MostAttributes)
        {
            return EventFaults.TooLarge.With($"is one attribute too many; at most {EventLimits.MostAttributes}");
        }

        if (most > JsonText.LongestEscape * EventLimits.MostAttributeBytes)
        {
            return TooManyAttributeBytes();
        }

        var room = _batch.Reserve(EventAttribute.Overhead + name.Length + most);
        room[0] = (byte)name.Length;
        name.CopyTo(room[1..]);
        _openName = name.Length;
        value = room.Slice(EventAttribute.Overhead + name.Length, most);
        return null;
    }

    /// <summary>Ends the attribute that was opened.</summary>
    /// <param name="length">Of the value that was written.</param>
    public Fault? Close(int length, AttributeType written)
    {
        var room = _batch.Reserve(0);
        var name = room.Slice(1, _openName);
        var value = room.Slice(EventAttribute.Overhead + _openName, length);
        if (AttributeRules.Check(name, value, written, out var type) is { } fault)
        {
            return fault;
        }

        _attributeBytes += name.Length + length;
        if (_attributeBytes > EventLimits.MostAttributeBytes)
        {
            return TooManyAttributeBytes();
        }

        room[1 + _openName] = (byte)type;
        BinaryPrimitives.WriteUInt32LittleEndian(room[(2 + _openName)..], (uint)length);
        _priority = name.SequenceEqual("priority"u8) ? (byte)(value[0] - '0') : _priority;
        _attributes++;
        _batch.Advance(EventAttribute.Overhead + _openName + length);
        return null;
    }

    /// <summary>A whole attribute.</summary>
    public Fault? Add(scoped ReadOnlySpan<byte> name, scoped ReadOnlySpan<byte> value, AttributeType written = AttributeType.String)
    {
        if (Open(name, value.Length, out var room) is { } fault)
        {
            return fault;
        }

        value.CopyTo(room);
        return Close(value.Length, written);
    }

    /// <summary>The trace context of the batch, unless the event brought one: the distributed tracing extension of CloudEvents.</summary>
    public Fault? AddTrace()
    {
        if (_batch.Traceparent is not { } traceparent || _attributes >= EventLimits.MostAttributes - 1 || TryGet("traceparent"u8, out _))
        {
            return null;
        }

        return AddAscii("traceparent"u8, traceparent) ?? (_batch.Tracestate is { Length: > 0 } state && !TryGet("tracestate"u8, out _) ? AddAscii("tracestate"u8, state) : null);
    }

    private Fault? AddAscii(scoped ReadOnlySpan<byte> name, string value)
    {
        if (Open(name, value.Length, out var room) is { } fault)
        {
            return fault;
        }

        Encoding.ASCII.GetBytes(value, room);
        return Close(value.Length, AttributeType.String);
    }

    /// <summary>Room for the data, after all attributes.</summary>
    public readonly Span<byte> OpenData(int most) => _batch.Reserve(most)[..most];

    /// <param name="kind">Bytes, text or JSON.</param>
    public void CloseData(int length, FrameFlags kind)
    {
        _flags = kind;
        _batch.Advance(length);
    }

    public void AddData(scoped ReadOnlySpan<byte> data, FrameFlags kind)
    {
        data.CopyTo(OpenData(data.Length));
        CloseData(data.Length, kind);
    }

    /// <summary>An attribute that was added before.</summary>
    public readonly bool TryGet(scoped ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(_batch.From(_start)[EventFrame.AttributeCountAt..], (ushort)_attributes);
        var found = new EventFrame(_batch.From(_start)).TryGet(name, out var attribute);
        value = attribute.Value;
        return found;
    }

    /// <summary>Finishes the frame, but for what <see cref="EventFrame.Seal"/> sets, and makes it the batch's last event.</summary>
    public readonly Fault? End(bool hasClientId)
    {
        var bodyLength = _batch.Length - _start - EventFrame.HeadLength;
        if (bodyLength > _terms.Limits.EventBytes)
        {
            return TooLargeEvent(_terms.Limits);
        }

        if (_batch.Length > _terms.Limits.BatchBytes)
        {
            return EventFaults.TooLarge.With($"together the events are larger than {_terms.Limits.BatchBytes} bytes");
        }

        var hasKey = TryGet(_terms.Key, out var key) && !key.IsEmpty;
        var keyHash = hasKey ? KeyHash.Of(key) : 0;
        var dedup = hasClientId && _terms.IsDeduplicated ? DedupHash() : 0;
        var frame = _batch.From(_start);
        BinaryPrimitives.WriteUInt32LittleEndian(frame, (uint)bodyLength);
        frame[EventFrame.FlagsAt] = (byte)(_flags | (hasKey ? FrameFlags.HasKey : FrameFlags.None));
        frame[EventFrame.PriorityAt] = _priority;
        BinaryPrimitives.WriteUInt64LittleEndian(frame[EventFrame.KeyHashAt..], keyHash);
        BinaryPrimitives.WriteUInt32LittleEndian(frame[EventFrame.BodyChecksumAt..], Crc32C.Of(frame[EventFrame.HeadLength..]));
        _batch.Add(new(_start, frame.Length, keyHash, hasKey, _priority, hasClientId, dedup));
        return null;
    }

    public static Fault TooLargeEvent(EventLimits limits) => EventFaults.TooLarge.With($"the event is larger than {limits.EventBytes} bytes");

    private static Fault TooManyAttributeBytes() =>
        EventFaults.TooLarge.With($"with this one the attributes are longer than {EventLimits.MostAttributeBytes} bytes together");

    private readonly UInt128 DedupHash()
    {
        var scratch = _batch.Reserve(_attributeBytes); // the names of the two are longer than the four bytes of a length
        var frame = new EventFrame(_batch.From(_start));
        var source = frame.Source;
        var id = frame.Id;
        BinaryPrimitives.WriteUInt32LittleEndian(scratch, (uint)source.Length);
        source.CopyTo(scratch[sizeof(uint)..]);
        id.CopyTo(scratch[(sizeof(uint) + source.Length)..]);

        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(scratch[..(sizeof(uint) + source.Length + id.Length)], hash);
        return BinaryPrimitives.ReadUInt128LittleEndian(hash);
    }
}
