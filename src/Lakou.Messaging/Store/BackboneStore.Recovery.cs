using System.Globalization;
using Lakou.Core.Disk;
using Lakou.Core.Time;
using Lakou.Log;
using Lakou.Log.Segments;
using Microsoft.Extensions.Logging;

namespace Lakou.Messaging.Store;

/// <summary>From files to a state.</summary>
internal sealed partial class BackboneStore
{
    /// <summary>
    /// Opens a store, or makes one. In this order: the newest snapshot that is right, the files as it knows them, the records since; a torn end of the journal is cut, and damage is
    /// kept in mind and reported.
    /// </summary>
    /// <exception cref="StoreException">It cannot be opened: another process has it, the disk refuses, the format is a newer one.</exception>
    public static BackboneStore Open(StoreSettings settings)
    {
        try
        {
            settings.Disk.CreateDirectory(settings.Plan.Path);
            var held = settings.Disk.TryLock(Path.Combine(settings.Plan.Path, "lock"))
                ?? throw new StoreException($"{settings.Plan.Path} is used by another process; stop it, or give this one a store.path of its own");
            var store = new BackboneStore(settings, held);
            try
            {
                store.Recover();
                return store;
            }
            catch
            {
                held.Dispose();
                throw;
            }
        }
        catch (Exception e) when (e is DiskException or JournalException)
        {
            throw new StoreException($"the store in {settings.Plan.Path} cannot be opened: {e.Message}", e);
        }
    }

    private void Recover()
    {
        var started = Time.GetTimestamp();

        // 1. The snapshot.
        var damages = new List<string>();
        var state = new BackboneState { Keys = { Max = _settings.Plan.KeysMax } };
        var from = Snapshots.Load(state.ReadChunk, name => damages.Add($"snapshot {name} is damaged, and was not used"));
        _checkpointLsn = from;

        // 2. The files that it knows, and the records since.
        Files.Open(state);
        var records = 0L;
        _journal = Journal.Open(_settings.Disk, JournalOptions, Time, from + 1, Replay, damage => damages.Add(damage.ToString()), out var torn);
        Files.Settle();
        State = state;
        _recoveredLsn = _journal.CommittedLsn;

        // 3. What is to be said of it.
        if (torn > 0)
        {
            _log.LogWarning("The end of the journal was torn by a crash: {Bytes} bytes that nobody was told of were cut", torn);
        }

        foreach (var damage in damages)
        {
            _log.LogError("The store is damaged: {Damage}. What depends on these records is lost or comes twice; the files are left as they are. Restore from a backup if that is newer", damage);
        }

        _log.LogInformation(
            "Store {Path}: {Topics} topics, {Subscriptions} subscriptions, {Records} records since the last snapshot, ready in {Elapsed} ms",
            _settings.Plan.Path, state.Topics.Count, state.Subscriptions.Count, records, (long)Time.GetElapsedTime(started).TotalMilliseconds);
        _journal.Follower = Follow;
        if (_settings.IsBackground)
        {
            _journal.Start();
            Files.Start(_journal.Fail);
        }
        else
        {
            _journal.PrepareOnce();
        }

        if (damages.Count > 0)
        {
            lock (Gate)
            {
                foreach (var damage in damages)
                {
                    Begin(RecordKind.Damaged).Text(string.Create(CultureInfo.InvariantCulture, $"{UnixTime.FromMicroseconds(Now):u} {damage}"));
                    Append();
                }
            }
        }

        void Replay(long time, BatchRecords batch)
        {
            foreach (var record in batch)
            {
                state.Apply(record);
                Files.Apply(record);
                records++;
            }
        }
    }
}

/// <summary>A store cannot be opened; the message says what to do.</summary>
internal sealed class StoreException(string message, Exception? inner = null) : IOException(message, inner);
