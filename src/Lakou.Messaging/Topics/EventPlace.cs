using System.Globalization;

namespace Lakou.Messaging.Topics;

/// <summary>Where an event is in its topic: 16 bits of partition, 48 of offset, so that a place is one number.</summary>
internal readonly record struct EventPlace(ulong Value)
{
    private const int OffsetBits = 48;

    public EventPlace(int partition, ulong offset)
        : this(((ulong)partition << OffsetBits) | offset)
    {
    }

    /// <summary>Stands for an event that has no place yet: the one where it is held.</summary>
    public static EventPlace Held(ulong place) => new(ushort.MaxValue, place);

    public bool IsHeld => Partition == ushort.MaxValue;

    public int Partition => (int)(Value >> OffsetBits);

    public ulong Offset => Value & ((1ul << OffsetBits) - 1);

    /// <summary>Reads <c>3-17</c>: partition and offset.</summary>
    public static bool TryParse(string text, out EventPlace place)
    {
        place = default;
        var dash = text.IndexOf('-', StringComparison.Ordinal);
        if (dash < 0 || !ushort.TryParse(text.AsSpan(0, dash), NumberStyles.None, CultureInfo.InvariantCulture, out var partition)
            || !ulong.TryParse(text.AsSpan(dash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var offset) || offset >> OffsetBits != 0)
        {
            return false;
        }

        place = new(partition, offset);
        return true;
    }

    public override string ToString() => $"{Partition}-{Offset}";
}
