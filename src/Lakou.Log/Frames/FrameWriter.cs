using System.Diagnostics.CodeAnalysis;

namespace Lakou.Log.Frames;

/// <summary>
/// Writes what logs have gathered, on a thread of its own, so that those who append need not wait for the disk; and keeps the newest of what was written in
/// memory, for those who read right behind.
/// </summary>
public sealed class FrameWriter : IDisposable
{
    // With more, those who append write themselves: they are faster than the disk.
    private const int MostWaiting = 64;

    private const long MostKeptBytes = 32 << 20;

    private readonly object _gate = new(); // a monitor: the thread waits on it; a log's gate is taken under it
    private readonly Queue<FrameLog> _waiting = [];
    private readonly Queue<(FrameLog Log, FrameChunk Chunk)> _kept = [];
    private Thread? _thread;
    private long _keptBytes;
    private bool _isStopping;

    /// <param name="failed">Gets what a write has failed with, other than for want of room.</param>
    public void Start(Action<Exception> failed)
    {
        _thread = new Thread(() => Run(failed)) { Name = "lakou-files", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Ends the thread; what waits is left to its logs.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isStopping = true;
            Monitor.PulseAll(_gate);
        }

        _thread?.Join();
    }

    /// <returns>False when the one who asks has to write.</returns>
    internal bool TryAdd(FrameLog log)
    {
        lock (_gate)
        {
            if (_thread is null || _isStopping || _waiting.Count >= MostWaiting)
            {
                return false;
            }

            _waiting.Enqueue(log);
            Monitor.Pulse(_gate);
            return true;
        }
    }

    /// <summary>Keeps a chunk that was written until newer ones, of any log, take its place.</summary>
    /// <returns>False when there is nobody to keep it for yet.</returns>
    internal bool TryKeep(FrameLog log, FrameChunk chunk)
    {
        lock (_gate)
        {
            if (_thread is null)
            {
                return false;
            }

            _kept.Enqueue((log, chunk));
            _keptBytes += chunk.Bytes;
            while (_keptBytes > MostKeptBytes)
            {
                var (owner, oldest) = _kept.Dequeue();
                _keptBytes -= oldest.Bytes;
                owner.Forget(oldest); // under this gate, so that a log's oldest goes first
            }

            return true;
        }
    }

    [SuppressMessage("Design", "CA1031", Justification = "Given to the one who ends the process for it.")]
    private void Run(Action<Exception> failed)
    {
        while (Next() is { } log)
        {
            try
            {
                log.WriteFull();
            }
            catch (Exception e)
            {
                failed(e);
                return;
            }
        }
    }

    private FrameLog? Next()
    {
        lock (_gate)
        {
            while (_waiting.Count == 0 && !_isStopping)
            {
                Monitor.Wait(_gate);
            }

            return _isStopping ? null : _waiting.Dequeue();
        }
    }
}
