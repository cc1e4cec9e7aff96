using System.Buffers.Text;
using Lakou.Http;
using Lakou.Http.Server;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Forwarding;

/// <summary>Puts a chunk's size before a payload and its line end after.</summary>
internal static class RequestBodyFramer
{
    public const int BufferBytes = 32 * 1024;

    // 4 hexadecimal digits reach 64 KiB, more than a block of any transport; and CRLF.
    private const int Before = 6;
    private const int After = 2;

    /// <summary>Where a payload may be read to.</summary>
    public static Memory<byte> PayloadOf(byte[] buffer, BodyKind kind)
        => kind == BodyKind.Chunked ? buffer.AsMemory(Before, BufferBytes - Before - After) : buffer;

    /// <summary>Frames the payload that was read.</summary>
    /// <returns>Bytes of the buffer that are to be sent.</returns>
    public static int Frame(Span<byte> buffer, int count, BodyKind kind)
    {
        if (kind != BodyKind.Chunked)
        {
            return count;
        }

        _ = Utf8Formatter.TryFormat(count, buffer, out var digits, new System.Buffers.StandardFormat('x'));
        "\r\n"u8.CopyTo(buffer[digits..]);
        if (digits + 2 < Before)
        {
            buffer.Slice(Before, count).CopyTo(buffer[(digits + 2)..]); // fewer digits: less than 4 KiB to move
        }

        "\r\n"u8.CopyTo(buffer[(digits + 2 + count)..]);
        return digits + 2 + count + After;
    }

    /// <summary>
    /// Trailers are held to the grammar here: the server below checks those of HTTP/2 for nothing, and an end of line in one
    /// would begin another request at the endpoint. What a trailer section may not hold is dropped.
    /// </summary>
    public static void WriteTrailers(ref HeadBuffer head, IHeaderDictionary trailers)
    {
        foreach (var (name, values) in trailers)
        {
            if (!FieldGrammar.IsToken(name.AsSpan()))
            {
                throw new RequestBodyException(HttpFaults.BadField.With("A trailer's name holds a character that no name may hold."));
            }

            if (KnownFields.IsForbiddenInTrailers(KnownFields.Of(name)))
            {
                continue;
            }

            foreach (var value in values)
            {
                if (!FieldGrammar.IsValue(value.AsSpan()))
                {
                    throw new RequestBodyException(HttpFaults.BadField.With($"The value of the trailer '{name}' holds a control character."));
                }

                head.Field(name.AsSpan(), value.AsSpan());
            }
        }
    }
}
