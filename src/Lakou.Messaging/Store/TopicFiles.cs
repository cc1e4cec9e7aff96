using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Lakou.Core.Disk;
using Lakou.Log.Frames;
using Lakou.Log.Segments;
using Lakou.Messaging.Topics;

namespace Lakou.Messaging.Store;

/// <summary>
/// The files that readers read: what was committed is appended here, on the writer thread of the journal, in its order. Not synced with each commit; synced before a snapshot lets
/// the journal be cut, and made again from the journal after a crash.
/// </summary>
internal sealed class TopicFiles(IDisk disk, string directory, Func<string, long> segmentBytes) : IDisposable
{
    private const long OutcomeSegmentBytes = 16 << 20;

    private readonly ConcurrentDictionary<int, Files> _topics = [];
    private readonly FrameWriter _writer = new();
    private FrameLog? _outcomes;

    /// <summary>What came of work that was to be done once.</summary>
    public FrameLog Outcomes => _outcomes!;

    /// <summary>Whether events wait in memory because the disk is full.</summary>
    public bool IsStuck { get; private set; }

    /// <summary>Tries again to write what waits.</summary>
    public void Unstick()
    {
        var isStuck = false;
        foreach (var log in _topics.Values.SelectMany(files => files.All).Append(Outcomes).Where(log => log.IsStuck))
        {
            log.Flush();
            isStuck |= log.IsStuck;
        }

        IsStuck = isStuck;
    }

    /// <summary>Opens what a snapshot knows.</summary>
    public void Open(BackboneState state)
    {
        foreach (var topic in state.Topics.Values)
        {
            _topics[topic.Id] = Open(topic);
        }

        // Which of them a snapshot needs is known by the keys, not here.
        _outcomes = FrameLog.Open(disk, Path.Combine(directory, "outcomes"), OutcomeSegmentBytes, 0, state.Keys.OutcomeEnd, _writer);
    }

    /// <summary>From now on files are written beside the journal's writer.</summary>
    /// <param name="failed">Gets why one could not be.</param>
    public void Start(Action<Exception> failed) => _writer.Start(failed);

    /// <summary>After the journal was read: what was never committed goes, and so do the folders of topics that were deleted.</summary>
    public void Settle()
    {
        foreach (var log in _topics.Values.SelectMany(files => files.All).Append(Outcomes))
        {
            log.Settle();
        }

        foreach (var name in disk.Directories(directory))
        {
            if (int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var id) && !_topics.ContainsKey(id))
            {
                disk.DeleteDirectory(Path.Combine(directory, name));
            }
        }
    }

    public bool TryGet(int topic, int partition, [MaybeNullWhen(false)] out FrameLog log)
    {
        log = _topics.TryGetValue(topic, out var files) ? files.Partitions[partition] : null;
        return log is not null;
    }

    /// <summary>Of all events of a topic.</summary>
    public long BytesOf(int topic) => _topics.TryGetValue(topic, out var files) ? files.Partitions.Sum(log => log.Bytes) : 0;

    /// <summary>Events of a topic that are not due; null until its record is committed.</summary>
    public FrameLog? Held(int topic) => _topics.GetValueOrDefault(topic)?.Held;

    /// <summary>Does to the files what a record says.</summary>
    public void Apply(in JournalRecord journalled)
    {
        var record = new RecordReader(journalled.Payload);
        switch (record.Kind)
        {
            case RecordKind.TopicDeclared:
                Declare(ref record);
                break;
            case RecordKind.TopicDeleted:
                Delete(record.Int());
                break;
            case RecordKind.Published when _topics.TryGetValue(record.Int(), out var files):
                Publish(files, ref record);
                break;
            case RecordKind.Held when _topics.TryGetValue(record.Int(), out var files):
                Hold(files, ref record);
                break;
            case RecordKind.Trimmed when _topics.TryGetValue(record.Int(), out var files):
                files.Partitions[record.Short()].CutBefore(record.ULong());
                break;
            case RecordKind.KeyCompleted:
                Outcomes.Append(record.Rest[(16 + 8 + 8 + 8)..]);
                break;
            default:
                break;
        }
    }

    /// <summary>
    /// All that was committed is durable in these files when this returns. Called before a snapshot, beside the writer.
    /// </summary>
    public void Sync()
    {
        foreach (var log in _topics.Values.SelectMany(files => files.All).Append(Outcomes))
        {
            log.Sync();
        }
    }

    public void Dispose()
    {
        _writer.Dispose();
        foreach (var log in _topics.Values.SelectMany(files => files.All))
        {
            log.Dispose();
        }

        _outcomes?.Dispose();
    }

    /// <summary>Makes the folders of a topic that is to be declared: when there is no room for them, nothing was recorded yet.</summary>
    /// <exception cref="DiskException">They cannot be made.</exception>
    public void Make(int topic, int partitions)
    {
        for (var partition = 0; partition < partitions; partition++)
        {
            disk.CreateDirectory(PathOf(topic, partition.ToString(CultureInfo.InvariantCulture)));
        }

        disk.CreateDirectory(PathOf(topic, "held"));
    }

    private Files Open(TopicState topic)
    {
        var bytes = segmentBytes(topic.Name);
        return new(
            [.. topic.Partitions.Select((partition, i) => FrameLog.Open(disk, PathOf(topic.Id, i.ToString(CultureInfo.InvariantCulture)), bytes, partition.Start, partition.End, _writer))],
            FrameLog.Open(disk, PathOf(topic.Id, "held"), bytes, 0, topic.HeldEnd, _writer));
    }

    private string PathOf(int topic, string part) => Path.Combine(directory, topic.ToString(CultureInfo.InvariantCulture), part);

    private void Declare(ref RecordReader record)
    {
        var id = record.Int();
        if (!_topics.ContainsKey(id))
        {
            _topics[id] = Open(new TopicState(id, record.Text(), record.Short()));
        }
    }

    private void Delete(int id)
    {
        if (_topics.TryRemove(id, out var files))
        {
            Array.ForEach(files.All, log => log.Dispose());
            disk.DeleteDirectory(Path.Combine(directory, id.ToString(CultureInfo.InvariantCulture)));
        }
    }

    private void Publish(Files files, ref RecordReader record)
    {
        _ = record.Long();
        _ = record.Long();
        var count = record.Int();
        var frames = BackboneState.FramesOf(record, count);
        for (; count > 0; count--)
        {
            var log = files.Partitions[record.Short()];
            var flags = (PublishedFlags)record.Byte();
            _ = flags.HasFlag(PublishedFlags.Known) ? record.Hash() : 0;
            _ = flags.HasFlag(PublishedFlags.Held) ? record.ULong() : 0;
            var frame = frames[..FrameHead.Length(frames)];
            frames = frames[frame.Length..];
            if (FrameHead.Offset(frame) > log.End)
            {
                log.Adopt(FrameHead.Offset(frame)); // the records between are lost, and what was written from them may not be
            }

            log.Append(frame);
            IsStuck |= log.IsStuck;
        }
    }

    private void Hold(Files files, ref RecordReader record)
    {
        _ = record.Long();
        _ = record.Long();
        _ = record.Long();
        for (var left = record.Int(); left > 0; left--)
        {
            _ = ((PublishedFlags)record.Byte()).HasFlag(PublishedFlags.Known) ? record.Hash() : 0;
        }

        files.Held.Append(record.Rest);
        IsStuck |= files.Held.IsStuck;
    }

    private sealed record Files(FrameLog[] Partitions, FrameLog Held)
    {
        public FrameLog[] All { get; } = [.. Partitions, Held];
    }
}
