namespace Lakou.Core.Configuration;

/// <summary>A text. Whether it is a number, a duration or a name is decided by the shape that reads it, never by how it looks.</summary>
public sealed class ConfigScalar : ConfigNode
{
    internal ConfigScalar(Place place, string written, string text, bool isQuoted, bool hasReference, string? broken)
        : base(place)
    {
        Written = written;
        Text = text;
        IsQuoted = isQuoted;
        HasReference = hasReference;
        Broken = broken;
        IsNull = !isQuoted && written is "" or "~" or "null" or "Null" or "NULL";
    }

    private ConfigScalar(Place place, ConfigScalar of, string written)
        : base(place)
    {
        (Written, Text, IsQuoted, IsNull, Broken) = (written, of.Text, of.IsQuoted, of.IsNull, of.Broken);
        HasReference = of.HasReference || !ReferenceEquals(written, of.Written);
    }

    /// <summary>With references expanded. May be a secret: use it, never show it.</summary>
    public string Text { get; }

    /// <summary>As in the file, references unexpanded: what messages quote.</summary>
    public string Written { get; }

    /// <summary>Quoted, or a block of text.</summary>
    public bool IsQuoted { get; }

    /// <summary>Nothing written, <c>~</c> or <c>null</c>, unquoted.</summary>
    public bool IsNull { get; }

    /// <summary>Whether <see cref="Text"/> came, in part, from outside the file.</summary>
    public bool HasReference { get; }

    /// <summary>Why the references could not be expanded. Already a problem; <see cref="Text"/> is worthless then.</summary>
    public string? Broken { get; }

    public override NodeKinds Kind => IsNull ? NodeKinds.Nothing : NodeKinds.Scalar;

    internal override string Description => IsNull ? "an empty value" : Quoting.Quote(Written);

    /// <summary>Without quotes where a number is meant; quoted when it stands for something not shown.</summary>
    internal string Value => HasReference ? Description : Written;

    internal override ConfigNode CopyTo(Place place, Action<Place> count)
    {
        count(place);
        return new ConfigScalar(place, this, Written);
    }

    internal override ConfigNode Masked() => new ConfigScalar(Place, this, Shape.Mask);
}
