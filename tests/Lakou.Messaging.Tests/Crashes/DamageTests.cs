using System.Globalization;
using Lakou.Gateway.Tests.Harness;
using Lakou.Log.Tests.Harness;
using Lakou.Messaging.Store;
using Microsoft.Extensions.Logging;

namespace Lakou.Messaging.Tests.Crashes;

/// <summary>
/// Bits of a small store flip, and its files end early. A start reports it, or serves exactly what was written; nobody ever gets an event that nobody sent.
/// </summary>
public sealed class DamageTests
{
    // Every byte: LAKOU_STRIDE=1.
    private static readonly int s_stride = int.Parse(Environment.GetEnvironmentVariable("LAKOU_STRIDE") ?? "61", CultureInfo.InvariantCulture);

    [Fact]
    public async Task A_flipped_bit_is_reported_or_changes_nothing()
    {
        var (written, memory) = await WriteAsync();
        var random = new Random(5);
        var reported = 0;
        foreach (var path in Files(written, "/data"))
        {
            for (var at = random.Next(s_stride); at < written.Contents(path).Length; at += s_stride)
            {
                var disk = written.Copy();
                disk.Flip(path, at, (byte)(1 << random.Next(8)));
                reported += await IsReportedAsync(disk, memory, $"{path} at {at}") ? 1 : 0;
            }
        }

        Assert.True(reported > 0);
    }

    [Fact]
    public async Task A_file_that_ends_early_is_reported_or_changes_nothing()
    {
        var (written, memory) = await WriteAsync();
        foreach (var path in Files(written, "/data"))
        {
            for (var length = 0; length < written.Contents(path).Length; length += s_stride * 4)
            {
                var disk = written.Copy();
                disk.Truncate(path, length);
                await IsReportedAsync(disk, memory, $"{path} of length {length}");
            }
        }
    }

    private static async Task<(SimulatedDisk Disk, Memory Memory)> WriteAsync()
    {
        var disk = new SimulatedDisk();
        var memory = await Life.NewMemoryAsync();
        var life = await Life.StartAsync(disk, new ManualTime(), memory);
        await life.WorkAsync();
        return (disk.Crash(null), memory);
    }

    private static string[] Files(SimulatedDisk disk, string directory)
        => [.. disk.Files(directory).Select(name => $"{directory}/{name}"), .. disk.Directories(directory).SelectMany(name => Files(disk, $"{directory}/{name}"))];

    private static async Task<bool> IsReportedAsync(SimulatedDisk disk, Memory memory, string what)
    {
        using var log = new Reports();
        try
        {
            var life = await Life.StartAsync(disk, new ManualTime(), memory.Fork(), loggers: log);
            life.Read();
            Assert.True(log.Any || Picture.Of(life.Store.State) == memory.PictureAt(memory.Answered), $"{what}: nothing was reported, and it is\n{Picture.Of(life.Store.State)}");
            await life.GoOnAsync();
            return log.Any;
        }
        catch (StoreException)
        {
            return true;
        }
        catch (Exception e) when (e is not Xunit.Sdk.IAssertionException)
        {
            throw new InvalidOperationException($"{what}: {e.Message}", e);
        }
    }

    /// <summary>Whether an operator was told that something is wrong.</summary>
    private sealed class Reports : ILoggerFactory, ILogger
    {
        public bool Any { get; private set; }

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull
            => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Any |= logLevel >= LogLevel.Warning;

        public void Dispose()
        {
        }
    }
}
