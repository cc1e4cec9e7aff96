using System.Diagnostics;
using System.Reflection;

namespace Lakou.Transport.Tests;

/// <summary>Runs an explicit test of this assembly in a process of its own, for what must not happen to the others: a limit, a file of the system replaced.</summary>
internal static class ChildProcess
{
    /// <param name="test">An instance of the class that has the method.</param>
    /// <param name="method">Its name.</param>
    /// <param name="script">For sh, before the tests start in it: <c>"$@"</c> is not to be used.</param>
    /// <param name="through">A program and its arguments that start sh; none for sh itself.</param>
    /// <param name="stop">Kills the process.</param>
    public static async Task RunAsync(TransportTest test, string method, string script, string[] through, CancellationToken stop)
    {
        var program = Environment.ProcessPath!;
        string[] self = string.Equals(Path.GetFileNameWithoutExtension(program), "dotnet", StringComparison.Ordinal)
            ? [program, Assembly.GetExecutingAssembly().Location]
            : [program];
        string[] command = [.. through, "sh", "-c", $"{script} && exec \"$@\"", "sh", .. self, "-noLogo", "-noColor", "-explicit", "only", "-method", $"{test.GetType().FullName}.{method}"];
        var start = new ProcessStartInfo(command[0], command[1..]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        await using var kill = stop.Register(() => process.Kill(entireProcessTree: true));
        var output = process.StandardOutput.ReadToEndAsync(stop);
        var error = process.StandardError.ReadToEndAsync(stop);
        await process.WaitForExitAsync(stop);
        var text = await output + await error;
        Assert.True(process.ExitCode == 0 && text.Contains("Total: 1, Errors: 0, Failed: 0, Skipped: 0", StringComparison.Ordinal), text);
    }
}
