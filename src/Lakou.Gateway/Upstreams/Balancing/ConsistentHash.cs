using Lakou.Core.Hashing;

namespace Lakou.Gateway.Upstreams.Balancing;

/// <summary>
/// The endpoint that a key belongs to, so long as it is not much busier than the others: more than its share of what is in flight, times the bound, it does
/// not get. Then the key's next choice is asked, always the same for the key. Source: Mirrokni, Thorup, Zadimoghaddam, "Consistent Hashing with Bounded Loads" (2016), as
/// in HAProxy's <c>hash-balance-factor</c> and Envoy's bounded load. Who has no key gets one of <see cref="PowerOfTwo"/>.
/// </summary>
internal sealed class ConsistentHash : IBalancer
{
    // Rehashed choices before the rest is looked at in turn. At 1.25 a fifth of the capacity is free: 16 choices miss it once in 35 picks.
    private const int Choices = 16;
    private const long Thousand = 1000;

    private readonly WeightedEndpoint[] _endpoints;
    private readonly HashKey _key;
    private readonly MaglevTable? _table;
    private readonly PowerOfTwo _keyless;
    private readonly long _boundThousandths;
    private readonly long _weights;

    /// <param name="endpoints">None of weight 0.</param>
    /// <param name="key">Of whom.</param>
    /// <param name="bound">1.25 allows a quarter above the share; 0 anything.</param>
    /// <param name="random">For those without a key.</param>
    public ConsistentHash(WeightedEndpoint[] endpoints, HashKey key, double bound, Random random)
    {
        _endpoints = endpoints;
        _key = key;
        _table = endpoints.Length > 1 ? new(endpoints) : null;
        _keyless = new(endpoints, random);
        _boundThousandths = (long)Math.Round(bound * Thousand);
        _weights = endpoints.Sum(endpoint => (long)endpoint.Weight);
    }

    public EndpointState? Pick(in PickContext who)
    {
        if (_table is null || !_key.TryHash(in who, out var hash))
        {
            return _keyless.Pick(in who);
        }

        var own = _endpoints[_table[hash]];
        return _boundThousandths == 0 || own.State.InFlight == 0 ? own.State : PickWithin(_table, hash, own);
    }

    private EndpointState PickWithin(MaglevTable table, ulong hash, WeightedEndpoint own)
    {
        var total = 1L; // the one to come
        foreach (var endpoint in _endpoints)
        {
            total += endpoint.State.InFlight;
        }

        var next = own;
        for (var n = 1; n <= Choices; n++)
        {
            if (HasRoom(next, total))
            {
                return next.State;
            }

            next = _endpoints[table[KeyHash.Again(hash, n)]];
        }

        // There is room for more than what is in flight, so somewhere; unless it has just been taken.
        var start = (int)(hash % (ulong)_endpoints.Length);
        for (var i = 0; i < _endpoints.Length; i++)
        {
            next = _endpoints[(start + i) % _endpoints.Length];
            if (HasRoom(next, total))
            {
                return next.State;
            }
        }

        return own.State;
    }

    /// <summary>In flight, the one to come included, at most ⌈bound × total × weight / weights⌉. In whole numbers, of which 10,000 × 10⁹ × 1,000 are still one.</summary>
    private bool HasRoom(WeightedEndpoint endpoint, long total)
        => (endpoint.State.InFlight * _weights * Thousand) < _boundThousandths * total * endpoint.Weight;
}
