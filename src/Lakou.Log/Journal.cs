using System.IO.Pipelines;
using System.Security.Cryptography;
using Lakou.Core.Disk;
using Lakou.Log.Commit;
using Lakou.Log.Recovery;
using Lakou.Log.Segments;

namespace Lakou.Log;

/// <summary>Whether a record may be appended.</summary>
public enum JournalRoom
{
    Yes,

    /// <summary>Not now: ask again after <see cref="Journal.RoomAsync"/>.</summary>
    Wait,

    /// <summary>The disk has no room for the next segment, or cannot be written at all. It is looked for every second.</summary>
    Full,
}

/// <summary>
/// Records in one order, durable before anybody is told. Appending fills a batch in memory; a writer thread takes what has gathered, writes it with one
/// write and one sync, hands it to its follower, and then releases all who waited for it. A failed write or sync ends the journal: what is on the disk is
/// not known any more, so nobody is answered and the process has to start again. A write that a read-only disk refuses is tried again.
/// </summary>
public sealed partial class Journal : IAsyncDisposable
{
    private readonly object _gate = new(); // a monitor: the writer waits on it
    private readonly IDisk _disk;
    private readonly JournalOptions _options;
    private readonly TimeProvider _time;
    private readonly SegmentChain _chain;
    private readonly ulong _identity;
    private readonly ulong _epoch;
    private readonly TaskCompletionSource<Exception> _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private CommitBatch _filling;
    private CommitBatch _writing;
    private CommitWaiter? _freeWaiters;
    private TaskCompletionSource? _room;
    private ulong _committedLsn;
    private uint _previous;
    private Exception? _failure;
    private bool _stopping;
    private bool _isClosed;

    private Journal(IDisk disk, JournalOptions options, TimeProvider time, JournalScan scan)
    {
        if (options.PendingBytes > options.SegmentBytes / 2)
        {
            throw new ArgumentOutOfRangeException(nameof(options), $"a segment of {options.SegmentBytes} bytes cannot hold two times {options.PendingBytes} bytes that wait");
        }

        (_disk, _options, _time) = (disk, options, time);
        _identity = scan.Identity == 0 ? NewIdentity() : scan.Identity;
        _epoch = scan.Epoch + 1;
        _previous = scan.Checksum;
        _committedLsn = scan.NextLsn - 1;
        (_filling, _writing) = (new CommitBatch(options.Sync), new CommitBatch(options.Sync));
        _filling.Begin(scan.NextLsn);
        _writing.Begin(scan.NextLsn);
        _chain = new SegmentChain(disk, options, time, _identity, scan.Tail);
    }

    /// <summary>Called on the writer thread for each batch that was committed, in order, before those who wait for it are released.</summary>
    public BatchReader? Follower { get; set; }

    /// <summary>Ends when the journal cannot be written any more, with the reason. The process has to end too.</summary>
    public Task<Exception> Failed => _failed.Task;

    /// <summary>The newest record that is durable (with <see cref="SyncMode.Os"/>: written).</summary>
    public ulong CommittedLsn => Volatile.Read(ref _committedLsn);

    /// <summary>Whether nothing can be appended because the disk is read-only. It is tried again every second.</summary>
    public bool IsReadOnly => _isReadOnly || _isHeld;

    /// <summary>What is known of syncs, for metrics.</summary>
    public JournalStatistics Statistics { get; } = new();

    /// <summary>
    /// Reads what is there, cuts a torn end, and is ready to append. Nothing else may have the directory open: the caller holds a lock.
    /// </summary>
    /// <param name="disk">Where.</param>
    /// <param name="options">Directory, sizes, mode.</param>
    /// <param name="time">For times in heads.</param>
    /// <param name="from">LSN of the first record to read: the one after the snapshot's, or 1.</param>
    /// <param name="read">Gets all that is there from then on, in order.</param>
    /// <param name="damaged">Gets what is missing in between.</param>
    /// <param name="tornBytes">Of what was begun and never committed; they were cut.</param>
    /// <returns>The journal; <see cref="Start"/> begins to write. What it read is durable.</returns>
    public static Journal Open(IDisk disk, JournalOptions options, TimeProvider time, ulong from, BatchReader read, Action<Damage> damaged, out long tornBytes)
    {
        // 1. What is there is to be there for good before anything follows from it: a process that ended between a write and its sync left it to the system.
        disk.CreateDirectory(options.Directory);
        if (disk.Files(options.Directory).LastOrDefault(name => SegmentFormat.TryParseName(name, out _)) is { } newest)
        {
            using var file = disk.Open(Path.Combine(options.Directory, newest));
            file.Sync();
        }

        // 2. The records.
        var scan = new JournalScan(disk, options.Directory, read, damaged, options.IsDirect);
        scan.Run(from);
        tornBytes = scan.TornBytes;

        // 3. Nothing of what was not committed is to be found later, nor of what a start before this one deleted.
        foreach (var name in scan.Unused)
        {
            disk.Delete(Path.Combine(options.Directory, name));
        }

        disk.SyncDirectory(options.Directory);
        var journal = new Journal(disk, options, time, scan);
        if (scan.Tail is { } tail)
        {
            journal._chain.Settle(tail);
        }

        return journal;
    }

