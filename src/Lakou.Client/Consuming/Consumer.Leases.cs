using Lakou.Client.Http;
using Microsoft.Extensions.Logging;

namespace Lakou.Client.Consuming;

/// <summary>What Lakou is told of the events that handlers have.</summary>
internal sealed partial class Consumer
{
    // 256 characters are kept; more is not sent.
    private const int ReasonLength = 256;

    private static readonly TimeSpan s_fastest = TimeSpan.FromMilliseconds(100);

    // Whoever learns the first lease starts the extending of all.
    private readonly TaskCompletionSource _leased = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TimeSpan _lease;

    private void LeaseIs(TimeSpan lease)
    {
        _lease = lease;
        _leased.TrySetResult();
    }

    private async Task ExtendAsync(CancellationToken over)
    {
        try
        {
            await _leased.Task.WaitAsync(over).ConfigureAwait(false);
            while (true)
            {
                // A third: two extensions may fail before a lease is lost. What a slow disk left of one may be nothing.
                var pace = _lease / 3 > s_fastest ? _lease / 3 : s_fastest;
                await Task.Delay(pace, _time, over).ConfigureAwait(false);
                if (!_works.IsEmpty)
                {
                    await ExtendAsync(pace, over).ConfigureAwait(false);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Nothing is leased any more, or nobody waits for it.
        }
    }

    private async Task ExtendAsync(TimeSpan pace, CancellationToken over)
    {
        var leases = _works.Keys.ToArray();
        try
        {
            foreach (var gone in await _client.SettleAsync(_subscription, "extend", new SettleShape(leases), pace, over).ConfigureAwait(false))
            {
                if (_works.TryGetValue(gone, out var work) && !work.IsLost)
                {
                    work.Lose();
                }
            }
        }
        catch (LakouException e)
        {
            _log.LogWarning("{Count} leases of {Subscription} were not extended: {Reason}", leases.Length, _subscription, e.Message);
        }
    }

    /// <summary>What finished while the request before was under way goes together.</summary>
    private async Task SettleAsync(CancellationToken over)
    {
        var batch = new List<Work>();
        try
        {
            while (await _finished.Reader.WaitToReadAsync(over).ConfigureAwait(false))
            {
                while (_finished.Reader.TryRead(out var work))
                {
                    batch.Add(work);
                }

                foreach (var alike in batch.Where(work => !work.IsLost).GroupBy(work => (work.Refusal, work.Delay)))
                {
                    await SettleAsync(alike.Key.Refusal, alike.Key.Delay, [.. alike], over).ConfigureAwait(false);
                }

                foreach (var work in batch)
                {
                    work.Forget();
                    _works.TryRemove(work.Delivery.Lease, out _);
                }

                FreePlaces(batch.Count);
                batch.Clear();
            }
        }
        catch (OperationCanceledException)
        {
            // Those that are left come again when their leases are over.
        }
    }

    private async Task SettleAsync(string? refusal, TimeSpan? delay, Work[] works, CancellationToken over)
    {
        var leases = works.Select(work => work.Delivery.Lease).ToArray();
        try
        {
            var gone = refusal is null
                ? await _client.SettleAsync(_subscription, "ack", new SettleShape(leases), Timeout.InfiniteTimeSpan, over).ConfigureAwait(false)
                : await _client.SettleAsync(_subscription, "nack", new SettleShape(leases, Wire.Seconds(delay), Clip(refusal)), Timeout.InfiniteTimeSpan, over).ConfigureAwait(false);
            if (gone.Count > 0)
            {
                _log.LogWarning("{Count} events of {Subscription} were finished after their lease had ended; they may be handled twice", gone.Count, _subscription);
            }
        }
        catch (LakouException e)
        {
            _log.LogError("{Count} events of {Subscription} could not be finished, and come again when their leases are over: {Reason}", leases.Length, _subscription, e.Message);
        }
    }

    private static string Clip(string reason) => reason.Length <= ReasonLength ? reason : reason[..(char.IsHighSurrogate(reason[ReasonLength - 1]) ? ReasonLength - 1 : ReasonLength)];
}
