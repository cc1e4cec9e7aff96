using System.Text;
using Lakou.Http;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Forwarding;

/// <summary>Copies an endpoint's fields into the response: all but what belongs to one hop.</summary>
internal static class ResponseHeadCopier
{
    private static readonly FieldSet HopByHop = FieldSet.Where(KnownFields.IsHopByHop);

    private static readonly FieldSet HopByHopButTrailer = HopByHop.Without(KnownField.Trailer);

    /// <summary>Content-Length stays: HEAD and 304 say by it the length of a body that does not follow.</summary>
    public static void Copy(ResponseHead answer, IHeaderDictionary target)
    {
        var fields = answer.Fields;
        RemoveNominated(fields);
        var except = answer.Body == BodyKind.Chunked ? HopByHopButTrailer : HopByHop;
        if (target is FieldTable table)
        {
            table.Remove(KnownField.ContentLength); // there is one length, the endpoint's
            table.AppendAll(fields, except);
            return;
        }

        for (var i = 0; i < fields.LineCount; i++)
        {
            var known = fields.KnownAt(i);
            if (known == KnownField.ContentLength)
            {
                target.ContentLength = answer.ContentLength;
            }
            else if (!except.Contains(known))
            {
                target.Append(Encoding.Latin1.GetString(fields.NameAt(i)), Encoding.Latin1.GetString(fields.ValueAt(i)));
            }
        }
    }

    /// <summary>Whether Connection names other fields: the two words that it holds as a rule name none.</summary>
    public static bool Nominates(FieldTable fields)
        => fields.TryGet(KnownField.Connection, out var value)
            && !((Ascii.EqualsIgnoreCase(value, "keep-alive"u8) || Ascii.EqualsIgnoreCase(value, "close"u8)) && fields.CountOf(KnownField.Connection) == 1);

    /// <summary>Takes out the fields that Connection names; framing is no business of this hop's options.</summary>
    public static void RemoveNominated(FieldTable fields)
    {
        if (!Nominates(fields))
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
