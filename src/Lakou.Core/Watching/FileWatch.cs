using System.Security.Cryptography;
using System.Text;

namespace Lakou.Core.Watching;

/// <summary>
/// Tells when the content of any of some files changed, however it came about: written in place, renamed over, or a symbolic link
/// turned elsewhere (Kubernetes' <c>..data</c>). Notifications say when to look; the content says whether anything changed.
/// <code>
/// notification ─ 200 ms of quiet, at most 2 s ─┐
///                          every 5 s ──────────┴─ hash of all contents ─ differs → changed()
/// </code>
/// </summary>
public sealed class FileWatch : IAsyncDisposable
{
    // An editor or a tool writes several files, or one in pieces, within this time.
    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(2);

    // Network mounts and some overlays send no notifications. Hashing the 2 MiB of 10,000 routes this often is 0.1% of a core.
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private readonly Func<IReadOnlyList<string>> _files;
    private readonly Func<Task> _changed;
    private readonly TimeProvider _time;
    private readonly Action<string> _warn;
    private readonly DirectoryNotifications _notifications;
    private readonly ITimer _timer;
    private readonly SemaphoreSlim _checkGate = new(1, 1);
    private readonly Lock _timerGate = new();
    private long _firstTouch;
    private string _seen = "";
    private bool _disposed;

    /// <param name="files">Absolute paths, asked for each time.</param>
    /// <param name="changed">Also called once at the start: what changed before the watch began is not missed.</param>
    /// <param name="time">For the wait.</param>
    /// <param name="warn">Told when notifications cannot be had, and when a look at the files failed.</param>
    public FileWatch(Func<IReadOnlyList<string>> files, Func<Task> changed, TimeProvider time, Action<string> warn)
    {
        _files = files;
        _changed = changed;
        _time = time;
        _warn = warn;
        _notifications = new DirectoryNotifications(Touch, warn);
        _timer = time.CreateTimer(static watch => _ = ((FileWatch)watch!).CheckAsync(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _notifications.Follow(files());
        Touch();
    }

    public async ValueTask DisposeAsync()
    {
        lock (_timerGate)
        {
            _disposed = true;
        }

        await _timer.DisposeAsync();
        _notifications.Dispose();
        await _checkGate.WaitAsync();
        _checkGate.Release();
    }

    private void Touch()
    {
        lock (_timerGate)
        {
            if (_disposed)
            {
                return;
            }

            var now = _time.GetTimestamp();
            _firstTouch = _firstTouch == 0 ? now : _firstTouch;
            var left = LongestWait - _time.GetElapsedTime(_firstTouch, now);
            _timer.Change(left < Quiet ? TimeSpan.FromTicks(Math.Max(0, left.Ticks)) : Quiet, Interval);
        }
    }

    private async Task CheckAsync()
    {
        await _checkGate.WaitAsync();
        try
        {
            lock (_timerGate)
            {
                _firstTouch = 0;
                if (_disposed)
                {
                    return;
                }
            }

            // Notifications first: a change between the two is seen twice rather than never.
            _notifications.Follow(_files());
            var content = Hash(_files());
            if (content != _seen)
            {
                _seen = content;
                await _changed();
                _notifications.Follow(_files());
            }
        }
        catch (Exception e)
        {
            // The watch must outlive whatever a file system comes up with.
            _warn($"Watching {string.Join(", ", _files())} failed; it is tried again in {Interval.TotalSeconds} s: {e}");
        }
        finally
        {
            _checkGate.Release();
        }
    }

    private static string Hash(IReadOnlyList<string> files)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var file in files)
        {
            hash.AppendData(Encoding.UTF8.GetBytes(file + "\0"));
            try
            {
                using var stream = File.OpenRead(file);
                hash.AppendData(SHA256.HashData(stream));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                hash.AppendData("-"u8); // the loader says what is wrong with it
            }
        }

        return Convert.ToHexString(hash.GetHashAndReset());
    }
}