    /// <summary>Whether a record of this size may be appended now. When it may not, <see cref="RoomAsync"/> says when to ask again.</summary>
    /// <param name="bytes">Of its payload.</param>
    /// <param name="spare">Whether it leaves room for others: what brings data in does, what ends work does not.</param>
    public JournalRoom Room(int bytes, bool spare)
    {
        lock (_gate)
        {
            // Until they are written, both batches may have to go to the prepared file, of which the end of the current one is no part.
            var pending = _filling.DiskBytesWith(bytes) + _writing.DiskBytes;
            var room = _chain.HasSpare ? _options.SegmentBytes - SegmentFormat.HeadBytes : _chain.Left;
            var fits = pending <= room - (spare ? _options.SegmentBytes / 4 : 0) && !IsReadOnly;
            if (fits && _failure is null && (_filling.Records == 0 || pending <= _options.PendingBytes))
            {
                return JournalRoom.Yes;
            }

            _room ??= new(TaskCreationOptions.RunContinuationsAsynchronously);
            return !fits && (_isFull || _isHeld) ? JournalRoom.Full : JournalRoom.Wait;
        }
    }

    /// <summary>Ends when something was written, or room was found or not, since <see cref="Room"/> said no: the time to ask it again.</summary>
    public Task RoomAsync()
    {
        lock (_gate)
        {
            ThrowIfFailed();
            return _room?.Task ?? Task.CompletedTask;
        }
    }

    /// <summary>Adds a record to the batch that fills. Not durable yet: see <see cref="CommittedAsync"/>.</summary>
    /// <param name="first">The beginning of its payload.</param>
    /// <param name="second">The rest.</param>
    /// <returns>Its LSN.</returns>
    /// <exception cref="JournalException">The journal has failed, or has ended.</exception>
    /// <exception cref="InvalidOperationException">No file could hold it with what waits already: <see cref="Room"/> was not asked.</exception>
    public ulong Append(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second = default)
    {
        lock (_gate)
        {
            ThrowIfFailed();
            if (_filling.DiskBytesWith(first.Length + second.Length) > _options.SegmentBytes - SegmentFormat.HeadBytes)
            {
                throw new InvalidOperationException($"a batch with a record of {first.Length + second.Length} bytes more is longer than a segment of {_options.SegmentBytes}");
            }

            var lsn = _filling.NextLsn;
            _filling.Add(first, second);
            if (_filling.Records == 1)
            {
                Monitor.PulseAll(_gate);
            }

            return lsn;
        }
    }

    /// <summary>Waits until a record is durable.</summary>
    /// <param name="lsn">Of the record.</param>
    /// <param name="scheduler">Where to continue; null for the thread pool.</param>
    /// <exception cref="JournalException">The journal has failed, or the disk is read-only, and nobody knows whether the record is, or will be, durable.</exception>
    public ValueTask CommittedAsync(ulong lsn, PipeScheduler? scheduler = null)
    {
        lock (_gate)
        {
            if (lsn <= _committedLsn)
            {
                return ValueTask.CompletedTask;
            }

            ThrowIfFailed();
            if (_isHeld)
            {
                throw ReadOnly();
            }

            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(lsn, _filling.NextLsn);
            var waiter = _freeWaiters ?? new CommitWaiter(GiveBack);
            _freeWaiters = waiter.Next;
            waiter.Scheduler = scheduler;
            (lsn < _filling.FirstLsn ? _writing : _filling).Add(waiter);
            if (_filling.Waiting == _enough)
            {
                Monitor.PulseAll(_gate);
            }

            return waiter.Task;
        }
    }

    /// <summary>Lets go of segments whose records are all older than this one: a snapshot holds them.</summary>
    public void CutBefore(ulong lsn)
    {
        lock (_gate)
        {
            if (_failure is not null)
            {
                ThrowIfFailed(); // what the disk has of the newer ones is not known; a journal that has ended well may still be cut
            }
        }

        _disk.SyncDirectory(_options.Directory); // the newer ones have their names before the older ones lose theirs
        var names = _disk.Files(_options.Directory).Where(name => SegmentFormat.TryParseName(name, out _)).ToArray();
        for (var i = 0; i + 1 < names.Length && SegmentFormat.TryParseName(names[i + 1], out var next) && next <= lsn; i++)
        {
            _chain.Retire(names[i]);
        }

        _disk.SyncDirectory(_options.Directory);
    }

    /// <summary>Deletes the segments that are kept for use again: others need the room.</summary>
    public void GiveRoom() => _chain.DeleteFree(0);

    /// <summary>Reads committed records again, beside the writer.</summary>
    /// <param name="from">LSN of the first.</param>
    /// <param name="to">LSN of the last, committed already. More may be read.</param>
    /// <param name="read">Gets them, in order.</param>
    /// <param name="damaged">Gets what is missing in between.</param>
    public void Read(ulong from, ulong to, BatchReader read, Action<Damage> damaged)
        => new JournalScan(_disk, _options.Directory, read, damaged, _options.IsDirect, _identity).Run(from, to);

    private static ulong NewIdentity()
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        RandomNumberGenerator.Fill(bytes);
        return BitConverter.ToUInt64(bytes) | 1; // 0 means none
    }

    private void GiveBack(CommitWaiter waiter)
    {
        lock (_gate)
        {
            waiter.Next = _freeWaiters;
            _freeWaiters = waiter;
        }
    }

    private void ThrowIfFailed()
    {
        if (_failure is not null)
        {
            throw new JournalException("the journal has failed, and this process has to start again", _failure);
        }

        if (_isClosed)
        {
            throw new JournalException("the journal has ended");
        }
    }
}
