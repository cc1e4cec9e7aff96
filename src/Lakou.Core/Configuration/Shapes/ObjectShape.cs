using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Nodes;

namespace Lakou.Core.Configuration;

/// <summary>
/// A map with known keys, read into an options record. Immutable: every call returns a new shape. Nothing written means all defaults.
/// </summary>
public sealed class ObjectShape<T> : Shape<T>
{
    private readonly string title;
    private readonly string doc;
    private readonly Func<T> create;
    private readonly ImmutableList<Member> members;
    private readonly ImmutableList<Action<T, ConfigNode, Problems>> checks;
    private readonly Dictionary<string, Member> byKey;

    internal ObjectShape(string title, string doc, Func<T> create)
        : this(title, doc, create, [], [])
    {
    }

    private ObjectShape(string title, string doc, Func<T> create, ImmutableList<Member> members, ImmutableList<Action<T, ConfigNode, Problems>> checks)
    {
        (this.title, this.doc, this.create, this.members, this.checks) = (title, doc, create, members, checks);
        byKey = members.ToDictionary(member => member.Row.Key, StringComparer.Ordinal);
    }

    private delegate bool ReadMember(ConfigNode node, Problems problems, ref T target);

    public override string Expected => "a map";

    public override string TypeName => $"[{title}](#{title})";

    public override NodeKinds Accepts => NodeKinds.Map | NodeKinds.Nothing;

    public override IEnumerable<Shape> Parts => members.Select(member => member.Row.Shape);

    public override ReferenceSection Section => new(title, doc, [.. members.Select(member => member.Row)]);

    /// <summary>A key that may be left out. <paramref name="get"/> on fresh options tells its default.</summary>
    public ObjectShape<T> Field<TValue>(string key, Shape<TValue> shape, Func<T, TValue?> get, Func<T, TValue, T> set, string doc) =>
        With(key, shape, options => get(options) is { } value ? shape.Write(value) : null, set, false, doc);

    /// <inheritdoc cref="Field{TValue}(string, Shape{TValue}, Func{T, TValue}, Func{T, TValue, T}, string)"/>
    public ObjectShape<T> Field<TValue>(string key, Shape<TValue> shape, Func<T, TValue?> get, Func<T, TValue, T> set, string doc)
        where TValue : struct => With(key, shape, options => get(options) is { } value ? shape.Write(value) : null, set, false, doc);

    /// <summary>A key that must be written.</summary>
    public ObjectShape<T> Required<TValue>(string key, Shape<TValue> shape, Func<T, TValue?> get, Func<T, TValue, T> set, string doc) =>
        With(key, shape, options => get(options) is { } value ? shape.Write(value) : null, set, true, doc);

    /// <inheritdoc cref="Required{TValue}(string, Shape{TValue}, Func{T, TValue}, Func{T, TValue, T}, string)"/>
    public ObjectShape<T> Required<TValue>(string key, Shape<TValue> shape, Func<T, TValue?> get, Func<T, TValue, T> set, string doc)
        where TValue : struct => With(key, shape, options => get(options) is { } value ? shape.Write(value) : null, set, true, doc);

    /// <summary>A rule about several members. Runs when each member by itself is right.</summary>
    public ObjectShape<T> Check(Action<T, ConfigNode, Problems> check) => new(title, doc, create, members, checks.Add(check));

    public override JsonObject Schema(SchemaDefinitions definitions) => definitions.Define(title, () =>
    {
        var schema = new JsonObject { ["description"] = doc };
        var required = members.Where(member => member.Row.IsRequired).Select(member => (JsonNode?)member.Row.Key).ToArray();
        schema["type"] = required.Length > 0 ? "object" : new JsonArray("object", "null");
        schema["properties"] = new JsonObject(members.Select(member => KeyValuePair.Create(member.Row.Key, (JsonNode?)member.Row.Schema(definitions))));
        schema["additionalProperties"] = false;
        if (required.Length > 0)
        {
            schema["required"] = new JsonArray(required);
        }

        return schema;
    });

    /// <summary>What differs from the defaults.</summary>
    public override JsonNode? Write(T value)
    {
        var written = new JsonObject();
        foreach (var member in members)
        {
            var json = member.Write(value);
            if (!JsonNode.DeepEquals(json, member.Row.Default))
            {
                written[member.Row.Key] = json;
            }
        }

        return written;
    }

    protected override JsonNode? Display(ConfigNode node) =>
        new JsonObject(((ConfigMap)node).Entries.Select(entry => KeyValuePair.Create(entry.Name,
            byKey.TryGetValue(entry.Name, out var member) ? member.Row.Shape.ToDisplay(entry.Value) : Mask)));

    protected override bool Read(ConfigNode node, Problems problems, [MaybeNullWhen(false)] out T value)
    {
        var before = problems.Added;
        var usable = new HashSet<string>(StringComparer.Ordinal);
        var map = node as ConfigMap;
        value = create();
        foreach (var entry in map?.Entries ?? [])
        {
            if (!byKey.TryGetValue(entry.Name, out var member))
            {
                problems.Add(entry.Key, $"unknown key {entry.Key.Description}{Nearest.Suggest(entry.Name, byKey.Keys)}");
            }
            else if (member.Read(entry.Value, problems, ref value))
            {
                usable.Add(entry.Name);
            }
        }

        var required = members.Where(member => member.Row.IsRequired).Select(member => member.Row.Key).ToList();
        foreach (var missing in required.Where(key => map is null || !map.TryGet(key, out _)))
        {
            problems.Add(node, $"required key '{missing}' is missing");
        }

        for (var i = 0; i < checks.Count && problems.Added == before; i++)
        {
            checks[i](value, node, problems);
        }

        return required.TrueForAll(usable.Contains);
    }

    private ObjectShape<T> With<TValue>(string key, Shape<TValue> shape, Func<T, JsonNode?> write, Func<T, TValue, T> set, bool isRequired, string text)
    {
        var row = new ReferenceRow(key, shape, isRequired ? null : write(create()), isRequired, text);
        return new(title, doc, create, members.Add(new Member(row, write, Read)), checks);

        bool Read(ConfigNode node, Problems problems, ref T target)
        {
            var usable = shape.ReadUsable(node, problems, out var value);
            target = usable ? set(target, value!) : target;
            return usable;
        }
    }

    private sealed record Member(ReferenceRow Row, Func<T, JsonNode?> Write, ReadMember Read);
}
