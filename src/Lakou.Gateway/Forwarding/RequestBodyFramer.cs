using System.Buffers;
using System.Buffers.Text;
using System.IO.Pipelines;
using Lakou.Http;
using Lakou.Http.Server;
using Lakou.Transport;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Forwarding;

/// <summary>Writes what an endpoint gets as the body of a request.</summary>
internal static class RequestBodyFramer
{
    /// <summary>A piece of the payload, which is one chunk where the body is chunked.</summary>
    public static void Write(PipeWriter output, in ReadOnlySequence<byte> payload, BodyKind kind)
    {
        if (kind != BodyKind.Chunked)
        {
            output.WriteShared(payload);
        }
        else if (!payload.IsEmpty) // an empty chunk is the last
        {
            const int sizeBytes = 16 + 2; // the digits of a long, and CRLF
            var size = output.GetSpan(sizeBytes);
            _ = Utf8Formatter.TryFormat(payload.Length, size, out var digits, 'x');
            "\r\n"u8.CopyTo(size[digits..]);
            output.Advance(digits + 2);
            output.WriteShared(payload);
            output.Write("\r\n"u8);
        }
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
