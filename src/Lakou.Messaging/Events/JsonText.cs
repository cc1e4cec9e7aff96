using System.Buffers;
using System.Buffers.Text;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using Lakou.Core.Faults;

namespace Lakou.Messaging.Events;

/// <summary>JSON (RFC 8259) as bytes.</summary>
internal static class JsonText
{
    /// <summary>What a byte can become: \u001f.</summary>
    public const int LongestEscape = 6;

    private const int LeastRoom = 16; // holds any escape, and any four characters of base64
    private const int MostRoom = 4096;

    /// <summary>Escapes what must be and leaves the rest readable; what is written goes to programs, not into HTML.</summary>
    private static readonly JavaScriptEncoder Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;

    /// <summary>Whether this is one JSON value in UTF-8.</summary>
    public static Fault? Check(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = EventLimits.DeepestData });
        try
        {
            while (reader.Read())
            {
            }
        }
        catch (JsonException e)
        {
            return Broken(e);
        }

        return CheckUtf8(json);
    }

    /// <summary>The reader of JSON looks at what ends a string, not at what is in it.</summary>
    public static Fault? CheckUtf8(ReadOnlySpan<byte> text)
    {
        if (Utf8.IsValid(text))
        {
            return null;
        }

        var at = 0;
        while (Rune.DecodeFromUtf8(text[at..], out _, out var length) == OperationStatus.Done)
        {
            at += length;
        }

        return EventFaults.Malformed.With($"byte {at + 1} is not of UTF-8");
    }

    public static Fault Broken(JsonException e) => EventFaults.Malformed.With(
        $"not valid JSON, or nested too deep (data may have {EventLimits.DeepestData} levels), at line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}");

    /// <summary>Escapes all of a text at once.</summary>
    /// <param name="into">With <see cref="LongestEscape"/> bytes for each byte.</param>
    public static int Escape(ReadOnlySpan<byte> utf8, Span<byte> into)
    {
        Encoder.EncodeUtf8(utf8, into, out _, out var written);
        return written;
    }

    /// <summary>A string with its quotes.</summary>
    public static void WriteString(ReadOnlySpan<byte> utf8, IBufferWriter<byte> into)
    {
        into.Write("\""u8);
        while (!utf8.IsEmpty)
        {
            Encoder.EncodeUtf8(utf8, into.GetSpan(Math.Clamp(utf8.Length, LeastRoom, MostRoom)), out var consumed, out var written);
            into.Advance(written);
            utf8 = utf8[consumed..];
        }

        into.Write("\""u8);
    }

    /// <summary>Bytes as a string of base64.</summary>
    public static void WriteBase64(ReadOnlySpan<byte> bytes, IBufferWriter<byte> into)
    {
        into.Write("\""u8);
        while (!bytes.IsEmpty)
        {
            Base64.EncodeToUtf8(bytes, into.GetSpan(Math.Clamp(Base64.GetMaxEncodedToUtf8Length(bytes.Length), LeastRoom, MostRoom)), out var consumed, out var written);
            into.Advance(written);
            bytes = bytes[consumed..];
        }

        into.Write("\""u8);
    }
}
