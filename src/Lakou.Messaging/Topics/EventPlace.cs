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

    public override string ToString() => $"{Partition}-{Offset}";
}
