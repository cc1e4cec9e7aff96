namespace Lakou.Client.Http;

/// <summary>One request, which may be sent more than once.</summary>
/// <param name="Path">Relative to the address.</param>
internal sealed record Call(HttpMethod Method, string Path)
{
    public ReadOnlyMemory<byte> Body { get; init; }

    public string ContentType { get; init; } = CloudEvent.JsonType;

    public string? LastEventId { get; init; }

    /// <summary>How long the request asks Lakou to wait.</summary>
    public TimeSpan Wait { get; init; }

    /// <summary>How long it is tried; null for the client's time, infinite for ever.</summary>
    public TimeSpan? RetryFor { get; init; }

    public static string Of(string noun, string name, string tail) => $"v1/{noun}/{Uri.EscapeDataString(name)}/{tail}";
}
