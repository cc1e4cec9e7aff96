using System.Buffers.Text;
using Lakou.Http;
using Lakou.Http.Server;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Forwarding;

/// <summary>Puts a chunk's size before and its line end after a payload without moving it.</summary>
internal static class RequestBodyFramer
{
    public const int BufferBytes = 16 * 1024;

    // 4 hexadecimal digits suffice for 16 KiB, and CRLF.
    private const int Before = 6;
    private const int After = 2;

    public static Memory<byte> PayloadOf(byte[] buffer) => buffer.AsMemory(Before, BufferBytes - Before - After);

    public static ReadOnlyMemory<byte> Frame(byte[] buffer, int count, BodyKind kind)
    {
        if (kind != BodyKind.Chunked)
        {
            return buffer.AsMemory(Before, count);
        }

        Span<byte> size = stackalloc byte[8];
        _ = Utf8Formatter.TryFormat(count, size, out var digits, new System.Buffers.StandardFormat('x'));
        var start = Before - 2 - digits;
        size[..digits].CopyTo(buffer.AsSpan(start));
        "\r\n"u8.CopyTo(buffer.AsSpan(Before - 2));
        "\r\n"u8.CopyTo(buffer.AsSpan(Before + count));
        return buffer.AsMemory(start, digits + 2 + count + After);
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
