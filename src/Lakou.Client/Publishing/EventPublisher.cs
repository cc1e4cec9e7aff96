using System.Diagnostics;
using System.Net;
using System.Threading.Channels;

namespace Lakou.Client;

/// <summary>
/// Gathers events of many callers into batches, one batch under way at a time, so that their order is kept. Disposing it sends what waits.
/// </summary>
public sealed class EventPublisher : IAsyncDisposable
{
    private readonly LakouClient _client;
    private readonly string _topic;
    private readonly EventPublisherOptions _options;
    private readonly Channel<Pending> _pending;
    private readonly CancellationTokenSource _closing = new();
    private readonly CancellationTokenSource _closed;
    private readonly Task _sending;

    internal EventPublisher(LakouClient client, string topic, EventPublisherOptions options)
    {
        (_client, _topic, _options) = (client, topic, options);
        _pending = Channel.CreateBounded<Pending>(new BoundedChannelOptions(options.Pending) { SingleReader = true });
        _closed = new CancellationTokenSource(Timeout.InfiniteTimeSpan, client.Api.Options.Time);
        _sending = Task.Run(SendAsync);
    }

    /// <summary>Publishes one event; completes when its batch is on disk. Waits while <see cref="EventPublisherOptions.Pending"/> events wait.</summary>
    /// <param name="published">At most 1 MiB.</param>
    /// <param name="cancelled">Ends the wait for room; an event that has its place is sent.</param>
    /// <exception cref="LakouException">This event was refused, or Lakou is away for longer than <see cref="LakouClientOptions.RetryFor"/>.</exception>
    /// <exception cref="ObjectDisposedException">The publisher ended before.</exception>
    public Task<Receipt> PublishAsync(CloudEvent published, CancellationToken cancelled = default)
        => AddAsync(new Pending(CloudEventJson.Write(published, Activity.Current)), cancelled);

    /// <summary>Completes when everything that was published before has been sent, or has failed.</summary>
    /// <param name="cancelled">Ends the wait.</param>
    public async Task FlushAsync(CancellationToken cancelled = default)
        => await AddAsync(new Pending([]), cancelled).WaitAsync(cancelled).ConfigureAwait(false);

    /// <summary>Sends what waits, for at most <see cref="LakouClientOptions.RetryFor"/>, and ends.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_pending.Writer.TryComplete())
        {
            await _closing.CancelAsync().ConfigureAwait(false);
            _closed.CancelAfter(_client.Api.Options.RetryFor);
        }

        await _sending.ConfigureAwait(false);
        _closing.Dispose();
        _closed.Dispose();
    }

    private async Task<Receipt> AddAsync(Pending pending, CancellationToken cancelled)
    {
        try
        {
            await _pending.Writer.WriteAsync(pending, cancelled).ConfigureAwait(false);
        }
        catch (ChannelClosedException e)
        {
            throw new ObjectDisposedException("the publisher ended before", e);
        }

        return await pending.Sent.Task.ConfigureAwait(false);
    }

    private async Task SendAsync()
    {
        var batch = new List<Pending>(_options.BatchEvents);
        while (await _pending.Reader.WaitToReadAsync().ConfigureAwait(false))
        {
            // 1. What is there; when that is no whole batch, what comes while the first lingers.
            if (!Fill(batch) && _options.Linger > TimeSpan.Zero)
            {
                await Task.Delay(_options.Linger, _client.Api.Options.Time, _closing.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                Fill(batch);
            }

            // 2. All but the marks of those who flush.
            await SendAsync(batch.Where(one => one.Event.Length > 0).ToArray().AsMemory()).ConfigureAwait(false);
            foreach (var mark in batch.Where(one => one.Event.Length == 0))
            {
                mark.Sent.TrySetResult(new Receipt("", 0));
            }

            batch.Clear();
        }
    }

    /// <returns>Whether the batch is whole.</returns>
    private bool Fill(List<Pending> batch)
    {
        var bytes = batch.Sum(one => one.Event.Length + 1);
        while (batch.Count < _options.BatchEvents)
        {
            if (!_pending.Reader.TryPeek(out var next))
            {
                return false;
            }

            bytes += next.Event.Length + 1;
            if (bytes > _options.BatchBytes && batch.Count > 0)
            {
                return true;
            }

            _pending.Reader.TryRead(out _);
            batch.Add(next);
        }

        return true;
    }

    /// <summary>A batch is refused as a whole: halved until those alone fail that are to blame.</summary>
    private async Task SendAsync(ReadOnlyMemory<Pending> batch)
    {
        if (batch.Length == 0)
        {
            return;
        }

        var events = batch.ToArray();
        using var activity = LakouClient.StartPublish(_topic, batch.Length);
        try
        {
            var receipts = await _client.PublishAsync(_topic, [.. events.Select(one => one.Event)], null, activity, _closed.Token).ConfigureAwait(false);
            for (var i = 0; i < batch.Length; i++)
            {
                events[i].Sent.TrySetResult(receipts[i]);
            }
        }
        catch (LakouException e) when (batch.Length > 1 && e.Status is HttpStatusCode.BadRequest or HttpStatusCode.RequestEntityTooLarge)
        {
            await SendAsync(batch[..(batch.Length / 2)]).ConfigureAwait(false);
            await SendAsync(batch[(batch.Length / 2)..]).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // Whatever it is, those who wait have to know; the next batch may fare better.
            foreach (var one in events)
            {
                one.Sent.TrySetException(e);
            }
        }
    }

    /// <param name="Event">As JSON; empty for a mark.</param>
    private sealed record Pending(byte[] Event)
    {
        public TaskCompletionSource<Receipt> Sent { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
