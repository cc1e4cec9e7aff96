namespace Lakou.Gateway.Upstreams.Discovery;

/// <summary>Where the endpoints of an upstream come from, list by list. Asked by one caller, one call at a time.</summary>
internal interface IEndpointSource : IAsyncDisposable
{
    /// <summary>
    /// The whole list: the first at once, each next when there may be another. A source sets its own pace while all is well; after a
    /// failure the caller waits, and the call after that tells the list even if it is the same as before.
    /// </summary>
    /// <exception cref="DiscoveryException">There is none to be had now.</exception>
    Task<IReadOnlyList<EndpointPlan>> NextAsync(CancellationToken stop);
}

/// <summary>No list could be had.</summary>
/// <param name="reason">One of <see cref="DiscoveryFailure"/>.</param>
/// <param name="message">What happened; what to do. Without names of upstreams.</param>
internal sealed class DiscoveryException(string reason, string message) : Exception(message)
{
    public string Reason => reason;

    /// <summary>The source itself waits until something changed: asking again is worth it at once, and each failure is news.</summary>
    public bool IsNews { get; init; }
}

/// <summary>Why; the labels of the metric.</summary>
internal static class DiscoveryFailure
{
    /// <summary>The name, the service or its port is not known there.</summary>
    public const string NotFound = "not-found";

    /// <summary>Nobody answered in time.</summary>
    public const string Timeout = "timeout";

    /// <summary>No connection, or it broke.</summary>
    public const string Unreachable = "unreachable";

    /// <summary>Credentials are missing or not enough.</summary>
    public const string Denied = "denied";

    /// <summary>An answer that is an error, or none that makes sense.</summary>
    public const string Answer = "answer";

    /// <summary>A file with problems.</summary>
    public const string File = "file";

    public static readonly string[] All = [NotFound, Timeout, Unreachable, Denied, Answer, File];
}
