using System.Text;
using Lakou.Core.Hashing;

namespace Lakou.Gateway.Upstreams.Balancing;

/// <summary>
/// Which endpoint a hash belongs to. Every endpoint has its own order of all places and takes the next free one of it in each round, as often as its weight
/// says. Source: Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer" (NSDI 2016), §3.4; the weights are Envoy's.
/// </summary>
internal sealed class MaglevTable
{
    /// <summary>
    /// Prime, that every skip visits every place. Envoy's default and the paper's small table: with 100 places an endpoint, so up to 655 of them, shares
    /// are within 1 % of even. Fixed: another size would move every key. 128 KiB.
    /// </summary>
    public const int Size = 65_537;

    /// <summary>Ten places each, beyond which a share would be a matter of chance.</summary>
    public const int MaxEndpoints = Size / 10;

    private readonly ushort[] _places = new ushort[Size];

    /// <param name="endpoints">One or more, none of weight 0. Their order does not matter: two gateways that list them differently agree.</param>
    public MaglevTable(IReadOnlyList<WeightedEndpoint> endpoints)
    {
        var order = Enumerable.Range(0, endpoints.Count).OrderBy(i => endpoints[i].State.Address.Text, StringComparer.Ordinal).ToArray();
        var cursors = Array.ConvertAll(order, i => new Cursor(endpoints[i]));
        var heaviest = endpoints.Max(endpoint => endpoint.Weight);
        Array.Fill(_places, ushort.MaxValue);
        for (var free = Size; ;)
        {
            for (var i = 0; i < cursors.Length; i++)
            {
                ref var cursor = ref cursors[i];
                cursor.Credit += cursor.Weight;
                if (cursor.Credit < heaviest)
                {
                    continue;
                }

                cursor.Credit -= heaviest;
                while (_places[cursor.At] != ushort.MaxValue)
                {
                    cursor.Step();
                }

                _places[cursor.At] = (ushort)order[i];
                if (--free == 0)
                {
                    return;
                }
            }
        }
    }

    /// <summary>An index into what it was made of.</summary>
    public int this[ulong hash] => _places[hash % Size];

    private struct Cursor
    {
        private readonly int _skip;

        public Cursor(WeightedEndpoint endpoint)
        {
            var name = Encoding.UTF8.GetBytes(endpoint.State.Address.Text);
            At = (int)(KeyHash.Of(name, seed: 1) % Size);
            _skip = (int)(KeyHash.Of(name, seed: 2) % (Size - 1)) + 1;
            Weight = endpoint.Weight;
        }

        public int Weight { get; }

        public int At { get; private set; }

        public int Credit { get; set; }

        public void Step()
        {
            At += _skip;
            At = At >= Size ? At - Size : At;
        }
    }
}
