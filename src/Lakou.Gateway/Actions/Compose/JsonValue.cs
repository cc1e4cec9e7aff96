using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Lakou.Gateway.Actions.Compose;

/// <summary>Whether bytes can stand inside a JSON text as they are (RFC 8259): one value, well-formed, in UTF-8, of bounded depth.</summary>
internal static class JsonValue
{
    /// <summary>Of an answer as a whole: what System.Text.Json, and with it many clients, reads by default.</summary>
    public const int MostDepth = 64;

    /// <returns>What is wrong; null for a value.</returns>
    public static string? Check(in ReadOnlySequence<byte> bytes, int mostDepth)
    {
        var reader = new Utf8JsonReader(bytes, new JsonReaderOptions { MaxDepth = mostDepth });
        try
        {
            while (reader.Read())
            {
            }
        }
        catch (JsonException e)
        {
            return e.Message;
        }

        // The reader looks at what ends a string, not at what is in it.
        return IsUtf8(bytes) ? null : "It is not in UTF-8.";
    }

    private static bool IsUtf8(in ReadOnlySequence<byte> bytes)
    {
        Span<byte> split = stackalloc byte[4]; // a character that lies in two pieces
        var held = 0;
        foreach (var piece in bytes)
        {
            var rest = piece.Span;
            while (held > 0 && !rest.IsEmpty)
            {
                split[held++] = rest[0];
                rest = rest[1..];
                var status = Rune.DecodeFromUtf8(split[..held], out _, out _);
                if (status == OperationStatus.InvalidData)
                {
                    return false;
                }

                held = status == OperationStatus.Done ? 0 : held;
            }

            if (Rune.DecodeLastFromUtf8(rest, out _, out var last) == OperationStatus.NeedMoreData && !rest.IsEmpty)
            {
                rest[^last..].CopyTo(split[held..]);
                held += last;
                rest = rest[..^last];
            }

            if (!Utf8.IsValid(rest))
            {
                return false;
            }
        }

        return held == 0;
    }
}
