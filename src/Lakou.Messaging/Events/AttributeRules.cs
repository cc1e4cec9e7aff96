using System.Buffers;
using System.Text;
using System.Text.Unicode;
using Lakou.Core.Faults;

namespace Lakou.Messaging.Events;

/// <summary>Which names attributes may have, and which values (CloudEvents 1.0.2 §3).</summary>
internal static class AttributeRules
{
    /// <summary>The specification recommends at most 20; a length is one byte in a frame.</summary>
    public const int LongestName = 64;

    public const string NameRequirement = "a name is 1 to 64 of a-z and 0-9, and not 'data'";

    private static readonly SearchValues<byte> NameBytes = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789"u8);

    public static bool IsName(ReadOnlySpan<byte> name) => name.Length is > 0 and <= LongestName && !name.ContainsAnyExcept(NameBytes) && !name.SequenceEqual("data"u8);

    public static bool IsName(string name) => Ascii.IsValid(name) && IsName(Encoding.ASCII.GetBytes(name));

    /// <param name="shown">The name or the header as the client wrote it, made harmless.</param>
    public static Fault NotAName(string shown) => EventFaults.Malformed.With($"is not the name of an attribute; {NameRequirement}").At(shown);

    /// <summary>Judges a value, and tells which type an attribute of this name has.</summary>
    /// <param name="written">Integer and boolean as JSON told them apart; everything else is a string so far.</param>
    /// <returns>What is wrong; what would be right. Without the place.</returns>
    public static Fault? Check(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, AttributeType written, out AttributeType type)
    {
        type = written;
        var known = KnownAttribute.Of(name);
        if (known.Type == AttributeType.Integer)
        {
            type = AttributeType.Integer;
            return value.Length == 1 && char.IsAsciiDigit((char)value[0]) ? null : Wrong(value, "is not a priority; an integer from 0 to 9");
        }

        if (known.Type is { } stated)
        {
            type = stated;
            if (written != AttributeType.String)
            {
                return EventFaults.Malformed.With($"must be a string, not {Encoding.UTF8.GetString(value)}");
            }
        }

        return value.IsEmpty && known.MustNotBeEmpty ? EventFaults.Malformed.With("must not be empty")
            : value.Length > known.Longest ? EventFaults.TooLarge.With($"is longer than {known.Longest} bytes")
            : !IsString(value) ? Wrong(value, "holds a character that CloudEvents do not allow: no control characters, no noncharacters, valid UTF-8")
            : type == AttributeType.Uri && value.Contains((byte)' ') ? Wrong(value, "is not a URI reference; a space is written %20")
            : type == AttributeType.Timestamp && !Timestamp.IsValid(value) ? Wrong(value, "is not a time; RFC 3339, such as 2026-01-31T09:30:00Z")
            : known.IsMediaType ? CheckMediaType(value)
            : null;
    }

    private static Fault? CheckMediaType(ReadOnlySpan<byte> value) => MediaType.Of(value) switch
    {
        { Kind: MediaKind.Invalid } => Wrong(value, $"is not a media type; such as application/json, at most {MediaType.Longest} characters"),
        { Kind: MediaKind.Json, IsUtf8: false } => Wrong(value, "is no charset for JSON; UTF-8 alone"),
        { IsOfCloudEvents: true } => Wrong(value, "cannot be the media type of data: in binary mode it would announce a structured event"),
        _ => null,
    };

    /// <summary>§3.1: no control characters (C0, DEL, C1), no surrogates, no noncharacters.</summary>
    private static bool IsString(ReadOnlySpan<byte> value)
    {
        if (!value.ContainsAnyExceptInRange((byte)' ', (byte)'~'))
        {
            return true;
        }

        if (!Utf8.IsValid(value))
        {
            return false;
        }

        foreach (var rune in new Utf8Runes(value))
        {
            if (Rune.IsControl(rune) || (rune.Value & 0xfffe) == 0xfffe || rune.Value is >= 0xfdd0 and <= 0xfdef)
            {
                return false;
            }
        }

        return true;
    }

    private static Fault Wrong(ReadOnlySpan<byte> value, string why) => EventFaults.Malformed.With($"{EventFaults.Show(value)} {why}");

    /// <summary>What the specification, its partitioning extension or Lakou say of an attribute; nothing of most extensions.</summary>
    private readonly record struct KnownAttribute(AttributeType? Type, bool MustNotBeEmpty = true, int Longest = EventLimits.MostAttributeBytes, bool IsMediaType = false)
    {
        public static KnownAttribute Of(ReadOnlySpan<byte> name) =>
            name.SequenceEqual("id"u8) ? new(AttributeType.String, Longest: EventLimits.LongestId)
            : name.SequenceEqual("source"u8) || name.SequenceEqual("dataschema"u8) ? new(AttributeType.Uri)
            : name.SequenceEqual("type"u8) || name.SequenceEqual("subject"u8) || name.SequenceEqual("partitionkey"u8) ? new(AttributeType.String)
            : name.SequenceEqual("time"u8) ? new(AttributeType.Timestamp)
            : name.SequenceEqual("datacontenttype"u8) ? new(AttributeType.String, IsMediaType: true)
            : name.SequenceEqual("priority"u8) ? new(AttributeType.Integer)
            : new(null, MustNotBeEmpty: false);
    }

    private ref struct Utf8Runes(ReadOnlySpan<byte> text)
    {
        private ReadOnlySpan<byte> _rest = text;

        public Rune Current { get; private set; }

        public readonly Utf8Runes GetEnumerator() => this;

        public bool MoveNext()
        {
            var status = Rune.DecodeFromUtf8(_rest, out var rune, out var length);
            Current = rune;
            _rest = _rest[length..];
            return status == OperationStatus.Done;
        }
    }
}
