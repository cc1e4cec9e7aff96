using System.Globalization;
using System.Text.Json;
using Lakou.Core.Configuration;
using Lakou.Core.Faults;

namespace Lakou.Messaging.Events;

/// <summary>
/// Which events are meant: <c>{ type: order.*, source: /shop, region: [eu, us] }</c>. All attributes must match, each by any of its values; a value that ends in
/// <c>*</c> is the beginning of one. Integers and booleans are compared as they are written.
/// </summary>
internal sealed record EventFilterOptions(IReadOnlyDictionary<string, IReadOnlyList<string>> Attributes)
{
    private const int MostValues = 256;
    private const int LongestValue = 1024;
    private const string ValueRequirement = "'*' stands only at the end, for any rest";
    private const string NameRequirement = $"{AttributeRules.NameRequirement} or 'specversion', which is always 1.0";
    private static readonly string Most = $"at most {EventLimits.MostAttributes} attributes";

    private static readonly Shape<string> ValueShape = Shapes.Text(1, LongestValue).Where(IsValue, ValueRequirement);

    /// <summary>In the configuration.</summary>
    public static Shape<EventFilterOptions> Shape { get; } = Shapes
        .Map(Shapes.List(ValueShape, 1, MostValues).Or(ValueShape, one => [one]), IsName, NameRequirement)
        .Where(map => map.Count <= EventLimits.MostAttributes, Most)
        .As(map => new EventFilterOptions(map), options => options.Attributes);

    /// <summary>The same as JSON, in a request: <c>{"type":"order.*","region":["eu","us"]}</c>.</summary>
    public static Fault? Parse(ReadOnlySpan<byte> json, out EventFilterOptions options)
    {
        options = new(new Dictionary<string, IReadOnlyList<string>>());
        if (JsonText.CheckUtf8(json) is { } notUtf8)
        {
            return EventFaults.BadFilter.With(notUtf8.Detail);
        }

        try
        {
            var reader = new Utf8JsonReader(json);
            reader.Read();
            var read = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);
            var wrong = ReadObject(ref reader, read);
            _ = wrong is null && reader.Read(); // nothing may follow
            options = new(read);
            return wrong is null ? null : EventFaults.BadFilter.With(wrong);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return EventFaults.BadFilter.With(e is JsonException broken ? JsonText.Broken(broken).Detail : "half of a surrogate pair");
        }
    }

    private static string? ReadObject(ref Utf8JsonReader reader, Dictionary<string, IReadOnlyList<string>> into)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            return "not a filter; an object of attributes and their values";
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            var values = new List<string>();
            reader.Read();
            var wrong = !IsName(name) ? $"is not allowed; {NameRequirement}"
                : into.Count == EventLimits.MostAttributes ? $"is one too many; {Most}"
                : ReadValues(ref reader, values) ?? (into.TryAdd(name, values) ? null : "there twice; once");
            if (wrong is not null)
            {
                return $"{EventFaults.Show(name)}: {wrong}";
            }
        }

        return null;
    }

    private static string? ReadValues(ref Utf8JsonReader reader, List<string> into)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            return ReadValue(ref reader, into);
        }

        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (ReadValue(ref reader, into) is { } wrong)
            {
                return wrong;
            }
        }

        return into.Count == 0 ? "an empty list matches nothing; 1 to 256 values" : null;
    }

    private static string? ReadValue(ref Utf8JsonReader reader, List<string> into)
    {
        var value = reader.TokenType switch
        {
            JsonTokenType.String => reader.GetString(),
            JsonTokenType.True => "true",
            JsonTokenType.False => "false",
            JsonTokenType.Number when reader.TryGetInt32(out var integer) => integer.ToString(CultureInfo.InvariantCulture),
            _ => null,
        };
        var wrong = value is null ? "expected a string, an integer, a boolean or a list of them"
            : value.Length is 0 or > LongestValue ? $"a value of {value.Length} characters; 1 to {LongestValue}"
            : !IsValue(value) ? $"{EventFaults.Show(value)} is not allowed; {ValueRequirement}"
            : into.Count == MostValues ? $"more than {MostValues} values"
            : null;
        if (wrong is null)
        {
            into.Add(value!);
        }

        return wrong;
    }

    private static bool IsName(string name) => AttributeRules.IsName(name) && name != "specversion";

    private static bool IsValue(string value) => value.IndexOf('*', StringComparison.Ordinal) is var star && (star < 0 || star == value.Length - 1);
}
