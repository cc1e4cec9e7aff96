using System.Diagnostics.CodeAnalysis;
using Lakou.Core.Disk;
using Lakou.Core.Threads;
using Lakou.Core.Time;
using Lakou.Log.Commit;
using Lakou.Log.Segments;

namespace Lakou.Log;

/// <summary>The writer: what has gathered becomes durable, again and again.</summary>
public sealed partial class Journal
{
    // Below a millisecond a timed wait costs more than it gives: the thread lets others run instead.
    private static readonly TimeSpan ShortestWait = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan RoomInterval = TimeSpan.FromSeconds(1);

    private readonly Linger _linger = new();
    private SectorBuffer _single = new(0);
    private long _batchTime;
    private TimeSpan _syncTime; // of the last one, without the write: what company saves
    private Thread? _thread;
    private Task _preparing = Task.CompletedTask;
    private ITimer? _roomTimer;
    private volatile bool _isFull;
    private volatile bool _isReadOnly;
    private volatile bool _isHeld; // what is in _writing was refused by a disk that is read-only
    private ulong _singleLsn; // the last that was written by itself
    private int _enough = 1;

    /// <summary>Begins to write, on a thread of its own, and prepares the segment to follow.</summary>
    public void Start()
    {
        Prepare();
        _roomTimer = _time.CreateTimer(_ => Prepare(), null, RoomInterval, RoomInterval);
        _thread = new Thread(Run) { Name = "lakou-journal", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Writes what was appended, and ends.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _stopping = true;
            Monitor.PulseAll(_gate);
        }

        await (_roomTimer?.DisposeAsync() ?? ValueTask.CompletedTask);
        await Task.Run(() => _thread?.Join()).ConfigureAwait(false);
        await _preparing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (_gate)
        {
            _isClosed = true; // also without a thread
        }

        _chain.Dispose();
        _filling.Release(new JournalException("the journal has ended; this was not written")); // only when it was never started
    }

    /// <summary>Commits what has gathered, on the caller's thread. For those who run without <see cref="Start"/>: tests that decide when things happen.</summary>
    /// <returns>False when there was nothing.</returns>
    public bool CommitOnce()
    {
        lock (_gate)
        {
            if (_failure is not null || (_filling.Records == 0 && !_isHeld))
            {
                return false;
            }

            if (!_isHeld)
            {
                (_filling, _writing) = (_writing, _filling);
                _filling.Begin(_writing.NextLsn);
            }
        }

        return Commit();
    }

    /// <summary>Makes the segment to follow ready, unless it is.</summary>
    public void PrepareOnce()
    {
        try
        {
            _chain.Prepare();
            _isFull = _isReadOnly = false;
        }
        catch (DiskException e) when (e.Failure is DiskFailure.Full or DiskFailure.ReadOnly)
        {
            _isFull = true; // publishing is refused until there is room again
            _isReadOnly = e.Failure == DiskFailure.ReadOnly;
        }
        catch (DiskException e)
        {
            Fail(e);
        }

        WakeRoom();
    }

    private void Prepare()
    {
        lock (_gate)
        {
            if (_chain.HasSpare || !_preparing.IsCompleted || _stopping)
            {
                return;
            }

            _preparing = BackgroundThread.RunAsync("lakou-prepare", CurrentThread.BePrompt, PrepareOnce);
        }
    }

    private void Run()
    {
        CurrentThread.BePrompt(); // everybody who publishes waits for it
        while (Gather())
        {
            if (CommitOnce() && !_chain.HasSpare)
            {
                Prepare();
            }
        }
    }

    /// <summary>Waits for records, and then for company.</summary>
    /// <returns>False when the journal ends and nothing is left to write.</returns>
    private bool Gather()
    {
        lock (_gate)
        {
            if (_isHeld && !_stopping)
            {
                Monitor.Wait(_gate, RoomInterval);
            }

            while (_filling.Records == 0 && !_isHeld && !_stopping && _failure is null)
            {
                Monitor.Wait(_gate);
            }

            if (_failure is not null || (_isHeld ? _stopping : _filling.Records == 0))
            {
                _isClosed = true;
                return false;
            }
        }

        if (_options.Sync == SyncMode.Group && _linger.Enough > 1)
        {
            WaitForCompany();
        }

        return true;
    }

    private void WaitForCompany()
    {
        // By the time of the machine, whatever the journal's is: threads come by it.
        var longest = _linger.Longest;
        var started = TimeProvider.System.GetTimestamp();
        while (TimeProvider.System.GetElapsedTime(started) is var waited && waited < longest)
        {
            if (longest - waited >= ShortestWait)
            {
                lock (_gate)
                {
                    if (_filling.Waiting >= _enough || _stopping)
                    {
                        return;
                    }

                    Monitor.Wait(_gate, longest - waited);
                }
            }
            else if (Volatile.Read(ref _filling).Waiting >= _enough)
            {
                return;
            }
            else
            {
                Thread.Yield();
            }
        }
    }

