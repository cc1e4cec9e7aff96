using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Lakou.Core.Faults;

namespace Lakou.Messaging.Events;

/// <summary>
/// Events in the JSON format of CloudEvents 1.0.2: one, or an array of them. An object's members may come in any order, so they are noted as places in
/// the body first, and written when the object ends.
/// </summary>
internal ref struct JsonEvents
{
    private readonly ReadOnlySpan<byte> _body;
    private readonly EventTerms _terms;
    private readonly EventBatch _into;
    private readonly Span<Member> _others;
    private Utf8JsonReader _json;
    private KnownMembers _known;
    private int _otherCount;
    private int _index;

    private JsonEvents(ReadOnlySpan<byte> body, int levelsAroundData, Span<Member> others, EventTerms terms, EventBatch into)
    {
        (_terms, _into, _index) = (terms, into, -1);
        _body = body;
        _others = others;
        _json = new(body, new JsonReaderOptions { MaxDepth = EventLimits.DeepestData + levelsAroundData });
    }

    public static Fault? ReadOne(ReadOnlySpan<byte> body, EventTerms terms, EventBatch into)
    {
        var events = new JsonEvents(body, 1, stackalloc Member[EventLimits.MostAttributes], terms, into);
        return events.Read(isBatch: false);
    }

    public static Fault? ReadBatch(ReadOnlySpan<byte> body, EventTerms terms, EventBatch into)
    {
        var events = new JsonEvents(body, 2, stackalloc Member[EventLimits.MostAttributes], terms, into);
        return events.Read(isBatch: true);
    }

    private Fault? Read(bool isBatch)
    {
        if (JsonText.CheckUtf8(_body) is { } notUtf8)
        {
            return notUtf8.At("body");
        }

        try
        {
            _json.Read();
            var fault = isBatch ? ReadArray() : ReadEvent();
            _ = fault is null && _json.Read(); // nothing may follow
            return fault;
        }
        catch (JsonException e)
        {
            return JsonText.Broken(e).At("body");
        }
    }

    private Fault? ReadArray()
    {
        if (_json.TokenType != JsonTokenType.StartArray)
        {
            return EventFaults.Malformed.With("body: not a batch; an array of events");
        }

        for (_index = 0; _json.Read() && _json.TokenType != JsonTokenType.EndArray; _index++)
        {
            if (ReadEvent() is { } fault)
            {
                return fault;
            }
        }

        return null;
    }

    private Fault? ReadEvent()
    {
        if (_json.TokenType != JsonTokenType.StartObject)
        {
            return EventFaults.Malformed.With("not an event; a JSON object").At(EventPlace());
        }

        (_known, _otherCount) = (default, 0);
        while (_json.Read() && _json.TokenType == JsonTokenType.PropertyName)
        {
            if (ReadMember() is { } fault)
            {
                return fault;
            }
        }

        return WriteFrame();
    }

    private Fault? ReadMember()
    {
        var name = _json.ValueSpan;
        var member = new Member { NameStart = (int)_json.TokenStartIndex + 1, NameLength = name.Length };
        var known = KnownMembers.IndexOf(name);
        _json.Read();
        (member.Type, member.Start, member.IsEscaped) = (_json.TokenType, (int)_json.TokenStartIndex, _json.ValueIsEscaped);
        if (_json.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray)
        {
            if (known != KnownMembers.Data)
            {
                return EventFaults.Malformed.With("must be a string, an integer or a boolean; only data may be an object or an array").At(Place(name));
            }

            _json.Skip();
        }

        member.Length = (int)_json.BytesConsumed - member.Start;
        if (known < 0)
        {
            return NoteOther(member, name);
        }

        if (_known[known].Type != JsonTokenType.None)
        {
            return Twice(name);
        }

        _known[known] = member;
        return null;
    }

    private Fault? NoteOther(in Member member, ReadOnlySpan<byte> name)
    {
        if (!AttributeRules.IsName(name))
        {
            return AttributeRules.NotAName(Place(name));
        }

        foreach (var other in _others[.._otherCount])
        {
            if (NameOf(other).SequenceEqual(name))
            {
                return Twice(name);
            }
        }

        if (_otherCount == _others.Length)
        {
            return EventFaults.TooLarge.With($"is one attribute too many; at most {EventLimits.MostAttributes}").At(Place(name));
        }

        _others[_otherCount++] = member;
        return null;
    }

    private Fault? WriteFrame()
    {
        var version = _known[KnownMembers.SpecVersion];
        if (version.Type != JsonTokenType.String || !Raw(version).SequenceEqual("\"1.0\""u8))
        {
            var wrong = version.IsUnset ? "missing" : $"{EventFaults.Show(Raw(version))} is not a version that is read here";
            return EventFaults.Malformed.With($"{wrong}; \"1.0\"").At(Place("specversion"u8));
        }

        var builder = new FrameBuilder(_into, _terms);
        return AddRequired(ref builder, KnownMembers.Id) ?? AddRequired(ref builder, KnownMembers.Source) ?? AddRequired(ref builder, KnownMembers.Type)
            ?? AddOthers(ref builder) ?? builder.AddTrace()?.At("traceparent") ?? AddData(ref builder) ?? builder.End(hasClientId: true)?.At(EventPlace());
    }

    private readonly Fault? AddRequired(scoped ref FrameBuilder builder, int index) => _known[index].IsUnset
        ? EventFaults.Malformed.With("missing; every event has specversion, id, source and type").At(Place(KnownMembers.NameOf(index)))
        : Add(ref builder, _known[index]);

    private readonly Fault? AddOthers(scoped ref FrameBuilder builder)
    {
        foreach (var other in _others[.._otherCount])
        {
            // JSON format §2.2: null is the same as nothing.
            if (!other.IsUnset && Add(ref builder, other) is { } fault)
            {
                return fault;
            }
        }

        return null;
    }

    private readonly Fault? Add(scoped ref FrameBuilder builder, in Member member)
    {
        var name = NameOf(member);
        var raw = Raw(member);
        var fault = member.Type switch
        {
            JsonTokenType.String => AddString(ref builder, name, member),
            JsonTokenType.Number => AddInteger(ref builder, name, raw),
            _ => builder.Add(name, raw, AttributeType.Boolean),
        };
        return fault?.At(Place(name));
    }

    private readonly Fault? AddString(scoped ref FrameBuilder builder, scoped ReadOnlySpan<byte> name, in Member member)
    {
        if (builder.Open(name, member.Length, out var room) is { } fault)
        {
            return fault;
        }

        return TryCopyString(member, room, out var length) ? builder.Close(length, AttributeType.String) : HalfSurrogate();
    }

    /// <summary>§3.1: an integer is one of 32 bits, without fraction and exponent.</summary>
    private static Fault? AddInteger(scoped ref FrameBuilder builder, scoped ReadOnlySpan<byte> name, scoped ReadOnlySpan<byte> raw)
    {
        if (!Utf8Parser.TryParse(raw, out int integer, out var consumed) || consumed != raw.Length)
        {
            return EventFaults.Malformed.With($"{EventFaults.Show(raw)} is not an integer of 32 bits; other numbers are written as strings");
        }

        Span<byte> text = stackalloc byte[11]; // -2147483648
        integer.TryFormat(text, out var length, provider: CultureInfo.InvariantCulture);
        return builder.Add(name, text[..length], AttributeType.Integer);
    }

    private readonly Fault? AddData(scoped ref FrameBuilder builder)
    {
        var data = _known[KnownMembers.Data];
        var base64 = _known[KnownMembers.DataBase64];
        if (data.Type != JsonTokenType.None && !base64.IsUnset)
        {
            return EventFaults.Malformed.With("there beside data; one of them").At(Place("data_base64"u8));
        }

        var media = builder.TryGet("datacontenttype"u8, out var stated) ? MediaType.Of(stated) : new(MediaKind.Json); // §3.1.1: JSON when nothing is said
        if (!base64.IsUnset)
        {
            return AddBase64(ref builder, base64, stated.IsEmpty ? new(MediaKind.Bytes) : media)?.At(Place("data_base64"u8));
        }

        if (data.Type == JsonTokenType.None)
        {
            return null;
        }

        return (media.Kind == MediaKind.Json ? AddJson(ref builder, data) : AddText(ref builder, data, media))?.At(Place("data"u8));
    }

    private readonly Fault? AddJson(scoped ref FrameBuilder builder, in Member data)
    {
        if (data.Length > _terms.Limits.EventBytes)
        {
            return FrameBuilder.TooLargeEvent(_terms.Limits);
        }

        builder.AddData(Raw(data), FrameFlags.Json);
        return null;
    }

    private readonly Fault? AddText(scoped ref FrameBuilder builder, in Member data, MediaType media)
    {
        if (data.Type != JsonTokenType.String || !media.IsUtf8)
        {
            return EventFaults.Malformed.With(media.IsUtf8
                ? "must be a string, since datacontenttype is not of JSON; or data_base64"
                : "cannot be a string of another charset than UTF-8; data_base64 can");
        }

        var room = builder.OpenData(data.Length);
        if (!TryCopyString(data, room, out var length))
        {
            return HalfSurrogate();
        }

        builder.CloseData(length, FrameFlags.Text);
        return null;
    }

    private readonly Fault? AddBase64(scoped ref FrameBuilder builder, in Member data, MediaType media)
    {
        if (data.Type != JsonTokenType.String)
        {
            return EventFaults.Malformed.With("must be a string of base64");
        }

        var room = builder.OpenData(data.Length);
        if (!TryCopyString(data, room, out var length) || room[..length].ContainsAny(" \t\r\n"u8)
            || Base64.DecodeFromUtf8InPlace(room[..length], out length) != OperationStatus.Done)
        {
            return EventFaults.Malformed.With("not base64; RFC 4648 §4, with padding");
        }

        if (media.Kind == MediaKind.Json && JsonText.Check(room[..length]) is { } fault)
        {
            return fault;
        }

        builder.CloseData(length, DataKinds.KindOf(media, room[..length]));
        return null;
    }

    /// <summary>The text of a string without quotes and escapes. False when it holds half of a surrogate pair.</summary>
    private readonly bool TryCopyString(in Member member, Span<byte> into, out int length)
    {
        var raw = Raw(member);
        if (!member.IsEscaped)
        {
            length = raw.Length - 2;
            raw[1..^1].CopyTo(into);
            return true;
        }

        try
        {
            var reader = new Utf8JsonReader(raw);
            reader.Read();
            length = reader.CopyString(into);
            return true;
        }
        catch (InvalidOperationException)
        {
            length = 0;
            return false;
        }
    }

    private static Fault HalfSurrogate() => EventFaults.Malformed.With("holds half of a surrogate pair");

    private readonly Fault Twice(ReadOnlySpan<byte> name) => EventFaults.Malformed.With("there twice; once").At(Place(name));

    private readonly ReadOnlySpan<byte> NameOf(in Member member) => _body.Slice(member.NameStart, member.NameLength);

    /// <summary>The value as it stands in the body; a string with its quotes.</summary>
    private readonly ReadOnlySpan<byte> Raw(in Member member) => _body.Slice(member.Start, member.Length);

    /// <summary><c>time</c>, and in a batch <c>[2].time</c>.</summary>
    private readonly string Place(ReadOnlySpan<byte> name)
    {
        var shown = AttributeRules.IsName(name) || KnownMembers.IndexOf(name) >= 0 ? Encoding.UTF8.GetString(name) : EventFaults.Show(name);
        return _index < 0 ? shown : $"[{_index}].{shown}";
    }

    private readonly string EventPlace() => _index < 0 ? "event" : $"[{_index}]";

    /// <summary>Where a member stands in the body.</summary>
    private struct Member
    {
        public int NameStart;
        public int NameLength;
        public int Start;
        public int Length;
        public JsonTokenType Type;
        public bool IsEscaped;

        /// <summary>Not there, or null.</summary>
        public readonly bool IsUnset => Type is JsonTokenType.None or JsonTokenType.Null;
    }

    /// <summary>The members that do not stay in the order in which they came.</summary>
    [InlineArray(Count)]
    private struct KnownMembers
    {
        public const int Id = 0;
        public const int Source = 1;
        public const int Type = 2;
        public const int SpecVersion = 3;
        public const int Data = 4;
        public const int DataBase64 = 5;
        private const int Count = 6;

        private Member _first;

        /// <summary>-1 for any other.</summary>
        public static int IndexOf(ReadOnlySpan<byte> name)
        {
            for (var i = 0; i < Count; i++)
            {
                if (NameOf(i).SequenceEqual(name))
                {
                    return i;
                }
            }

            return -1;
        }

        public static ReadOnlySpan<byte> NameOf(int index) => index switch
        {
            Id => "id"u8,
            Source => "source"u8,
            Type => "type"u8,
            SpecVersion => "specversion"u8,
            Data => "data"u8,
            _ => "data_base64"u8,
        };
    }
}
