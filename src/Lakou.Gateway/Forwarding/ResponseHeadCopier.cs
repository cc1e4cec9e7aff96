using System.Text;
using Lakou.Http;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Forwarding;

/// <summary>Copies an endpoint's fields into the response: all but what belongs to one hop.</summary>
internal static class ResponseHeadCopier
{
    public static void Copy(ResponseHead answer, HttpResponse response)
    {
        var fields = answer.Fields;
        RemoveNominated(fields);
        var target = response.Headers as FieldTable;
        for (var i = 0; i < fields.LineCount; i++)
        {
            var known = fields.KnownAt(i);
            if ((KnownFields.IsHopByHop(known) && !(known == KnownField.Trailer && answer.Body == BodyKind.Chunked))
                || known == KnownField.ContentLength)
            {
                continue;
            }

            if (target is not null)
            {
                target.Append(fields.NameAt(i), fields.ValueAt(i));
            }
            else
            {
                response.Headers.Append(Encoding.Latin1.GetString(fields.NameAt(i)), Encoding.Latin1.GetString(fields.ValueAt(i)));
            }
        }

        // HEAD and 304 say the length of a body that does not follow.
        if (fields.TryGet(KnownField.ContentLength, out var length) && answer.Body != BodyKind.Chunked)
        {
            response.ContentLength = long.Parse(length);
        }
    }

    /// <summary>Takes out the fields that Connection names; framing is no business of this hop's options.</summary>
    public static void RemoveNominated(FieldTable fields)
    {
        if (!fields.Contains(KnownField.Connection))
        {
            return;
        }

        for (var i = fields.LineCount - 1; i >= 0; i--)
        {
            var known = fields.KnownAt(i);
            if (known != KnownField.ContentLength && !KnownFields.IsHopByHop(known) && fields.ListContains(KnownField.Connection, fields.NameAt(i)))
            {
                fields.RemoveAt(i);
            }
        }
    }

    public static void CopyTrailers(FieldTable trailers, IHeaderDictionary target)
    {
        for (var i = 0; i < trailers.LineCount; i++)
        {
            target.Append(Encoding.Latin1.GetString(trailers.NameAt(i)), Encoding.Latin1.GetString(trailers.ValueAt(i)));
        }
    }
}
