using System.Text;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Routing;

/// <summary>A header that must be there, and, unless <paramref name="Value"/> is null, one of whose field lines must be exactly it.</summary>
internal sealed record HeaderCondition(string Name, string? Value)
{
    public bool IsMet(IHeaderDictionary headers)
    {
        if (!headers.TryGetValue(Name, out var values))
        {
            return false;
        }

        if (Value is null)
        {
            return values.Count > 0;
        }

        foreach (var value in values)
        {
            if (value == Value)
            {
                return true;
            }
        }

        return false;
    }
}

/// <summary>
/// A query parameter that must be there, and, unless <paramref name="Value"/> is null, one of whose decoded values must be
/// exactly it. Read as forms write it: <c>&amp;</c> between, <c>+</c> is a space, a bad escape is itself.
/// </summary>
internal sealed record QueryCondition(string Name, string? Value)
{
    private readonly byte[] nameBytes = Encoding.UTF8.GetBytes(Name);
    private readonly byte[]? valueBytes = Value is null ? null : Encoding.UTF8.GetBytes(Value);

    /// <param name="query">As in the request target, with or without its <c>?</c>.</param>
    public bool IsMet(ReadOnlySpan<char> query)
    {
        query = query.StartsWith("?") ? query[1..] : query;
        while (!query.IsEmpty)
        {
            var end = query.IndexOf('&');
            var parameter = end < 0 ? query : query[..end];
            query = end < 0 ? default : query[(end + 1)..];
            if (parameter.IsEmpty)
            {
                continue;
            }

            var equals = parameter.IndexOf('=');
            var name = equals < 0 ? parameter : parameter[..equals];
            var value = equals < 0 ? default : parameter[(equals + 1)..];
            if (DecodesTo(name, nameBytes) && (valueBytes is null || DecodesTo(value, valueBytes)))
            {
                return true;
            }
        }

        return false;
    }

    private static bool DecodesTo(ReadOnlySpan<char> encoded, ReadOnlySpan<byte> expected)
    {
        var matched = 0;
        for (var i = 0; i < encoded.Length; i++, matched++)
        {
            var value = encoded[i] == '+' ? ' ' : encoded[i];
            if (value == '%' && i + 2 < encoded.Length && char.IsAsciiHexDigit(encoded[i + 1]) && char.IsAsciiHexDigit(encoded[i + 2]))
            {
                value = (char)((PathCharacters.HexDigit(encoded[i + 1]) << 4) | PathCharacters.HexDigit(encoded[i + 2]));
                i += 2;
            }

            if (matched == expected.Length || value != expected[matched])
            {
                return false;
            }
        }

        return matched == expected.Length;
    }
}
