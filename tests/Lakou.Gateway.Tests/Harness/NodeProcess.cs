using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace Lakou.Gateway.Tests.Harness;

/// <summary>A script of <c>tests/node</c>, a peer that others made: it tells line by line what it does, and ends when its input does.</summary>
internal sealed class NodeProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Channel<string> _lines = Channel.CreateBounded<string>(1_000);
    private readonly Task _reading;

    private NodeProcess(Process process)
    {
        _process = process;
        _reading = Task.WhenAll(ReadAsync(process.StandardOutput), ReadAsync(process.StandardError)).ContinueWith(_ => _lines.Writer.Complete(), TaskScheduler.Default);
    }

    /// <summary>Skips the test by name when Node.js or its packages are not here.</summary>
    public static NodeProcess Start(string script, params IEnumerable<string> arguments)
    {
        var folder = Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", "..", "node");
        Assert.SkipUnless(Directory.Exists(Path.Combine(folder, "node_modules")), "The packages of tests/node are not installed (./check does it, or npm ci)");
        try
        {
            return new(Process.Start(new ProcessStartInfo("node", [script, .. arguments])
            {
                WorkingDirectory = folder,
                UseShellExecute = false,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("node is not installed (Debian package nodejs)");
            throw;
        }
    }

    /// <summary>The next line of either output; null when the script has ended.</summary>
    public async Task<string?> ReadLineAsync()
        => await _lines.Reader.WaitToReadAsync(TestContext.Current.CancellationToken) && _lines.Reader.TryRead(out var line) ? line : null;

    /// <summary>A line of the script's input.</summary>
    public async Task WriteLineAsync(string line)
    {
        await _process.StandardInput.WriteLineAsync(line.AsMemory(), TestContext.Current.CancellationToken);
        await _process.StandardInput.FlushAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>All lines to the end of the script.</summary>
    public async Task<IReadOnlyList<string>> ReadToEndAsync()
    {
        var lines = new List<string>();
        while (await ReadLineAsync() is { } line)
        {
            lines.Add(line);
        }

        return lines;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        await _process.WaitForExitAsync(CancellationToken.None);
        while (await _lines.Reader.WaitToReadAsync(CancellationToken.None))
        {
            _lines.Reader.TryRead(out _); // room for the rest
        }

        await _reading;
        _process.Dispose();
    }

    private static string ThisFile([CallerFilePath] string path = "") => path;

    private async Task ReadAsync(StreamReader from)
    {
        while (await from.ReadLineAsync() is { } line)
        {
            await _lines.Writer.WriteAsync(line);
        }
    }
}
