using Lakou.Control.Logging;
using Microsoft.Extensions.Logging;

namespace Lakou.Control.Tests.Logging;

public sealed class LineLoggerTests
{
    [Fact]
    public void A_message_is_one_line_whatever_it_holds()
    {
        var line = Written("Lakou.Listener.web", log => log.LogWarning("from {Client}", "a\nb\u001b[31m"));
        Assert.Equal("2026-01-31T12:00:00.000Z warn  listener.web: from a\\nb\\u001b[31m\n", line);
    }

    [Fact]
    public void An_exception_stays_on_the_line()
    {
        var line = Written("Lakou.Gateway", log => log.LogError(new InvalidOperationException("first\nsecond"), "lakou/bug"));
        Assert.Equal(1, line.Count(c => c == '\n'));
        Assert.Contains("error gateway: lakou/bug | System.InvalidOperationException: first\\nsecond", line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Lakou.Control", LogLevel.Information, true)]
    [InlineData("Lakou.Control", LogLevel.Debug, false)]
    [InlineData("Microsoft.Extensions.Hosting", LogLevel.Information, false)]
    [InlineData("Microsoft.Extensions.Hosting", LogLevel.Warning, true)]
    [InlineData("Microsoft.AspNetCore.Server.Kestrel.Http2", LogLevel.Critical, false)]
    [InlineData("Microsoft.AspNetCore.Server.Kestrel", LogLevel.Critical, true)]
    public void Libraries_are_heard_from_warning_on_and_kestrel_only_when_it_fails_itself(string category, LogLevel level, bool written)
        => Assert.Equal(written, Written(category, log => log.Log(level, "x")).Length > 0);

    private static string Written(string category, Action<ILogger> say)
    {
        using var output = new StringWriter();
        using var provider = new LineLoggerProvider(output, new Noon(), LogLevel.Information);
        say(provider.CreateLogger(category));
        return output.ToString();
    }

    private sealed class Noon : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);
    }
}
