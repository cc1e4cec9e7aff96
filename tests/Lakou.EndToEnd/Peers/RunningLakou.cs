using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Lakou.EndToEnd.Peers;

/// <summary>A process that serves. Killed when the test is over, if it still runs.</summary>
internal sealed class RunningLakou : IAsyncDisposable
{
    private static readonly TimeSpan Guard = TimeSpan.FromSeconds(60); // a slow machine, not an expectation

    private readonly Lock _gate = new();
    private readonly List<string> _lines = [];
    private readonly List<(Regex Pattern, TaskCompletionSource<Match> Found)> _waiters = [];
    private readonly Process _process;

    private RunningLakou(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, line) => Add(line.Data);
        process.ErrorDataReceived += (_, line) => Add(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>Everything it said so far, on either output.</summary>
    public string Said
    {
        get
        {
            lock (_gate)
            {
                return string.Join('\n', _lines);
            }
        }
    }

    public Uri Gateway { get; private set; } = null!;

    public Uri Admin { get; private set; } = null!;

    public int Id => _process.Id;

    /// <summary><c>lakou run</c> or <c>lakou proxy</c> with these arguments; waits until it says where it listens.</summary>
    public static Task<RunningLakou> StartAsync(params string[] arguments) => StartAsync(Binary.Start(arguments));

    public static async Task<RunningLakou> StartAsync(ProcessStartInfo start)
    {
        var running = Start(start);
        try
        {
            running.Gateway = new Uri((await running.LineAsync(@"^  (?:web|gateway) +(http\S+)")).Groups[1].Value);
            running.Admin = new Uri((await running.LineAsync(@"^  admin +(http\S+)")).Groups[1].Value);
            return running;
        }
        catch
        {
            await running.DisposeAsync();
            throw;
        }
    }

    public static RunningLakou Start(params string[] arguments) => Start(Binary.Start(arguments));

    private static RunningLakou Start(ProcessStartInfo start)
    {
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        return new(Process.Start(start)!);
    }

    /// <summary>The first line, past or to come, that the pattern fits.</summary>
    public async Task<Match> LineAsync(string pattern)
    {
        var regex = new Regex(pattern, RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));
        var found = new TaskCompletionSource<Match>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (_lines.Select(line => regex.Match(line)).FirstOrDefault(match => match.Success) is { } match)
            {
                return match;
            }

            _waiters.Add((regex, found));
        }

        var cancelled = TestContext.Current.CancellationToken;
        await Task.WhenAny(found.Task, _process.WaitForExitAsync(cancelled), Task.Delay(Guard, TimeProvider.System, cancelled));
        if (!found.Task.IsCompleted)
        {
            Assert.Fail($"no line fits {pattern}; it said:\n{Said}");
        }

        return await found.Task;
    }

    /// <param name="name"><c>TERM</c>, <c>INT</c>, <c>HUP</c></param>
    public async Task SignalAsync(string name) => Assert.Equal(0, (await Programs.RunAsync("kill", $"-{name}", $"{_process.Id}")).Code);

    public async Task<int> ExitCodeAsync()
    {
        try
        {
            await _process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(Guard, TimeProvider.System, TestContext.Current.CancellationToken);
            return _process.ExitCode;
        }
        catch (TimeoutException)
        {
            Assert.Fail($"it did not end; it said:\n{Said}");
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync(CancellationToken.None);
        }

        _process.Dispose();
    }

    private void Add(string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (_gate)
        {
            _lines.Add(line);
            _waiters.RemoveAll(waiter =>
            {
                var match = waiter.Pattern.Match(line);
                return match.Success && waiter.Found.TrySetResult(match);
            });
        }
    }
}
