using System.Text;

namespace Lakou.Http;

/// <summary>What Content-Length and Transfer-Encoding say together (RFC 9112 §6). Answers with a problem, or null when all is well.</summary>
internal static class BodyFraming
{
    /// <summary>Transfer-Encoding as far as it matters here.</summary>
    public enum Coding
    {
        None,
        Chunked,

        /// <summary>Well-formed, but with codings that are not served.</summary>
        Unknown,
    }

    public static string? Read(FieldTable fields, bool isHttp10, out Coding coding, out long contentLength)
    {
        contentLength = -1;
        coding = Coding.None;
        if (fields.Contains(KnownField.TransferEncoding))
        {
            // RFC 9112 §6.1: with both, or in HTTP/1.0, somebody on the way may have read another length.
            return fields.Contains(KnownField.ContentLength) ? "both Transfer-Encoding and Content-Length"
                : isHttp10 ? "Transfer-Encoding in HTTP/1.0"
                : ReadCoding(fields, out coding);
        }

        if (!fields.TryGet(KnownField.ContentLength, out var value))
        {
            return null;
        }

        return fields.CountOf(KnownField.ContentLength) > 1 ? "more than one Content-Length"
            : TryReadLength(value, out contentLength) ? null
            : "Content-Length is not a number of 1 to 19 digits within 63 bits";
    }

    /// <summary>1*DIGIT and nothing else (RFC 9110 §8.6).</summary>
    public static bool TryReadLength(ReadOnlySpan<byte> digits, out long length)
    {
        length = -1;
        if (digits.Length is 0 or > 19)
        {
            return false;
        }

        var sum = 0ul; // 19 digits fit
        foreach (var digit in digits)
        {
            if (!char.IsAsciiDigit((char)digit))
            {
                return false;
            }

            sum = (sum * 10) + (uint)(digit - '0');
        }

        if (sum > long.MaxValue)
        {
            return false;
        }

        length = (long)sum;
        return true;
    }

    private static string? ReadCoding(FieldTable fields, out Coding coding)
    {
        coding = Coding.Unknown;
        fields.TryGet(KnownField.TransferEncoding, out var value);
        if (fields.CountOf(KnownField.TransferEncoding) > 1)
        {
            return "more than one Transfer-Encoding";
        }

        if (Ascii.EqualsIgnoreCase(value, "chunked"u8))
        {
            coding = Coding.Chunked;
            return null;
        }

        // transfer-coding = token *( OWS ";" OWS transfer-parameter )
        var chunkedSeen = false;
        foreach (var range in value.Split((byte)','))
        {
            var member = value[range];
            var semicolon = member.IndexOf((byte)';');
            var name = FieldGrammar.TrimOws(semicolon < 0 ? member : member[..semicolon]);
            if (!FieldGrammar.IsToken(name))
            {
                return "Transfer-Encoding is malformed";
            }

            if (chunkedSeen)
            {
                return "chunked is not the last transfer coding";
            }

            chunkedSeen = Ascii.EqualsIgnoreCase(name, "chunked"u8);
            if (chunkedSeen && semicolon >= 0)
            {
                return "chunked has a parameter";
            }
        }

        return null;
    }
}
