using Lakou.Core.Disk;
using Lakou.Core.Threads;
using Lakou.Log;
using Lakou.Log.Recovery;
using Lakou.Log.Segments;
using Microsoft.Extensions.Logging;

namespace Lakou.Messaging.Store;

/// <summary>
/// Snapshots, so that a start reads a bounded part of the journal. One is made from files alone, as a start would: the last snapshot, and the records since.
/// So it takes nothing from those who publish but a little of the disk, and what a start depends on is read, and thereby verified, all the time.
/// </summary>
internal sealed partial class BackboneStore
{
    // Replaying this much takes about a second.
    private const long CheckpointBytes = 256 << 20;

    private readonly Lock _checkpointGate = new();
    private Task _checkpoint = Task.CompletedTask;
    private ulong _checkpointLsn;
    private long _checkpointedBytes;
    private bool _isStopping;
    private ulong _recoveredLsn;

    /// <summary>LSN of the newest snapshot.</summary>
    public ulong CheckpointLsn => Volatile.Read(ref _checkpointLsn);

    /// <summary>Makes a snapshot of what is committed, and cuts the journal. On the caller's thread.</summary>
    public void Checkpoint()
    {
        lock (_checkpointGate)
        {
            var to = _journal.CommittedLsn;
            if (to <= _checkpointLsn)
            {
                return;
            }

            // 1. The events first: a snapshot says that they are there.
            var bytes = _journal.Statistics.Bytes;
            SyncFiles();

            // 2. The state, made again. The journal may hold more by now: whole batches are read, and the snapshot says how far it is.
            var state = new BackboneState { Keys = { Max = _settings.Plan.KeysMax } };
            var from = Snapshots.Load(state.ReadChunk, static _ => { });
            _journal.Read(from + 1, to, (_, records) => Apply(state, records, to), damage => Tolerate(damage));
            var oldest = Snapshots.Save(state.Lsn, write => state.Write(chunk => write(chunk)));
            _checkpointLsn = state.Lsn;
            _checkpointedBytes = bytes;

            // 3. What two snapshots hold is not needed any more.
            _journal.CutBefore(oldest + 1);
        }
    }

    /// <summary>A sync that failed has lost nobody knows what, and the next one would not tell: as with the journal's own, the process has to end.</summary>
    private void SyncFiles()
    {
        try
        {
            Files.Sync();
        }
        catch (DiskException e) when (e.Failure == DiskFailure.Broken)
        {
            _journal.Fail(e);
            throw;
        }
    }

    /// <summary>What the start found damaged is in the state as it serves; what was damaged since would be missing in the snapshot alone.</summary>
    private void Tolerate(Damage damage)
    {
        if (damage.NextLsn > _recoveredLsn + 1)
        {
            throw new JournalException($"no snapshot is made: {damage}");
        }
    }

    private static void Apply(BackboneState state, BatchRecords records, ulong to)
    {
        foreach (var record in records)
        {
            if (record.Lsn <= to)
            {
                state.Apply(record);
            }
        }
    }

    /// <summary>On the writer thread: begins a snapshot when enough was written.</summary>
    private void NoteCommitted()
    {
        if (_settings.IsBackground && _journal.Statistics.Bytes - _checkpointedBytes >= CheckpointBytes && _checkpoint.IsCompleted && !_isStopping)
        {
            _checkpointedBytes = _journal.Statistics.Bytes;
            _checkpoint = BackgroundThread.RunAsync("lakou-snapshot", CurrentThread.BeModest, TryCheckpoint);
        }
    }

    private void TryCheckpoint()
    {
        try
        {
            var started = Time.GetTimestamp();
            Checkpoint();
            _log.LogDebug("Snapshot at LSN {Lsn} in {Elapsed} ms", CheckpointLsn, (long)Time.GetElapsedTime(started).TotalMilliseconds);
        }
        catch (Exception e) when (e is DiskException or JournalException)
        {
            _log.LogError("No snapshot could be made, so the journal grows and the next start takes longer: {Reason}", e.Message);
        }
    }

    private async Task StopCheckpointsAsync()
    {
        _isStopping = true;
        await _checkpoint;
        if (_settings.IsBackground && !_journal.Failed.IsCompleted)
        {
            await Task.Run(TryCheckpoint);
        }
    }
}
