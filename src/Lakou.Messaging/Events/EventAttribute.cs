using System.Buffers.Binary;

namespace Lakou.Messaging.Events;

/// <summary>The type system of CloudEvents 1.0 (§3.1); its values are on disk. Every value is kept as its canonical text.</summary>
internal enum AttributeType : byte
{
    String = 0,
    Integer = 1,
    Boolean = 2,

    /// <summary>As base64. No reader makes it: neither JSON nor HTTP tells it from a string.</summary>
    Binary = 3,

    Timestamp = 4,
    Uri = 5,
}

/// <summary>One attribute of a frame.</summary>
internal readonly ref struct EventAttribute(ReadOnlySpan<byte> name, AttributeType type, ReadOnlySpan<byte> value)
{
    /// <summary>Name length, type, value length.</summary>
    public const int Overhead = 6;

    public ReadOnlySpan<byte> Name { get; } = name;

    public AttributeType Type { get; } = type;

    /// <summary>UTF-8.</summary>
    public ReadOnlySpan<byte> Value { get; } = value;

    /// <summary>Reads the attribute that <paramref name="from"/> begins with, and moves past it. False when it does not fit.</summary>
    public static bool TryTake(scoped ref ReadOnlySpan<byte> from, out EventAttribute attribute)
    {
        attribute = default;
        if (from.Length < Overhead || from.Length < Overhead + from[0])
        {
            return false;
        }

        var name = from.Slice(1, from[0]);
        var type = (AttributeType)from[1 + name.Length];
        var length = BinaryPrimitives.ReadUInt32LittleEndian(from[(2 + name.Length)..]);
        if (length > from.Length - Overhead - name.Length)
        {
            return false;
        }

        attribute = new(name, type, from.Slice(Overhead + name.Length, (int)length));
        from = from[(Overhead + name.Length + (int)length)..];
        return true;
    }
}

/// <summary>The attributes of a frame, for <c>foreach</c>.</summary>
internal ref struct AttributeEnumerator(ReadOnlySpan<byte> attributes, int count)
{
    private ReadOnlySpan<byte> _rest = attributes;
    private int _left = count;
    private EventAttribute _current;

    public readonly EventAttribute Current => _current;

    /// <summary>What follows the attributes that were seen.</summary>
    public readonly ReadOnlySpan<byte> Rest => _rest;

    /// <summary>Whether every attribute that the frame counts was there.</summary>
    public readonly bool IsComplete => _left == 0;

    public readonly AttributeEnumerator GetEnumerator() => this;

    public bool MoveNext()
    {
        if (_left == 0 || !EventAttribute.TryTake(ref _rest, out _current))
        {
            return false;
        }

        _left--;
        return true;
    }
}
