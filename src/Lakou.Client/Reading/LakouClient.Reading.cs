using System.Globalization;
using Lakou.Client.Consuming;
using Lakou.Client.Http;

namespace Lakou.Client;

public sealed partial class LakouClient
{
    /// <summary>Reads a subscription of <c>mode: log</c> from what was committed on. Reading alone changes nothing: the next read begins at the same place.</summary>
    /// <param name="subscription">Of <c>mode: log</c>.</param>
    /// <param name="max">Most events, 1 to 1000.</param>
    /// <param name="wait">How long to wait for the first; at most 50 s.</param>
    /// <param name="cancelled">Ends the wait.</param>
    /// <exception cref="LakouException">Among others <c>topic/no-such-offset</c>: retention took what was to be read.</exception>
    public async Task<EventsRead> ReadLogAsync(string subscription, int max = 100, TimeSpan wait = default, CancellationToken cancelled = default)
        => await ReadAsync(new Call(HttpMethod.Post, Call.Of("subscriptions", subscription, "receive")) { Body = Wire.Write(new ReceiveShape(max, Wire.Seconds(wait))), Wait = wait }, cancelled).ConfigureAwait(false);

    /// <summary>Says how far a reader is: what is before these positions is done.</summary>
    /// <param name="subscription">Of <c>mode: log</c>.</param>
    /// <param name="positions">As a read gave them.</param>
    /// <param name="cancelled">Ends the wait.</param>
    public Task CommitAsync(string subscription, Positions positions, CancellationToken cancelled = default)
        => Api.SendAsync(CommitOf(subscription, positions), cancelled);

    /// <summary>Reads a log on and on: each read is committed once the handler returned. A handler that throws ends it, and what it had comes again.</summary>
    /// <param name="subscription">Of <c>mode: log</c>.</param>
    /// <param name="handler">Gets events in the order of their partitions. Its token is <paramref name="stopping"/>: it may finish what it has, or give up, and the same comes again.</param>
    /// <param name="max">Most events at a time, 1 to 1000.</param>
    /// <param name="stopping">Ends it once the handler that runs has returned and its events are committed.</param>
    public async Task ConsumeLogAsync(string subscription, Func<IReadOnlyList<StoredEvent>, CancellationToken, Task> handler, int max = 100, CancellationToken stopping = default)
    {
        var wait = new ConsumeOptions().Wait;
        try
        {
            while (true)
            {
                var call = new Call(HttpMethod.Post, Call.Of("subscriptions", subscription, "receive")) { Body = Wire.Write(new ReceiveShape(max, Wire.Seconds(wait))), Wait = wait, RetryFor = Timeout.InfiniteTimeSpan };
                var read = await ReadAsync(call, stopping).ConfigureAwait(false);
                if (read.Events.Count > 0)
                {
                    await handler(read.Events, stopping).ConfigureAwait(false);
                    await CommitDoneAsync(CommitOf(subscription, read.Positions) with { RetryFor = new LakouClientOptions().RetryFor }, stopping).ConfigureAwait(false);
                }
                else
                {
                    await Task.Delay(Consumer.EmptyPause, Api.Options.Time, stopping).ConfigureAwait(false);
                }
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // As it was asked.
        }
    }

    /// <summary>Reads a topic itself; nothing of it is kept.</summary>
    /// <param name="topic">An existing one.</param>
    /// <param name="from">As a read before gave them; null for the earliest that is kept.</param>
    /// <param name="max">Most events, 1 to 1000.</param>
    /// <param name="wait">How long to wait for the first; at most 50 s.</param>
    /// <param name="cancelled">Ends the wait.</param>
    public Task<EventsRead> ReadTopicAsync(string topic, Positions? from = null, int max = 100, TimeSpan wait = default, CancellationToken cancelled = default)
        => ReadAsync(
            new Call(HttpMethod.Get, Call.Of("topics", topic, $"events?max={max.ToString(CultureInfo.InvariantCulture)}&wait={Wire.Seconds(wait)?.ToString(CultureInfo.InvariantCulture)}"))
            {
                LastEventId = from?.ToString(),
                Wait = wait,
            },
            cancelled);

    private static Call CommitOf(string subscription, Positions positions)
        => new(HttpMethod.Post, Call.Of("subscriptions", subscription, "commit")) { Body = Wire.Write(new PositionsShape(positions.Offsets)) };

    /// <summary>What is done is worth waiting for: a stop does not cut it off, and only ends the waiting for a Lakou that stays away.</summary>
    private async Task CommitDoneAsync(Call commit, CancellationToken stopping)
    {
        while (true)
        {
            try
            {
                await Api.SendAsync(commit, CancellationToken.None).ConfigureAwait(false);
                return;
            }
            catch (LakouException e) when (e.IsTransient && !stopping.IsCancellationRequested)
            {
                // It was tried for a while, with waits; and is again.
            }
        }
    }

    private async Task<EventsRead> ReadAsync(Call call, CancellationToken cancelled)
    {
        var answer = Wire.Read<DeliveryShape>(await Api.SendAsync(call, cancelled).ConfigureAwait(false));
        return answer.Positions is { } positions
            ? new([.. answer.Events.Select(one => new StoredEvent(one.Partition, one.Offset, CloudEventJson.Read(one.Event)))], new Positions(positions))
            : throw new LakouException("the subscription is a queue; consume it with ConsumeAsync", null) { Status = System.Net.HttpStatusCode.Conflict, Fault = "subscription/wrong-mode" };
    }
}
