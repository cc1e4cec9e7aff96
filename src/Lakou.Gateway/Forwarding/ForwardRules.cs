using System.Net;

namespace Lakou.Gateway.Forwarding;

/// <summary>What a listener does with names that have an underscore: CGI-style servers read <c>X_Y</c> and <c>X-Y</c> as one.</summary>
internal enum Underscores
{
    Drop,
    Keep,
}

/// <summary>A listener's rules about what its clients may tell upstreams.</summary>
internal sealed record ForwardRules(IReadOnlyList<IPNetwork> TrustedProxies, Underscores Underscores)
{
    /// <summary>True when the peer's own account of the client is to be believed.</summary>
    public bool Trusts(IPAddress? peer)
    {
        if (peer is null)
        {
            return false;
        }

        for (var i = 0; i < TrustedProxies.Count; i++) // an enumerator would be allocated
        {
            if (TrustedProxies[i].Contains(peer))
            {
                return true;
            }
        }

        return false;
    }
}
