using System.Diagnostics;

namespace Lakou.EndToEnd.Peers;

/// <param name="Code">Of the exit.</param>
/// <param name="Out">Standard output.</param>
/// <param name="Error">Standard error.</param>
internal sealed record Ended(int Code, string Out, string Error)
{
    /// <summary>For the message of an assertion.</summary>
    public override string ToString() => $"exit code {Code}\n--- out\n{Out}\n--- error\n{Error}";
}

/// <summary>Programs of the machine that tests use as peers.</summary>
internal static class Programs
{
    /// <summary>Skips the test by name when a program is not installed.</summary>
    public static void Need(string name, string package)
    {
        var exists = (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Any(folder => File.Exists(Path.Combine(folder, name)));
        Assert.SkipUnless(exists, $"{name} is not installed (Debian package {package})");
    }

    public static Task<Ended> RunAsync(string program, params string[] arguments) => RunAsync(new ProcessStartInfo(program, arguments));

    /// <summary>To its end; killed when the test is given up.</summary>
    /// <param name="input">What it reads; null for what these tests read.</param>
    public static async Task<Ended> RunAsync(ProcessStartInfo start, string? input = null)
    {
        start.RedirectStandardInput = input is not null;
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        using var process = Process.Start(start)!;
        var cancelled = TestContext.Current.CancellationToken;
        await using var kill = cancelled.Register(() => process.Kill(entireProcessTree: true));
        var output = process.StandardOutput.ReadToEndAsync(cancelled);
        var error = process.StandardError.ReadToEndAsync(cancelled);
        if (input is not null)
        {
            await WriteAsync(process.StandardInput, input);
        }

        await process.WaitForExitAsync(cancelled);
        return new(process.ExitCode, await output, await error);
    }

    private static async Task WriteAsync(StreamWriter to, string input)
    {
        try
        {
            await using (to)
            {
                await to.WriteAsync(input);
            }
        }
        catch (IOException)
        {
            // It ended before it had read all.
        }
    }
}
