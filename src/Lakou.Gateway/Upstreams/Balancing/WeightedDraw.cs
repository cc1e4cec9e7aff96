namespace Lakou.Gateway.Upstreams.Balancing;

/// <summary>Draws endpoints at random by weight: a binary search in the running sum of the weights.</summary>
internal sealed class WeightedDraw
{
    private readonly Random _random;
    private readonly long[] _upTo;
    private readonly bool _equal;

    /// <param name="endpoints">One or more, none of weight 0.</param>
    /// <param name="random">Safe for the threads that draw.</param>
    public WeightedDraw(WeightedEndpoint[] endpoints, Random random)
    {
        _random = random;
        _upTo = new long[endpoints.Length];
        _equal = Array.TrueForAll(endpoints, endpoint => endpoint.Weight == endpoints[0].Weight);
        var sum = 0L;
        for (var i = 0; i < endpoints.Length; i++)
        {
            _upTo[i] = sum += endpoints[i].Weight;
        }
    }

    public int Next() => _equal ? _random.Next(_upTo.Length) : At(_random.NextInt64(_upTo[^1]));

    /// <summary>One of the others, of which there must be one.</summary>
    public int NextBut(int index)
    {
        if (_equal)
        {
            var other = _random.Next(_upTo.Length - 1);
            return other < index ? other : other + 1;
        }

        // The weights of the others, laid end to end.
        var start = index == 0 ? 0 : _upTo[index - 1];
        var width = _upTo[index] - start;
        var at = _random.NextInt64(_upTo[^1] - width);
        return At(at < start ? at : at + width);
    }

    private int At(long at)
    {
        var index = Array.BinarySearch(_upTo, at + 1);
        return index >= 0 ? index : ~index;
    }
}
