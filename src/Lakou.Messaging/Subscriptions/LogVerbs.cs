using Lakou.Core.Faults;
using Lakou.Log.Frames;
using Lakou.Messaging.Events;
using Lakou.Messaging.Subscriptions;
using Lakou.Messaging.Topics;

namespace Lakou.Messaging;

/// <summary>What readers ask for: of a log subscription, or of a topic itself.</summary>
internal sealed partial class Backbone
{
    /// <summary>
    /// Events from given offsets on, partitions in turn, and where to go on. Waits until there is one.
    /// </summary>
    /// <param name="positions">For each partition the first to read; afterwards, the first to read next.</param>
    /// <param name="filter">What is wanted; null for all. What is not is passed over, and counts in the positions.</param>
    /// <param name="max">Most events.</param>
    /// <param name="take">Gets each, with its partition; valid during the call.</param>
    /// <returns>How many there were; a fault when an offset is not kept any more or cannot be read, with the positions set behind it.</returns>
    public async ValueTask<(int Count, Fault? Fault)> ReadAsync(
        TopicRuntime topic, ulong[] positions, EventFilter? filter, int max, TimeSpan wait, Action<int, ReadOnlyMemory<byte>> take, CancellationToken cancellation)
    {
        using var deadline = new CancellationTokenSource(wait, _settings.Time);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellation, _stopping.Token);
        while (true)
        {
            var appended = topic.AppendedAsync();
            var (count, fault) = Read(topic, positions, filter, max, take);
            if (count > 0 || fault is not null || ended.IsCancellationRequested)
            {
                return (count, fault);
            }

            await appended.WaitAsync(ended.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Offsets from which a reader of a topic begins.</summary>
    public ulong[] PositionsOf(TopicRuntime topic, StartOptions start)
    {
        lock (Store.Gate)
        {
            return StartOf(topic, start);
        }
    }

    private (int Count, Fault? Fault) Read(TopicRuntime topic, ulong[] positions, EventFilter? filter, int max, Action<int, ReadOnlyMemory<byte>> take)
    {
        // In rounds, so that a busy partition does not hide the others and gets what they leave.
        var (count, bytes) = (0, 0);
        for (var before = -1; count != before && count < max && bytes < ReceiveBytes;)
        {
            before = count;
            var share = Math.Max(1, (max - count) / positions.Length);
            for (var partition = 0; partition < positions.Length && count < max && bytes < ReceiveBytes; partition++)
            {
                var (taken, read, fault) = ReadPartition(topic, partition, positions, filter, share, ReceiveBytes - bytes, take);
                if (fault is not null)
                {
                    return (count, count > 0 ? null : fault);
                }

                (count, bytes) = (count + taken, bytes + read);
            }
        }

        return (count, null);
    }

    private (int Taken, int Bytes, Fault? Fault) ReadPartition(
        TopicRuntime topic, int partition, ulong[] positions, EventFilter? filter, int share, int mostBytes, Action<int, ReadOnlyMemory<byte>> take)
    {
        var (taken, bytes) = (0, 0);
        while (taken < share && bytes < mostBytes && Store.Files.TryGet(topic.State.Id, partition, out var log))
        {
            using var block = log.Read(positions[partition], mostBytes - bytes, share - taken);
            if (block.LostUntil is { } lost)
            {
                return (taken, bytes, taken > 0 ? null : Lost(log, partition, positions, lost));
            }

            if (block.Count == 0)
            {
                break;
            }

            var at = 0;
            foreach (var frame in block)
            {
                if (filter?.Matches(new EventFrame(frame)) != false)
                {
                    take(partition, block.Memory.Slice(at, frame.Length));
                    taken++;
                }

                at += frame.Length;
            }

            bytes += at;
            positions[partition] += (ulong)block.Count;
        }

        return (taken, bytes, null);
    }

    private static Fault Lost(FrameLog log, int partition, ulong[] positions, ulong lost)
    {
        var from = positions[partition];
        positions[partition] = lost;
        return BackboneFaults.BadOffset.With(from < log.Start
            ? $"offset {from} of partition {partition} is gone: retention keeps from {log.Start} on"
            : $"offsets {from} to {lost - 1} of partition {partition} cannot be read: the file is damaged; go on at {lost}");
    }
}
