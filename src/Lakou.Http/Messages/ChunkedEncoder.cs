using System.Globalization;

namespace Lakou.Http;

/// <summary>Writes the chunked coding (RFC 9112 §7.1): for each run of payload a size line, the payload, CRLF; then the last chunk.</summary>
public static class ChunkedEncoder
{
    /// <summary>Bytes of the longest size line: 16 hex digits and CRLF.</summary>
    public const int LongestSizeLine = 18;

    /// <summary>Stands behind each run of payload.</summary>
    public static ReadOnlySpan<byte> PayloadEnd => "\r\n"u8;

    /// <summary>The end of a body without trailers.</summary>
    public static ReadOnlySpan<byte> LastChunk => "0\r\n\r\n"u8;

    /// <summary>Writes the size line of a run and returns its length.</summary>
    /// <param name="target">Room for <see cref="LongestSizeLine"/> bytes.</param>
    /// <param name="payload">At least 1: a size of 0 would end the body.</param>
    public static int WriteSizeLine(Span<byte> target, long payload)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(payload, 1);
        payload.TryFormat(target, out var written, "x", CultureInfo.InvariantCulture);
        PayloadEnd.CopyTo(target[written..]);
        return written + 2;
    }

    /// <summary>Bytes that <see cref="WriteLastChunk"/> writes.</summary>
    public static int LastChunkLength(FieldTable? trailers) => LastChunk.Length + (trailers?.WireLength ?? 0);

    /// <summary>Writes the last chunk with its trailers and returns its length.</summary>
    public static int WriteLastChunk(Span<byte> target, FieldTable? trailers)
    {
        "0\r\n"u8.CopyTo(target);
        var at = 3 + (trailers?.WriteTo(target[3..]) ?? 0);
        PayloadEnd.CopyTo(target[at..]);
        return at + 2;
    }
}
