using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;

namespace Lakou.Core.Configuration;

/// <summary>
/// What may be written at one place of the configuration. One declaration yields the reading with its messages, the JSON Schema,
/// the reference page and the display without secrets.
/// </summary>
public abstract class Shape
{
    /// <summary>What stands for a secret.</summary>
    public const string Mask = "***";

    /// <summary>As in "expected …": <c>a duration such as 5s or 250ms</c>.</summary>
    public abstract string Expected { get; }

    /// <summary>The reference page's word for it, as Markdown: <c>duration</c>, <c>list of text</c>, <c>[breaker](#breaker)</c>.</summary>
    public abstract string TypeName { get; }

    /// <summary><c>1 to 100</c>, or the choices; empty when anything of the type goes.</summary>
    public virtual string Range => "";

    /// <summary>Which kinds of node it reads at all.</summary>
    public abstract NodeKinds Accepts { get; }

    /// <summary>Whether nothing of what is written may be shown or quoted.</summary>
    public virtual bool IsSecret => false;

    /// <summary>The shapes inside it, in the order of documentation.</summary>
    public virtual IEnumerable<Shape> Parts => [];

    /// <summary>Its own heading on the reference page, if it has one.</summary>
    public virtual ReferenceSection? Section => null;

    /// <summary>JSON Schema 2020-12. Shapes with names put themselves into the definitions and return a reference.</summary>
    public abstract JsonObject Schema(SchemaDefinitions definitions);

    /// <summary>Whether the kind of the node fits.</summary>
    public bool Reads(ConfigNode node) => (Accepts & node.Kind) != NodeKinds.None;

    /// <summary>
    /// What was written, as JSON: references unexpanded, secrets as <see cref="Mask"/>. What no shape knows is masked too,
    /// since a misspelt key may hold a secret.
    /// </summary>
    public JsonNode? ToDisplay(ConfigNode node) =>
        IsSecret || !Reads(node) ? Mask : node.Kind == NodeKinds.Nothing ? null : Display(node);

    /// <param name="node">Of a kind that <see cref="Accepts"/> names, and not nothing.</param>
    protected virtual JsonNode? Display(ConfigNode node) => node is ConfigScalar scalar ? scalar.Written : Mask;

    /// <summary><c>expected a duration such as 5s or 250ms, not 'abc'</c></summary>
    protected string NotExpected(ConfigNode node) => $"expected {Expected}, not {node.Description}";
}

/// <inheritdoc/>
/// <typeparam name="T">What is read.</typeparam>
public abstract class Shape<T> : Shape
{
    /// <summary>Reads a value. False when it found anything wrong: the problems say what, and <paramref name="value"/> is what could be read, if anything.</summary>
    public bool TryRead(ConfigNode node, Problems problems, [MaybeNullWhen(false)] out T value)
    {
        var before = problems.Added;
        return ReadUsable(node, problems, out value) && problems.Added == before;
    }

    /// <summary>
    /// Reads what can be used, so that one mistake does not hide others. False when there is no value at all; true says nothing about problems.
    /// </summary>
    public bool ReadUsable(ConfigNode node, Problems problems, [MaybeNullWhen(false)] out T value)
    {
        node = IsSecret ? node.Masked() : node;
        var wrong = node is ConfigScalar { Broken: { } why } ? why // said before; repetitions collapse, and the reader learns of it
            : !Reads(node) ? NotExpected(node) : null;
        if (wrong is null)
        {
            return Read(node, problems, out value);
        }

        problems.Add(node, wrong);
        value = default;
        return false;
    }

    /// <summary>A value the way it is written, for defaults; null when there is nothing to show.</summary>
    public abstract JsonNode? Write(T value);

    /// <param name="node">Of a kind that <see cref="Shape.Accepts"/> names.</param>
    protected abstract bool Read(ConfigNode node, Problems problems, [MaybeNullWhen(false)] out T value);

    /// <summary>The same writing read as another type. Only values without a problem are converted.</summary>
    public Shape<TOther> As<TOther>(Func<T, TOther> to, Func<TOther, T> from) => new ConvertedShape<T, TOther>(this, to, from);

    /// <summary>As an object, where shapes of different types stand in one list.</summary>
    public Shape<object> Boxed() => As<object>(value => value!, value => (T)value);

    /// <summary>Refuses values: <c>3 is not allowed; a power of two</c>.</summary>
    /// <param name="requirement">What would be right.</param>
    public Shape<T> Where(Func<T, bool> isAllowed, string requirement) => new RestrictedShape<T>(this, isAllowed, requirement);

    /// <summary>Another way to write it, as a string where a one-field map would be silly.</summary>
    public Shape<T> Or<TOther>(Shape<TOther> other, Func<TOther, T> convert) => new EitherShape<T, TOther>(this, other, convert);

    /// <summary>Shown as <see cref="Shape.Mask"/>, and never quoted by a message.</summary>
    public Shape<T> Secret() => new SecretShape<T>(this);
}
