using System.Net;
using System.Text;
using Lakou.Core.Hashing;
using Lakou.Gateway.Observation;
using Lakou.Http;
using Microsoft.AspNetCore.Http;

namespace Lakou.Gateway.Upstreams.Balancing;

/// <summary>What of a request, or of a client, decides its endpoint. The same over HTTP/1.1 and HTTP/2; the first value where there are several.</summary>
internal sealed class HashKey(HashKeyOptions options)
{
    private const string ForwardedFor = "X-Forwarded-For";

    private readonly HashSource _source = options.Source;
    private readonly string _name = options.Name;
    private readonly byte[] _nameBytes = Encoding.UTF8.GetBytes(options.Name);
    private readonly KnownField _field = KnownFields.Of(options.Name);

    /// <summary>False when there is none: no such header, or an empty one; a client on a Unix socket.</summary>
    public bool TryHash(in PickContext who, out ulong hash)
    {
        hash = 0;
        if (_source == HashSource.ClientIp)
        {
            return TryHash(who.Exchange is { } exchange ? ClientOf(exchange) : who.Client, ref hash);
        }

        return who.Exchange is { } request && _source switch
        {
            HashSource.Header => TryHash(HeaderOf(request.Features.Request.Headers), ref hash),
            HashSource.Cookie => TryHash(CookiePairs.Find(request.Features.Request.Headers, _nameBytes), ref hash),
            HashSource.Query => TryHash(QueryOf(request.Target.Query.Span), ref hash),
            _ => request.Captures.TryGet(_name, out var value) && TryHash(value.Span, ref hash),
        };
    }

    private static bool TryHash(ReadOnlySpan<byte> key, ref ulong hash)
    {
        hash = KeyHash.Of(key);
        return !key.IsEmpty;
    }

    private static bool TryHash(ReadOnlySpan<char> key, ref ulong hash)
    {
        Span<byte> bytes = key.Length <= 128 ? stackalloc byte[128 * 3] : new byte[key.Length * 3];
        return TryHash(bytes[..Encoding.UTF8.GetBytes(key, bytes)], ref hash);
    }

    private static bool TryHash(IPAddress? client, ref ulong hash)
    {
        Span<byte> bytes = stackalloc byte[16];
        if (client is null || !client.TryWriteBytes(bytes, out var length))
        {
            return false;
        }

        // One client, whether it came by a socket of both families or not.
        return TryHash(client.IsIPv4MappedToIPv6 ? bytes[12..] : bytes[..length], ref hash);
    }

    /// <summary>The peer; behind trusted proxies, the last address on the way that is not one of them.</summary>
    private static IPAddress? ClientOf(Exchange exchange)
    {
        var client = exchange.ClientAddress;
        if (exchange.Rules is not { TrustedProxies.Count: > 0 } rules || !rules.Trusts(client))
        {
            return client;
        }

        var path = exchange.Features.Request.Headers[ForwardedFor].ToString().AsSpan();
        while (rules.Trusts(client) && !path.IsEmpty)
        {
            var comma = path.LastIndexOf(',');
            if (!IPAddress.TryParse(path[(comma + 1)..].Trim(), out var before))
            {
                break;
            }

            client = before;
            path = comma < 0 ? default : path[..comma];
        }

        return client;
    }

    private ReadOnlySpan<byte> HeaderOf(IHeaderDictionary headers)
    {
        if (headers is not FieldTable fields)
        {
            return headers.TryGetValue(_name, out var values) && values.Count > 0 ? Encoding.Latin1.GetBytes(values[0] ?? "") : default;
        }

        for (var i = 0; i < fields.LineCount; i++)
        {
            if (fields.KnownAt(i) == _field && (_field != KnownField.Other || Ascii.EqualsIgnoreCase(fields.NameAt(i), _nameBytes)))
            {
                return fields.ValueAt(i);
            }
        }

        return default;
    }

    /// <summary>As it is written: a value that is encoded in two ways is two keys.</summary>
    private ReadOnlySpan<char> QueryOf(ReadOnlySpan<char> query)
    {
        query = query.StartsWith("?") ? query[1..] : query;
        foreach (var range in query.Split('&'))
        {
            var parameter = query[range];
            if (parameter.Length > _name.Length && parameter[_name.Length] == '=' && parameter.StartsWith(_name, StringComparison.Ordinal))
            {
                return parameter[(_name.Length + 1)..];
            }
        }

        return default;
    }
}
