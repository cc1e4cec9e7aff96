using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Lakou.Gateway.Observation;

namespace Lakou.Gateway.Upstreams.Balancing;

/// <summary>
/// A client that brings a cookie of ours gets the endpoint it names, however weighted and of whatever tier; any other gets the balancer's choice, and the
/// cookie for it. HMAC-SHA256 twice, so that the value tells nothing of the address and cannot be made by others:
/// <code>
/// base64url( identity 16 bytes │ signature 16 bytes )      43 characters
/// identity  = HMAC(key, "endpoint" 0 upstream 0 address)   which endpoint
/// signature = HMAC(key, "cookie" 0 upstream 0 identity)    that we have said so, also when the endpoint has left since
/// </code>
/// </summary>
internal sealed class Sticky : IBalancer
{
    private const int HalfBytes = 16;
    private const int TokenBytes = 2 * HalfBytes;
    private const int ValueLength = 43;

    // Not derived from names or addresses: whoever could guess those would know the key, and read the addresses out of cookies by trying.
    private static readonly byte[] s_processKey = RandomNumberGenerator.GetBytes(32);

    private readonly IBalancer _inner;
    private readonly StickyPlan _plan;
    private readonly string _upstream;
    private readonly byte[] _key;
    private readonly Dictionary<UInt128, Entry> _byIdentity = [];
    private readonly Dictionary<EndpointState, Entry> _byEndpoint = [];
    private readonly SetCookie _expired;

    /// <param name="inner">Chooses for those without an endpoint.</param>
    /// <param name="plan">The cookie.</param>
    /// <param name="upstream">Its name: a cookie of one upstream is nothing to another.</param>
    /// <param name="usable">Those that a client may stay with.</param>
    /// <param name="all">Of the upstream.</param>
    public Sticky(IBalancer inner, StickyPlan plan, string upstream, WeightedEndpoint[] usable, IReadOnlyList<EndpointState> all)
    {
        _inner = inner;
        _plan = plan;
        _upstream = upstream;
        _key = plan.Key ?? s_processKey;
        _expired = new($"{plan.Options.Cookie}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
        var mayServe = usable.Select(endpoint => endpoint.State).ToHashSet();
        foreach (var endpoint in all)
        {
            var entry = Issue(endpoint, mayServe.Contains(endpoint));
            _byIdentity[IdentityOf(entry.Token)] = entry;
            _byEndpoint[endpoint] = entry;
        }
    }

    public EndpointState? Pick(in PickContext who)
    {
        if (who.Exchange is not { } exchange)
        {
            return _inner.Pick(in who);
        }

        var isOurs = TryFind(CookiePairs.Find(exchange.Features.Request.Headers, _plan.CookieName), out var entry);
        if (entry is { IsUsable: true })
        {
            return entry.Endpoint;
        }

        if (isOurs && _plan.Options.WhenGone == WhenGone.Reject)
        {
            // Its endpoint may come back, and the client with it. One that is no longer configured will not: the next request begins anew.
            exchange.Stickiness = new(
                entry is null ? _expired : null,
                UpstreamFaults.StickyGone.With($"The endpoint of '{_upstream}' that this client belongs to {(entry is null ? "was removed" : "cannot be used now")}."));
            return null;
        }

        var picked = _inner.Pick(in who);
        if (picked is not null)
        {
            exchange.Stickiness = new(_byEndpoint[picked].CookieFor(exchange), null);
        }

        return picked;
    }

    /// <returns>Whether the value is of our making; the entry is null if its endpoint has left the upstream.</returns>
    private bool TryFind(ReadOnlySpan<byte> value, out Entry? entry)
    {
        entry = null;
        Span<byte> token = stackalloc byte[TokenBytes];
        if (value.Length != ValueLength || Base64Url.DecodeFromUtf8(value, token, out _, out var length) != OperationStatus.Done || length != TokenBytes)
        {
            return false;
        }

        Span<byte> right = stackalloc byte[TokenBytes];
        if (_byIdentity.TryGetValue(IdentityOf(token), out var known))
        {
            known.Token.CopyTo(right);
        }
        else
        {
            token[..HalfBytes].CopyTo(right);
            Sign("cookie", right[..HalfBytes], right[HalfBytes..]);
        }

        var isOurs = CryptographicOperations.FixedTimeEquals(token, right);
        entry = isOurs ? known : null;
        return isOurs;
    }

    private Entry Issue(EndpointState endpoint, bool isUsable)
    {
        var token = new byte[TokenBytes];
        Sign("endpoint", Encoding.UTF8.GetBytes(endpoint.Address.Text), token.AsSpan(0, HalfBytes));
        Sign("cookie", token.AsSpan(0, HalfBytes), token.AsSpan(HalfBytes));
        var age = _plan.Options.MaxAge is { } maxAge ? $"; Max-Age={(long)maxAge.TotalSeconds}" : "";
        var cookie = $"{_plan.Options.Cookie}={Base64Url.EncodeToString(token)}; Path=/{age}; HttpOnly; SameSite=Lax";
        return new(endpoint, isUsable, token, new(cookie), new(cookie + "; Secure"));
    }

    private void Sign(string purpose, ReadOnlySpan<byte> subject, Span<byte> signature)
    {
        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(_key, [.. Encoding.UTF8.GetBytes($"{purpose}\0{_upstream}\0"), .. subject], hash);
        hash[..HalfBytes].CopyTo(signature);
    }

    private static UInt128 IdentityOf(ReadOnlySpan<byte> token) => BinaryPrimitives.ReadUInt128LittleEndian(token);

    private sealed record Entry(EndpointState Endpoint, bool IsUsable, byte[] Token, SetCookie Plain, SetCookie Secure)
    {
        /// <summary>Secure when the client came by https, here or at a trusted proxy before us.</summary>
        public SetCookie CookieFor(Exchange exchange)
        {
            var request = exchange.Features.Request;
            return request.Scheme == "https" || (exchange.Rules.Trusts(exchange.ClientAddress) && request.Headers["X-Forwarded-Proto"].ToString() == "https")
                ? Secure
                : Plain;
        }
    }
}

/// <summary>What a sticky upstream has to say to the client.</summary>
/// <param name="Cookie">To be set by the answer.</param>
/// <param name="Fault">Why there is no endpoint.</param>
internal readonly record struct Stickiness(SetCookie? Cookie, Core.Faults.Fault? Fault);
