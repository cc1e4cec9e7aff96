using System.Text;
using System.Text.Json;

namespace Lakou.Client;

/// <summary>An event in the sense of CloudEvents 1.0: attributes that tell what happened, and data.</summary>
/// <param name="Type">What happened: <c>order.placed</c>.</param>
/// <param name="Source">Where: a URI reference such as <c>/shop</c>. With <see cref="Id"/> it names the event.</param>
public sealed record CloudEvent(string Type, string Source)
{
    internal const string JsonType = "application/json";

    /// <summary>Unique within <see cref="Source"/>: an event that is sent twice within the <c>dedup</c> of its topic is stored once. A UUID of version 7 unless it is set.</summary>
    public string Id { get; init; } = Guid.CreateVersion7().ToString();

    /// <summary>What it is about within the source, an order's number; by default what decides the partition, and so the order.</summary>
    public string? Subject { get; init; }

    /// <summary>When it happened.</summary>
    public DateTimeOffset? Time { get; init; }

    /// <summary>Media type of <see cref="Data"/>; null for JSON.</summary>
    public string? DataContentType { get; init; }

    /// <summary>A URI that describes <see cref="Data"/>.</summary>
    public string? DataSchema { get; init; }

    /// <summary>Other attributes; names are <c>a–z</c> and <c>0–9</c>.</summary>
    public IReadOnlyDictionary<string, string> Extensions { get; init; } = new Dictionary<string, string>();

    /// <summary>The bytes of the data: UTF-8 where they are JSON or text. Empty for none.</summary>
    public ReadOnlyMemory<byte> Data { get; init; }

    /// <summary>An event whose data is a value as JSON.</summary>
    /// <param name="type">What happened.</param>
    /// <param name="source">Where.</param>
    /// <param name="data">Serialized at once; what is changed later does not count.</param>
    /// <param name="json">Null for camel case names, as of the web.</param>
    public static CloudEvent Of<T>(string type, string source, T data, JsonSerializerOptions? json = null)
        => new(type, source) { DataContentType = JsonType, Data = JsonSerializer.SerializeToUtf8Bytes(data, json ?? JsonSerializerOptions.Web) };

    /// <summary>The data, read as JSON.</summary>
    /// <param name="json">Null for camel case names, as of the web.</param>
    /// <exception cref="JsonException">The data is not JSON, or not of this type.</exception>
    public T? DataAs<T>(JsonSerializerOptions? json = null) => JsonSerializer.Deserialize<T>(Data.Span, json ?? JsonSerializerOptions.Web);

    /// <summary>The data, read as UTF-8 text.</summary>
    public string DataAsText() => Encoding.UTF8.GetString(Data.Span);
}
