using System.Buffers;
using System.Text;

namespace Lakou.Messaging.Events;

internal enum MediaKind
{
    /// <summary>Not of the grammar of RFC 9110 §8.3.1.</summary>
    Invalid,

    Bytes,
    Text,
    Json,

    /// <summary><c>application/cloudevents+json</c></summary>
    Structured,

    /// <summary><c>application/cloudevents-batch+json</c></summary>
    Batch,

    /// <summary>A format of CloudEvents that is not read here.</summary>
    OtherCloudEvents,
}

/// <summary>What a media type says about the bytes that it is stated of.</summary>
/// <param name="IsUtf8">Whether a charset, if there is one, is UTF-8 or its part US-ASCII.</param>
internal readonly record struct MediaType(MediaKind Kind, bool IsUtf8 = true)
{
    /// <summary>RFC 6838 §4.2 allows 127 characters to each of type and subtype; the rest is for a charset.</summary>
    public const int Longest = 300;

    private static readonly SearchValues<byte> TokenBytes = SearchValues.Create("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"u8);

    public bool IsOfCloudEvents => Kind is MediaKind.Structured or MediaKind.Batch or MediaKind.OtherCloudEvents;

    public static MediaType Of(ReadOnlySpan<byte> text)
    {
        if (text.Length > Longest)
        {
            return default;
        }

        var end = text.IndexOf((byte)';');
        var essence = (end < 0 ? text : text[..end]).Trim(" \t"u8);
        var slash = essence.IndexOf((byte)'/');
        if (slash < 0 || !IsToken(essence[..slash]) || !IsToken(essence[(slash + 1)..]) || !AreParameters(end < 0 ? [] : text[end..], out var isUtf8))
        {
            return default;
        }

        return new(KindOf(essence[..slash], essence[(slash + 1)..]), isUtf8);
    }

    private static MediaKind KindOf(ReadOnlySpan<byte> type, ReadOnlySpan<byte> subtype) =>
        Is(type, "application"u8) && StartsWith(subtype, "cloudevents"u8) ? Is(subtype, "cloudevents+json"u8) ? MediaKind.Structured
            : Is(subtype, "cloudevents-batch+json"u8) ? MediaKind.Batch
            : MediaKind.OtherCloudEvents
        : Is(subtype, "json"u8) || EndsWith(subtype, "+json"u8) ? MediaKind.Json
        : Is(type, "text"u8) || Is(subtype, "xml"u8) || EndsWith(subtype, "+xml"u8) ? MediaKind.Text
        : MediaKind.Bytes;

    /// <summary><c>*( OWS ";" OWS [ token "=" ( token / quoted-string ) ] )</c></summary>
    private static bool AreParameters(ReadOnlySpan<byte> text, out bool isUtf8)
    {
        isUtf8 = true;
        while (!(text = text.Trim(" \t"u8)).IsEmpty)
        {
            if (text[0] != ';')
            {
                return false;
            }

            text = text[1..].TrimStart(" \t"u8);
            if (text.IsEmpty || text[0] == ';')
            {
                continue;
            }

            var equals = text.IndexOf((byte)'=');
            if (equals < 0 || !IsToken(text[..equals]))
            {
                return false;
            }

            var name = text[..equals];
            text = text[(equals + 1)..];
            var length = ValueLength(text);
            if (length == 0)
            {
                return false;
            }

            isUtf8 &= !Is(name, "charset"u8) || IsUtf8Name(text[..length].Trim((byte)'"'));
            text = text[length..];
        }

        return true;
    }

    /// <summary>0 when there is no value.</summary>
    private static int ValueLength(ReadOnlySpan<byte> text)
    {
        if (text.IsEmpty || text[0] != '"')
        {
            var end = text.IndexOfAnyExcept(TokenBytes);
            return end < 0 ? text.Length : end;
        }

        var isEscaped = false;
        for (var at = 1; at < text.Length && text[at] is >= (byte)' ' and <= (byte)'~'; at++)
        {
            if (!isEscaped && text[at] == '"')
            {
                return at + 1;
            }

            isEscaped = !isEscaped && text[at] == '\\';
        }

        return 0;
    }

    private static bool IsUtf8Name(ReadOnlySpan<byte> charset) => Is(charset, "utf-8"u8) || Is(charset, "utf8"u8) || Is(charset, "us-ascii"u8);

    private static bool IsToken(ReadOnlySpan<byte> text) => !text.IsEmpty && !text.ContainsAnyExcept(TokenBytes);

    private static bool Is(ReadOnlySpan<byte> text, ReadOnlySpan<byte> lower) => Ascii.EqualsIgnoreCase(text, lower);

    private static bool StartsWith(ReadOnlySpan<byte> text, ReadOnlySpan<byte> lower) => text.Length >= lower.Length && Is(text[..lower.Length], lower);

    private static bool EndsWith(ReadOnlySpan<byte> text, ReadOnlySpan<byte> lower) => text.Length >= lower.Length && Is(text[^lower.Length..], lower);
}
