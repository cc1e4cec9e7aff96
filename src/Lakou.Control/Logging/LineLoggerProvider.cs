using System.Collections.Concurrent;
using System.Text;
using Microsoft.Extensions.Logging;

namespace Lakou.Control.Logging;

/// <summary>
/// Messages for operators, a line each: <c>2026-01-31T12:00:00.000Z info  control: Configuration 2 runs (file): 1 route changed (hello)</c>.
/// What libraries say is written from warning on.
/// </summary>
internal sealed class LineLoggerProvider(TextWriter output, TimeProvider time, LogLevel level) : ILoggerProvider
{
    private readonly ConcurrentDictionary<string, ILogger> _loggers = new(StringComparer.Ordinal);
    private readonly Lock _writeGate = new();

    /// <summary>The least important level that is written; may change at any time.</summary>
    public LogLevel Level { get; set; } = level;

    public ILogger CreateLogger(string categoryName) => _loggers.GetOrAdd(categoryName, static (name, provider) => new LineLogger(provider, name), this);

    public void Dispose() => output.Flush();

    internal void Write(LogLevel level, string category, string message, Exception? exception)
    {
        var line = new StringBuilder(160)
            .Append(time.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'"))
            .Append(' ').Append(Word(level)).Append(' ').Append(category).Append(": ");
        Escape(line, message);
        if (exception is not null)
        {
            Escape(line.Append(" | "), exception.ToString());
        }

        line.Append('\n');
        lock (_writeGate)
        {
            output.Write(line);
            output.Flush();
        }
    }

    /// <summary>Messages hold text from outside: control characters must not move the cursor or begin a line.</summary>
    private static void Escape(StringBuilder line, string text)
    {
        foreach (var c in text)
        {
            _ = c switch
            {
                '\n' => line.Append("\\n"),
                '\r' => line.Append("\\r"),
                '\t' => line.Append("\\t"),
                _ when char.IsControl(c) || c is '\u2028' or '\u2029' => line.Append($"\\u{(int)c:x4}"),
                _ => line.Append(c),
            };
        }
    }

    private static string Word(LogLevel level) => level switch
    {
        LogLevel.Trace or LogLevel.Debug => "debug",
        LogLevel.Information => "info ",
        LogLevel.Warning => "warn ",
        _ => "error",
    };
}
