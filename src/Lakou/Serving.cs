using Lakou.Control;

namespace Lakou;

/// <summary>The life of a process that serves: start, say where, wait for a signal, drain, end.</summary>
internal static class Serving
{
    // Enough for sockets to be closed and the last lines to be written.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);

    /// <param name="loaded">What to serve.</param>
    /// <param name="settings">Of the host.</param>
    /// <param name="started">Tells the operator where it listens.</param>
    /// <param name="duration">Ends by itself after this; null: never.</param>
    /// <returns>One of <see cref="ExitCode"/>.</returns>
    public static async Task<int> RunAsync(LoadResult loaded, HostSettings settings, Action<LakouHost> started, TimeSpan? duration = null)
    {
        if (loaded.Plan is null)
        {
            Report.Problems(Console.Error, loaded.Problems);
            return ExitCode.Configuration;
        }

        // 1. Start. A socket that cannot be bound is no mistake of the file: it may be free the next time.
        LakouHost? host = null;
        using var signals = new Signals(() => Reload(host, settings));
        try
        {
            host = await LakouHost.StartAsync(loaded, settings);
        }
        catch (ConfigurationException e)
        {
            Report.Problems(Console.Error, e.Problems);
            return ExitCode.Failed;
        }

        await using var _ = host;
        started(host);

        // 2. Serve.
        await Task.WhenAny(UntilAsync(duration, settings.Time, signals.Stop), host.StoreFailed);
        if (host.StoreFailed.IsCompleted)
        {
            return ExitCode.Store; // what was accepted is on disk; waiting would only promise more
        }

        // 3. Drain.
        var stopping = host.StopAsync(signals.Now);
        await Task.WhenAny(stopping, UntilAsync(null, settings.Time, signals.Now));
        if (!signals.Now.IsCancellationRequested)
        {
            await stopping;
            return ExitCode.Fine;
        }

        // 4. A second signal: cut, and do not wait for anyone.
        await Task.WhenAny(stopping, Task.Delay(Grace, settings.Time));
        Environment.Exit(ExitCode.Failed);
        return ExitCode.Failed;
    }

    private static void Reload(LakouHost? host, HostSettings settings)
    {
        // The host logs what came of it. Without a file there is nothing to load again.
        if (settings.File is not null)
        {
            _ = host?.ReloadAsync("signal");
        }
    }

    private static async Task UntilAsync(TimeSpan? duration, TimeProvider time, CancellationToken signal)
    {
        try
        {
            await Task.Delay(duration ?? Timeout.InfiniteTimeSpan, time, signal);
        }
        catch (OperationCanceledException)
        {
            // It came.
        }
    }
}
