using System.Diagnostics;

namespace Lakou.Core.Tests.Metrics;

/// <summary>The judge of the exposition format: <c>promtool check metrics</c> of the Debian package <c>prometheus</c>.</summary>
internal static class Promtool
{
    private static readonly string? s_path = (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
        .Select(folder => Path.Combine(folder, "promtool"))
        .FirstOrDefault(File.Exists);

    /// <summary>Fails the test when promtool refuses the text or has a lint note; skips it by name when promtool is not installed.</summary>
    public static async Task Accepts(ReadOnlyMemory<byte> exposition)
    {
        Assert.SkipUnless(s_path is not null, "promtool is not installed (Debian package prometheus)");
        var start = new ProcessStartInfo(s_path!, ["check", "metrics"])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process promtool = Process.Start(start)!;
        CancellationToken cancelled = TestContext.Current.CancellationToken;
        Task<string> said = promtool.StandardOutput.ReadToEndAsync(cancelled);
        Task<string> complained = promtool.StandardError.ReadToEndAsync(cancelled);
        await promtool.StandardInput.BaseStream.WriteAsync(exposition, cancelled);
        promtool.StandardInput.Close();
        await promtool.WaitForExitAsync(cancelled);
        Assert.Equal("", await said + await complained);
        Assert.Equal(0, promtool.ExitCode);
    }
}
