using System.Diagnostics.CodeAnalysis;
using Lakou.Core.Configuration;

namespace Lakou.Gateway.Upstreams.Health;

/// <summary>Some of the statuses 100 to 599. Asking costs a shift.</summary>
internal sealed class StatusSet : IEquatable<StatusSet>
{
    private const int Lowest = 100;
    private const int Highest = 599;

    private readonly ulong[] _bits = new ulong[(Highest / 64) + 1];

    public StatusSet(IReadOnlyList<StatusRange> ranges)
    {
        Ranges = ranges;
        foreach (var status in ranges.SelectMany(range => Enumerable.Range(range.First, range.Last - range.First + 1)))
        {
            _bits[status / 64] |= 1UL << (status % 64);
        }
    }

    public static Shape<StatusSet> Shape { get; } = Shapes.List(StatusRange.Shape)
        .As(ranges => new StatusSet(ranges), set => set.Ranges)
        .Or(StatusRange.Shape, range => new StatusSet([range]));

    public IReadOnlyList<StatusRange> Ranges { get; }

    /// <param name="status">0 to 599; 0, no answer, is in none.</param>
    public bool Contains(int status) => (_bits[status / 64] >> (status % 64) & 1) != 0;

    public bool Equals(StatusSet? other) => other is not null && _bits.AsSpan().SequenceEqual(other._bits);

    public override bool Equals(object? obj) => Equals(obj as StatusSet);

    public override int GetHashCode() => _bits.Aggregate(0, HashCode.Combine);

    public override string ToString() => string.Join(", ", Ranges);

    internal static bool TryParseStatus(string text, out int status)
        => int.TryParse(text, System.Globalization.NumberStyles.None, null, out status) && status is >= Lowest and <= Highest;
}

/// <summary>Both ends included.</summary>
internal readonly record struct StatusRange(int First, int Last)
{
    public static Shape<StatusRange> Shape { get; } = Shapes.Parsed<StatusRange>(
        "statuses", "a status such as 200, or a range such as 200-399", TryParse, range => range.ToString(), "^[1-5][0-9][0-9](-[1-5][0-9][0-9])?$");

    public override string ToString() => First == Last ? $"{First}" : $"{First}-{Last}";

    private static bool TryParse(string text, [MaybeNullWhen(false)] out StatusRange range)
    {
        var dash = text.IndexOf('-', StringComparison.Ordinal);
        var isRange = StatusSet.TryParseStatus(dash < 0 ? text : text[..dash], out var first)
            & StatusSet.TryParseStatus(dash < 0 ? text : text[(dash + 1)..], out var last);
        range = new(first, last);
        return isRange && first <= last;
    }
}
