using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lakou.Client;

/// <summary>Where Lakou is, and how long it may be away.</summary>
public sealed class LakouClientOptions
{
    /// <summary>The admin listener, <c>http://127.0.0.1:9900</c>, or a route with <c>backbone</c>: <c>https://api.example.org/backbone</c>.</summary>
    public Uri Address { get; set; } = new("http://127.0.0.1:9900");

    /// <summary>Sent as <c>Authorization: Bearer</c>; null for none.</summary>
    public string? Token { get; set; }

    /// <summary>How long a call is tried again while Lakou cannot be reached or answers 429, 502, 503, 504 or 507. Consumers try for ever.</summary>
    public TimeSpan RetryFor { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long one answer may take, beyond the time that the request asks it to wait.</summary>
    public TimeSpan AnswerWithin { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; set; } = TimeProvider.System;

    /// <summary>Gets what consumers meet: Lakou away, handlers that fail, leases that were lost.</summary>
    public ILoggerFactory Loggers { get; set; } = NullLoggerFactory.Instance;
}
