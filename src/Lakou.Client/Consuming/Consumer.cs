using System.Collections.Concurrent;
using System.Diagnostics;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Lakou.Client.Consuming;

/// <summary>
/// One subscription, worked on by some handlers at a time.
/// <code>
///  receive ──► handlers ──► settle ──► places are free again
///                 ▲ extend, every third of a lease
/// </code>
/// A place is taken from before its event is leased until Lakou knows what became of it: nothing is leased that nobody works on.
/// </summary>
internal sealed partial class Consumer
{
    /// <summary>A Lakou that stops answers those who wait at once, with nothing; and again, until its socket closes.</summary>
    public static readonly TimeSpan EmptyPause = TimeSpan.FromMilliseconds(250);

    // Lakou's: events of one receive, leases of one request.
    private const int MostPerReceive = 1_000;
    private const int MostWorkers = 10_000;

    // For what handlers say once their token is cancelled, and for the answer to it.
    private static readonly TimeSpan s_grace = TimeSpan.FromSeconds(2);

    private readonly LakouClient _client;
    private readonly string _subscription;
    private readonly Func<Delivery, CancellationToken, Task> _handler;
    private readonly ConsumeOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly SemaphoreSlim _places;
    private readonly ConcurrentDictionary<string, Work> _works = new(StringComparer.Ordinal);
    private readonly Channel<Work> _finished;

    public Consumer(LakouClient client, string subscription, Func<Delivery, CancellationToken, Task> handler, ConsumeOptions options)
    {
        (_client, _subscription, _handler, _options) = (client, subscription, handler, options);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(options.Wait, TimeSpan.Zero, nameof(options));
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Workers, 1, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.Workers, MostWorkers, nameof(options));
        _time = client.Api.Options.Time;
        _log = client.Api.Options.Loggers.CreateLogger("Lakou.Client");
        _places = new SemaphoreSlim(options.Workers);
        _finished = Channel.CreateBounded<Work>(options.Workers); // never full: each has a place
    }

    public async Task RunAsync(CancellationToken stopping)
    {
        using var cut = new CancellationTokenSource();
        using var over = new CancellationTokenSource();
        var settling = SettleAsync(over.Token);
        var extending = ExtendAsync(over.Token);
        try
        {
            await ReceiveAsync(cut.Token, stopping).ConfigureAwait(false);
        }
        finally
        {
            // 1. What runs may finish. 2. What does not is told to, and has a moment to say so. 3. The rest comes again when its lease is over.
            if (!await AllPlacesAsync(_options.StopWithin).ConfigureAwait(false))
            {
                _log.LogWarning("{Count} handlers of {Subscription} took longer than {Time}; they are told to stop", _works.Count, _subscription, _options.StopWithin);
                await cut.CancelAsync().ConfigureAwait(false);
                await AllPlacesAsync(s_grace).ConfigureAwait(false);
            }

            await over.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(settling, extending).ConfigureAwait(false);
        }
    }

    private async Task ReceiveAsync(CancellationToken cut, CancellationToken stopping)
    {
        var wait = TimeSpan.Zero; // the first answer tells at once whether there is such a queue
        try
        {
            while (true)
            {
                await _places.WaitAsync(stopping).ConfigureAwait(false);
                var places = 1 + TakeFree(Math.Min(_options.Workers, MostPerReceive) - 1);
                var began = _time.GetTimestamp();
                Received? received = null;
                try
                {
                    received = await _client.ReceiveAsync(_subscription, places, wait, Timeout.InfiniteTimeSpan, stopping).ConfigureAwait(false);
                }
                finally
                {
                    FreePlaces(places - (received?.Events.Count ?? 0));
                }

                Start(received, cut);
                if (received.Events.Count == 0 && wait > TimeSpan.Zero && _time.GetElapsedTime(began) < EmptyPause)
                {
                    await Task.Delay(EmptyPause, _time, stopping).ConfigureAwait(false);
                }

                wait = _options.Wait;
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // As it was asked.
        }
    }

    private void Start(Received received, CancellationToken cut)
    {
        if (received.Lease is { } lease)
        {
            LeaseIs(lease);
        }

        foreach (var delivery in received.Events)
        {
            var work = new Work(delivery, cut);
            _works[delivery.Lease] = work;
            _ = Task.Run(() => HandleAsync(work), CancellationToken.None);
        }
    }

    private async Task HandleAsync(Work work)
    {
        using (var activity = StartActivity(work.Delivery))
        {
            try
            {
                await _handler(work.Delivery, work.Token).ConfigureAwait(false);
            }
            catch (Exception e)
            {
                activity?.SetStatus(ActivityStatusCode.Error, e.Message);
                Refuse(work, e);
            }
        }

        _finished.Writer.TryWrite(work);
    }

    private void Refuse(Work work, Exception e)
    {
        if (e is OperationCanceledException && work.Token.IsCancellationRequested)
        {
            work.Refuse("the worker stopped before it was done", TimeSpan.Zero);
            return;
        }

        work.Refuse(e.Message, (e as EventRefusedException)?.Delay);
        _log.LogWarning(e, "Attempt {Attempt} of event {Id} of {Subscription} failed", work.Delivery.Attempt, work.Delivery.Event.Id, _subscription);
    }

    /// <summary>A span of its own, linked to the one that published: a queue is no call, and the two may be days apart.</summary>
    private Activity? StartActivity(Delivery delivery)
    {
        Activity.Current = null;
        var extensions = delivery.Event.Extensions;
        ActivityLink[] links = extensions.TryGetValue("traceparent", out var parent) && ActivityContext.TryParse(parent, extensions.GetValueOrDefault("tracestate"), isRemote: true, out var published)
            ? [new(published)]
            : [];
        var activity = LakouClient.Activities.StartActivity(ActivityKind.Consumer, default, null, links, default, $"process {_subscription}");
        activity?.SetTag("messaging.system", "lakou").SetTag("messaging.operation.type", "process").SetTag("messaging.destination.subscription.name", _subscription)
            .SetTag("messaging.message.id", delivery.Event.Id).SetTag("messaging.destination.partition.id", delivery.Partition);
        return activity;
    }

    private int TakeFree(int most)
    {
        var taken = 0;
        while (taken < most && _places.Wait(0))
        {
            taken++;
        }

        return taken;
    }

    private void FreePlaces(int count)
    {
        if (count > 0)
        {
            _places.Release(count);
        }
    }

    private async Task<bool> AllPlacesAsync(TimeSpan within)
    {
        using var late = new CancellationTokenSource(within, _time);
        var taken = 0;
        try
        {
            while (taken < _options.Workers)
            {
                await _places.WaitAsync(late.Token).ConfigureAwait(false);
                taken++;
            }

            return true;
        }
        catch (OperationCanceledException)
        {
            FreePlaces(taken);
            return false;
        }
    }
}
