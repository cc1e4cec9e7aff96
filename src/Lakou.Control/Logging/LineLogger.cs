using Microsoft.Extensions.Logging;

namespace Lakou.Control.Logging;

internal sealed class LineLogger(LineLoggerProvider provider, string category) : ILogger
{
    // What Kestrel calls an error of a connection (Kestrel.Http2, Kestrel.Connections, …), or even critical, is something that a client
    // did, as often as it likes; the listener counts it.
    private readonly LogLevel _least = category.StartsWith("Lakou", StringComparison.Ordinal) ? LogLevel.Trace
        : category.StartsWith("Microsoft.AspNetCore.Server.Kestrel.", StringComparison.Ordinal) ? LogLevel.None
        : category.StartsWith("Microsoft.AspNetCore.Server.Kestrel", StringComparison.Ordinal) ? LogLevel.Critical
        : LogLevel.Warning;

    private readonly string _name = Short(category);

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel)
        => logLevel != LogLevel.None && logLevel >= provider.Level && logLevel >= _least;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel))
        {
            provider.Write(logLevel, _name, formatter(state, exception), exception);
        }
    }

    /// <summary><c>Lakou.Listener.web</c> is <c>listener.web</c>, <c>Microsoft.AspNetCore.Server.Kestrel</c> is <c>kestrel</c>.</summary>
    private static string Short(string category)
        => (category.StartsWith("Lakou.", StringComparison.Ordinal) ? category["Lakou.".Length..] : category[(category.LastIndexOf('.') + 1)..]).ToLowerInvariant();
}
