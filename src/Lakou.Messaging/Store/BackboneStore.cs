using System.IO.Pipelines;
using Lakou.Core.Disk;
using Lakou.Core.Faults;
using Lakou.Core.Time;
using Lakou.Log;
using Lakou.Log.Segments;
using Lakou.Log.Snapshots;
using Lakou.Messaging.Events;
using Microsoft.Extensions.Logging;

namespace Lakou.Messaging.Store;

/// <summary>
/// The state, its journal and its files, held together by one gate: under it a change is decided, recorded and applied. Nobody is told of it before
/// <see cref="CommittedAsync"/> ends.
/// </summary>
internal sealed partial class BackboneStore : IAsyncDisposable
{
    // An answer to "the disk is full" holds for about as long as the journal takes to look again.
    private static readonly TimeSpan FullRetry = TimeSpan.FromSeconds(1);

    private readonly StoreSettings _settings;
    private readonly IDisposable _lock;
    private readonly RecordWriter _record = new();
    private readonly ILogger _log;
    private Journal _journal = null!;

    private BackboneStore(StoreSettings settings, IDisposable directoryLock)
    {
        _settings = settings;
        _lock = directoryLock;
        _log = settings.Loggers.CreateLogger("Lakou.Store");
        Files = new TopicFiles(settings.Disk, Path.Combine(settings.Plan.Path, "topics"), settings.SegmentBytesOf);
        Snapshots = new SnapshotStore(settings.Disk, Path.Combine(settings.Plan.Path, "snapshots"));
    }

    /// <summary>Guards <see cref="State"/> and all that runs on it. Never held across an await; the journal's own gate is the only one taken under it.</summary>
    public Lock Gate { get; } = new();

    public BackboneState State { get; private set; } = new();

    public TopicFiles Files { get; }

    public SnapshotStore Snapshots { get; }

    public TimeProvider Time => _settings.Time;

    /// <summary>Ends when the store cannot be written any more. The process has to end too.</summary>
    public Task<Exception> Failed => _journal.Failed;

    public JournalStatistics Statistics => _journal.Statistics;

    public ulong CommittedLsn => _journal.CommittedLsn;

    /// <summary>Called on the writer thread after a batch is committed and its events can be read.</summary>
    public Action? Committed { get; set; }

    private JournalOptions JournalOptions => new(Path.Combine(_settings.Plan.Path, "journal"), _settings.Plan.Sync, (int)_settings.Plan.SegmentBytes)
    {
        PendingBytes = (int)Math.Min(16 << 20, _settings.Plan.SegmentBytes / 2),
    };

    /// <summary>Microseconds since 1970; never before a time that a record says.</summary>
    public long Now => Math.Max(_settings.Time.GetMicroseconds(), State.Time);

    /// <summary>Begins a record. Under the gate; the record is the one and only of the store, until <see cref="Append"/>.</summary>
    public RecordWriter Begin(RecordKind kind) => _record.Begin(kind);

    /// <summary>Writes the record that was begun, and applies it.</summary>
    /// <returns>Its LSN.</returns>
    public ulong Append()
    {
        var payload = _record.Written;
        var lsn = _journal.Append(payload);
        State.Apply(new JournalRecord(lsn, payload));
        _record.Shrink();
        return lsn;
    }

    /// <summary>Whether a record may be written. Under the gate, before anything is decided.</summary>
    /// <param name="bytes">About its size.</param>
    /// <param name="bringsData">What does is refused before the room for what ends work is gone.</param>
    public JournalRoom Room(int bytes, bool bringsData)
        => bringsData && Files.IsStuck ? JournalRoom.Full : _journal.Room(bytes, bringsData);

    /// <summary>Whether the largest batch would be refused because the disk is full; smaller ones may still find room.</summary>
    public bool IsFull => Room(EventLimits.Default.BatchBytes, bringsData: true) == JournalRoom.Full;

    /// <summary>What the journal keeps for itself is for others, who need it more.</summary>
    public void GiveRoom() => _journal.GiveRoom();

    /// <summary>Whether everything that changes something is refused because the disk is read-only.</summary>
    public bool IsReadOnly => _journal.IsReadOnly;

    /// <summary>Waits for room, outside the gate.</summary>
    /// <returns>Null to ask again; else why there will be none soon.</returns>
    public async ValueTask<Fault?> RoomAsync(JournalRoom room, CancellationToken cancellation)
    {
        if (room == JournalRoom.Full)
        {
            return StoreFaults.Full.With(
                IsReadOnly ? $"{_settings.Plan.Path} is read-only: look at its disk, and make it writable" : $"no room for events in {_settings.Plan.Path}: free some of the disk, or lower the retention of topics",
                FullRetry);
        }

        await _journal.RoomAsync().WaitAsync(cancellation);
        return null;
    }

    /// <summary>What to say to those who wait for a store that has ended.</summary>
    public static Fault FaultOf(Exception failure) => failure is DiskException { Failure: DiskFailure.Full or DiskFailure.ReadOnly } ? StoreFaults.Full.With(failure.Message, FullRetry)
        : failure is ObjectDisposedException or { InnerException: ObjectDisposedException }
        ? StoreFaults.Stopping.With("send it again in a moment")
        : StoreFaults.Failed.With(failure.Message);

    /// <inheritdoc cref="Journal.CommittedAsync"/>
    public ValueTask CommittedAsync(ulong lsn, PipeScheduler? scheduler = null) => _journal.CommittedAsync(lsn, scheduler);

    /// <summary>Under the gate.</summary>
    public Http.StoreView View() => new(
        _settings.Plan.Path,
        _settings.Plan.Sync.ToString().ToLowerInvariant(),
        CommittedLsn,
        CheckpointLsn,
        _settings.Disk.FreeBytes(_settings.Plan.Path),
        IsFull,
        State.Keys.Count,
        [.. State.Damages]);

    /// <summary>For tests that decide when things are written.</summary>
    internal bool CommitOnce() => _journal.CommitOnce();

    internal void PrepareOnce() => _journal.PrepareOnce();

    /// <summary>Writes what waits, makes a snapshot so that the next start is quick, and closes everything.</summary>
    public async ValueTask DisposeAsync()
    {
        await _journal.DisposeAsync();
        await StopCheckpointsAsync();
        Files.Dispose();
        _lock.Dispose();
    }

    private void Follow(long time, BatchRecords records)
    {
        foreach (var record in records)
        {
            Files.Apply(record);
        }

        Committed?.Invoke();
        NoteCommitted();
    }
}

/// <summary>What a store gets from outside.</summary>
/// <param name="SegmentBytesOf">Of a topic's files, by the topic's name. Called on any thread.</param>
internal sealed record StoreSettings(StorePlan Plan, IDisk Disk, TimeProvider Time, ILoggerFactory Loggers, Func<string, long> SegmentBytesOf)
{
    /// <summary>Whether threads and timers of the store's own do the work; false for tests that do it step by step.</summary>
    public bool IsBackground { get; init; } = true;
}
