using System.Diagnostics;

namespace Lakou.Core.Tests.Disk;

/// <summary>Another process, spoken to in lines.</summary>
internal sealed class Shell : IDisposable
{
    private readonly Process _process;

    public Shell(string script)
    {
        _process = Process.Start(new ProcessStartInfo("sh", ["-c", script]) { RedirectStandardInput = true, RedirectStandardOutput = true, UseShellExecute = false })!;
    }

    public int Id => _process.Id;

    /// <summary>Skips the test by name when a program is not installed.</summary>
    public static void Need(string name, string package)
    {
        var exists = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, name)));
        Assert.SkipUnless(exists, $"{name} is not installed (Debian package {package})");
    }

    /// <summary>Its next line; empty when it has ended.</summary>
    public async Task<string> LineAsync(CancellationToken stop)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(TimeSpan.FromSeconds(60));
        return await _process.StandardOutput.ReadLineAsync(patience.Token) ?? "";
    }

    /// <summary>For a shell that does what it reads and says when it is done.</summary>
    public async Task RunAsync(string command, CancellationToken stop)
    {
        await _process.StandardInput.WriteLineAsync(command);
        await _process.StandardInput.FlushAsync(stop);
        Assert.Equal("done", await LineAsync(stop));
    }

    public void Kill()
    {
        _process.Kill(entireProcessTree: true);
        _process.WaitForExit();
    }

    public void Dispose()
    {
        Kill();
        _process.Dispose();
    }
}