    [SuppressMessage("Design", "CA1031", Justification = "Whatever fails between a write and its sync leaves the disk in a state that nobody knows.")]
    private bool Commit()
    {
        var batch = _writing;
        try
        {
            var started = _time.GetTimestamp();
            _batchTime = _time.GetMicroseconds();
            if (!(_options.Sync == SyncMode.Each ? TryWriteEach(batch) : TryWrite(batch)))
            {
                Hold(batch);
                return false;
            }

            Statistics.Synced?.Invoke(_time.GetElapsedTime(started));
            Follower?.Invoke(_batchTime, new BatchRecords(batch.Bytes[BatchFormat.HeadBytes..], batch.FirstLsn));
        }
        catch (Exception e)
        {
            Fail(e);
            batch.Release(new JournalException("the journal could not be written, and nobody knows whether this is durable", e));
            return false;
        }

        lock (_gate)
        {
            _isHeld = false;
            _committedLsn = batch.NextLsn - 1;
            _linger.Observe(_syncTime, batch.Waiting);
            _enough = _linger.Enough;
        }

        batch.Release(null); // not under the gate; nobody joins a batch whose records are committed
        lock (_gate)
        {
            batch.Begin(_filling.FirstLsn); // empty: no part of what waits any more
        }

        WakeRoom();
        return true;
    }

    /// <summary>
    /// The disk became read-only. What it refused keeps its place in the order and is tried again; nobody waits for it, and until it is written nothing new is taken.
    /// </summary>
    private void Hold(CommitBatch batch)
    {
        CommitBatch filling;
        lock (_gate)
        {
            _isHeld = true;
            filling = _filling;
        }

        batch.Release(ReadOnly()); // neither gets anybody who waits from now on
        filling.Release(ReadOnly());
        WakeRoom();
    }

    private static JournalException ReadOnly() => new("the disk became read-only, and this is written when it can be: nobody knows whether it will be");

    /// <returns>False when nothing was written, because the disk is read-only.</returns>
    private bool TryWrite(CommitBatch batch)
    {
        var head = HeadOf(batch.FirstLsn, batch.Records);
        if (!_chain.TryPlace(batch.DiskBytes, head, out var place) || !_chain.TryWrite(batch.Seal(head, place, out var checksum)))
        {
            return false;
        }

        if (_options.Sync != SyncMode.Os)
        {
            var started = _time.GetTimestamp();
            _chain.Sync();
            _syncTime = _time.GetElapsedTime(started);
        }

        _previous = checksum;
        Statistics.Count(batch.Records, batch.DiskBytes);
        return true;
    }

    /// <summary>Likewise; goes on behind what was written before the disk refused.</summary>
    private bool TryWriteEach(CommitBatch batch)
    {
        foreach (var record in new BatchRecords(batch.Bytes[BatchFormat.HeadBytes..], batch.FirstLsn))
        {
            if (record.Lsn <= _singleLsn)
            {
                continue;
            }

            var length = BatchFormat.HeadBytes + BatchFormat.RecordBytes(record.Payload.Length);
            var whole = BatchFormat.Align(length);
            if (_single.Length < whole + BatchFormat.EndBytes)
            {
                _single = new(Math.Max(whole + BatchFormat.EndBytes, _single.Length * 2));
            }

            var bytes = _single.Span[..(whole + BatchFormat.EndBytes)];
            BatchFormat.WriteRecord(bytes[BatchFormat.HeadBytes..length], record.Payload, default);
            bytes[length..].Clear();
            var head = HeadOf(record.Lsn, 1);
            if (!_chain.TryPlace(whole, head, out var place))
            {
                return false;
            }

            var checksum = BatchFormat.Seal(bytes[..length], head, place);
            if (!_chain.TryWrite(bytes))
            {
                return false;
            }

            _chain.Sync();
            (_previous, _singleLsn) = (checksum, record.Lsn);
            Statistics.Count(1, whole);
        }

        return true;
    }

    private BatchHead HeadOf(ulong firstLsn, int records) => new()
    {
        Flags = _options.Sync == SyncMode.Os ? BatchFormat.Unsynced : 0,
        Records = records,
        Identity = _identity,
        FirstLsn = firstLsn,
        Epoch = _epoch,
        Time = _batchTime,
        Previous = _previous,
    };

    /// <summary>Ends the journal because something else of the store has failed in the same way: nobody is answered any more.</summary>
    public void Fail(Exception failure)
    {
        CommitBatch filling;
        lock (_gate)
        {
            if (_failure is not null)
            {
                return;
            }

            _failure = failure;
            filling = _filling;
            Monitor.PulseAll(_gate);
        }

        filling.Release(new JournalException("the journal could not be written; this was not", failure));
        WakeRoom();
        _failed.TrySetResult(failure);
    }

    private void WakeRoom()
    {
        TaskCompletionSource? room;
        lock (_gate)
        {
            (room, _room) = (_room, null);
        }

        room?.TrySetResult();
    }
}
