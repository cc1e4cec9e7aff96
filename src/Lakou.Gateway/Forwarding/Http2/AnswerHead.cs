using System.Globalization;
using System.Net.Http.Headers;
using Lakou.Core.Faults;
using Lakou.Http;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Forwarding.Http2;

/// <summary>Copies the fields of an answer over HTTP/2 into the response, held to the same grammar and bounds as one over HTTP/1.1.</summary>
internal static class AnswerHead
{
    private static readonly FieldSet NeverPass = FieldSet.Where(field => KnownFields.IsHopByHop(field) && field != KnownField.Trailer);

    /// <param name="answer">From the endpoint.</param>
    /// <param name="target">Gets the fields; it has those that filters set.</param>
    /// <param name="length">What the answer declares.</param>
    /// <returns>What is wrong with it.</returns>
    public static Fault? Copy(HttpResponseMessage answer, IHeaderDictionary target, out long? length)
    {
        length = null;
        var count = 0;
        foreach (var fields in (ReadOnlySpan<HttpHeadersNonValidated>)[answer.Headers.NonValidated, answer.Content.Headers.NonValidated])
        {
            foreach (var (name, values) in fields)
            {
                var known = KnownFields.Of(name);
                foreach (var value in values)
                {
                    if (Check(name, value, ++count) is { } fault)
                    {
                        return fault;
                    }

                    if (known == KnownField.ContentLength)
                    {
                        if (length is not null || !long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var declared))
                        {
                            return HttpFaults.BadResponse.With("The answer has more than one Content-Length, or one that is no number.");
                        }

                        length = declared;
                    }
                    else if (!NeverPass.Contains(known))
                    {
                        target.Append(name, value);
                    }
                }
            }
        }

        target.ContentLength = length; // there is one length, the endpoint's
        return null;
    }

    /// <summary>What a trailer section may not hold is dropped.</summary>
    public static Fault? CopyTrailers(HttpResponseMessage answer, IHeaderDictionary target)
    {
        var count = 0;
        foreach (var (name, values) in answer.TrailingHeaders.NonValidated)
        {
            foreach (var value in values)
            {
                if (Check(name, value, ++count) is { } fault)
                {
                    return fault;
                }

                if (!KnownFields.IsForbiddenInTrailers(KnownFields.Of(name)))
                {
                    target.Append(name, value);
                }
            }
        }

        return null;
    }

    private static Fault? Check(string name, string value, int count)
        => count > HeadLimits.Default.Fields ? HttpFaults.BadResponse.With($"The answer has more than {HeadLimits.Default.Fields} fields.")
            : !FieldGrammar.IsToken(name) || !FieldGrammar.IsValue(value) ? HttpFaults.BadResponse.With("A field of the answer is not of the grammar.")
            : null;
}
