using Lakou.Core.Configuration;
using Lakou.Gateway.Observation;
using Microsoft.Extensions.Logging;

namespace Lakou.Control;

internal sealed record LogOptions
{
    public AccessLogFormat Access { get; init; } = AccessLogFormat.Json;

    public LogLevel Level { get; init; } = LogLevel.Information;

    public static Shape<LogOptions> Shape { get; } = Shapes.Object("log", "What is written to standard output (a line for each request) and standard error (what happens to Lakou itself).", () => new LogOptions())
        .Field("access", Shapes.Choice(("json", AccessLogFormat.Json), ("text", AccessLogFormat.Text), ("off", AccessLogFormat.Off)), o => o.Access, (o, v) => o with { Access = v }, "The line of each request: JSON, a readable line, or none.")
        .Field("level", Shapes.Choice(("debug", LogLevel.Debug), ("info", LogLevel.Information), ("warning", LogLevel.Warning), ("error", LogLevel.Error)), o => o.Level, (o, v) => o with { Level = v }, "The least important message that is written to standard error.");
}
