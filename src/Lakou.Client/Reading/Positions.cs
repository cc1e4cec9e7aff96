using System.Globalization;

namespace Lakou.Client;

/// <summary>A place in each partition of a topic: the next offset to read.</summary>
public sealed class Positions
{
    private readonly SortedDictionary<int, long> _offsets;

    internal Positions(SortedDictionary<int, long> offsets) => _offsets = offsets;

    /// <summary>By partition.</summary>
    public IReadOnlyDictionary<int, long> Offsets => _offsets;

    /// <summary>Reads what <see cref="ToString"/> writes.</summary>
    /// <param name="text"><c>17.4.0.0</c></param>
    /// <exception cref="FormatException">It is not that.</exception>
    public static Positions Parse(string text)
        => new(new(text.Split('.').Select((offset, partition) => (offset, partition)).ToDictionary(one => one.partition, one => long.Parse(one.offset, NumberStyles.None, CultureInfo.InvariantCulture))));

    /// <summary><c>17.4.0.0</c>: also what <c>Last-Event-ID</c> is.</summary>
    public override string ToString() => string.Join('.', _offsets.Values.Select(offset => offset.ToString(CultureInfo.InvariantCulture)));
}

/// <summary>An event and where it is.</summary>
/// <param name="Partition">Of its topic.</param>
/// <param name="Offset">In its partition.</param>
/// <param name="Event">What happened.</param>
public sealed record StoredEvent(int Partition, long Offset, CloudEvent Event);

/// <summary>Events in the order of their partitions.</summary>
/// <param name="Events">None when the wait was over before there was one.</param>
/// <param name="Positions">Where to read on.</param>
public sealed record EventsRead(IReadOnlyList<StoredEvent> Events, Positions Positions);
