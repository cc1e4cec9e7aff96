using System.Net;

namespace Lakou.Client;

/// <summary>Lakou refused, or could not be reached.</summary>
public sealed class LakouException : Exception
{
    internal LakouException(string message, Exception? inner)
        : base(message, inner)
    {
    }

    /// <summary>The fault's stable code, such as <c>topic/unknown</c>; null when the answer was not Lakou's, or there was none.</summary>
    public string? Fault { get; internal init; }

    /// <summary>Of the answer; null when there was none.</summary>
    public HttpStatusCode? Status { get; internal init; }

    /// <summary>How long to wait before the same is tried again, when the answer says it.</summary>
    public TimeSpan? RetryAfter { get; internal init; }

    /// <summary>Whether the same may succeed later.</summary>
    public bool IsTransient => Status is null or HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable
        or HttpStatusCode.GatewayTimeout or HttpStatusCode.InsufficientStorage;
}
