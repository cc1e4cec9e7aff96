namespace Lakou.Http;

/// <summary>A set of known fields in one word; names that are not known are in none.</summary>
public readonly record struct FieldSet
{
    private readonly ulong _bits;

    public FieldSet(params ReadOnlySpan<KnownField> fields)
    {
        foreach (var field in fields)
        {
            _bits |= Bit(field);
        }
    }

    private FieldSet(ulong bits) => _bits = bits;

    /// <summary>Those for which this is true.</summary>
    public static FieldSet Where(Func<KnownField, bool> predicate) => new(Enum.GetValues<KnownField>().Where(predicate).ToArray());

    public bool Contains(KnownField field) => (_bits & Bit(field)) != 0;

    public FieldSet Without(KnownField field) => new(_bits & ~Bit(field));

    // Other has bit 0, which no set holds.
    private static ulong Bit(KnownField field) => (1ul << (int)field) & ~1ul;
}
