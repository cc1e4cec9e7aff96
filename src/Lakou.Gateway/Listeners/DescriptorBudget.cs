using Microsoft.Extensions.Logging;

namespace Lakou.Gateway.Listeners;

/// <summary>
/// How many client connections the process's limit of open files can carry. A process that runs out cannot load a file
/// or log either, so connections are refused before that.
/// </summary>
internal static class DescriptorBudget
{
    // What a gateway holds besides connections (libraries, watches, logs, the admin API): 190 were seen after a start.
    private const int Reserved = 256;

    // A client's connection, and one to an endpoint for its request.
    private const int EachConnection = 2;

    // Fewer than this is a mistake of the environment rather than a small machine: nginx starts with 512.
    private const int FewConnections = 512;

    /// <summary>A listener's limit of clients, or what the process can carry of it, which is then logged.</summary>
    /// <param name="limit">As written.</param>
    /// <param name="option">Where it is written.</param>
    public static int Bound(int limit, string option, string listener, ILogger log)
    {
        var (budget, openFiles) = Read();
        if (budget < limit)
        {
            log.Log(
                budget < FewConnections ? LogLevel.Warning : LogLevel.Information,
                "Listener {Listener} takes {Max} clients at a time, not {Limit}: the process may open {OpenFiles} files. Raise that (ulimit -n, LimitNOFILE=) or lower {Option}.",
                listener,
                budget,
                limit,
                openFiles,
                option);
        }

        return Math.Min(limit, budget);
    }

    /// <summary>From <c>/proc/self/limits</c>, whose soft limit the runtime has raised to the hard one; no bound where there is none.</summary>
    public static (int Connections, long OpenFiles) Read()
        => OperatingSystem.IsLinux() && File.Exists("/proc/self/limits") ? Of(File.ReadAllText("/proc/self/limits")) : (int.MaxValue, long.MaxValue);

    /// <param name="limits">The text of proc_pid_limits(5).</param>
    public static (int Connections, long OpenFiles) Of(string limits)
    {
        const string Line = "Max open files";
        var at = limits.IndexOf(Line, StringComparison.Ordinal);
        var fields = at < 0 ? [] : limits[(at + Line.Length)..].Split(' ', 2, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return fields.Length > 0 && long.TryParse(fields[0], out var files)
            ? ((int)Math.Clamp((files - Reserved) / EachConnection, 1, int.MaxValue), files)
            : (int.MaxValue, long.MaxValue);
    }
}
