namespace Lakou.Core.Configuration;

/// <summary>The shapes that options are declared with.</summary>
public static class Shapes
{
    internal const int LongestText = 64 * 1024; // holds every sensible body of a fixed answer

    /// <summary>Text as it is written, whatever it looks like.</summary>
    /// <param name="pattern">Of the whole text; in the common part of .NET's and ECMAScript's expressions, without look-around and back references.</param>
    /// <param name="expected">As in "expected …", said when the pattern does not match: <c>a header name</c>.</param>
    public static Shape<string> Text(int minLength = 1, int maxLength = LongestText, string? pattern = null, string expected = "text") =>
        new TextShape(minLength, maxLength, pattern, expected);

    public static Shape<int> Integer(int min = int.MinValue, int max = int.MaxValue) =>
        new RangeShape<long>(Measures.Integer, min == int.MinValue ? null : min, max == int.MaxValue ? null : max).As(value => (int)value, value => value);

    public static Shape<double> Number(double? min = null, double? max = null) => new RangeShape<double>(Measures.Number, min, max);

    /// <summary><c>true</c> or <c>false</c>, nothing else.</summary>
    public static Shape<bool> Flag() => new FlagShape();

    /// <summary><see cref="Durations"/>. Without a maximum at most 49 days, which a timer can wait.</summary>
    public static Shape<TimeSpan> Duration(TimeSpan? min = null, TimeSpan? max = null) => new RangeShape<TimeSpan>(Measures.Duration, min, max);

    /// <summary><see cref="Sizes"/>, in bytes. Without a maximum at most 1 TiB.</summary>
    public static Shape<long> Size(long? min = null, long? max = null) => new RangeShape<long>(Measures.Size, min, max);

    /// <summary><c>20%</c> is 0.2.</summary>
    public static Shape<double> Share(double min = 0, double max = 1) => new RangeShape<double>(Measures.Share, min, max);

    public static Shape<T> Choice<T>(params (string Name, T Value)[] choices) => new ChoiceShape<T>(choices);

    /// <summary>A text with a grammar of its own: <c>expected a CIDR range such as 10.0.0.0/8, not 'x'</c>.</summary>
    /// <param name="typeName">One word for the reference page.</param>
    /// <param name="pattern">For editors; the parser decides.</param>
    public static Shape<T> Parsed<T>(string typeName, string expected, TryParse<T> parse, Func<T, string> format, string? pattern = null) =>
        new ParsedShape<T>(typeName, expected, parse, format, pattern);

    public static Shape<IReadOnlyList<T>> List<T>(Shape<T> item, int min = 0, int max = int.MaxValue) => new ListShape<T>(item, min, max);

    /// <summary>Keys of any text.</summary>
    /// <param name="isKey">Which keys are allowed; <paramref name="keyRequirement"/> tells what would be right.</param>
    public static Shape<IReadOnlyDictionary<string, T>> Map<T>(Shape<T> value, Func<string, bool>? isKey = null, string keyRequirement = "") =>
        new MapShape<T>(value, isKey is null ? null : new KeyRule(isKey, keyRequirement, null));

    /// <summary>Keys are names: <c>[a-z0-9][a-z0-9._-]{0,62}</c>.</summary>
    public static Shape<IReadOnlyDictionary<string, T>> Named<T>(Shape<T> value) => new MapShape<T>(value, KeyRule.Name);

    /// <summary>Known keys, each with its own shape; null where the operator switched one off with <c>false</c>.</summary>
    public static Shape<IReadOnlyDictionary<string, object?>> Variants(
        IReadOnlyList<(string Name, Shape<object> Shape, string Doc)> variants, string title = "filters", string doc = "Each at most once; `false` switches one off.") =>
        new VariantsShape(title, doc, variants);

    /// <param name="title">Kebab-case and unique: its heading in the reference and its name in the schema.</param>
    /// <param name="doc">One or two sentences, Markdown.</param>
    /// <param name="create">Fresh options: all defaults.</param>
    public static ObjectShape<T> Object<T>(string title, string doc, Func<T> create) => new(title, doc, create);
}
