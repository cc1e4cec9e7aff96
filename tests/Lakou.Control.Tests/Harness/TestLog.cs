using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Lakou.Control.Tests.Harness;

/// <summary>Keeps what is said.</summary>
internal sealed class TestLog : ILoggerFactory, ILogger
{
    private readonly ConcurrentQueue<(LogLevel Level, string Message)> _messages = new();

    public IEnumerable<string> Errors => _messages.Where(message => message.Level >= LogLevel.Error).Select(message => message.Message);

    public IEnumerable<string> All => _messages.Select(message => message.Message);

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel))
        {
            _messages.Enqueue((logLevel, formatter(state, exception) + (exception is null ? "" : " | " + exception)));
        }
    }

    public void Dispose()
    {
    }
}
