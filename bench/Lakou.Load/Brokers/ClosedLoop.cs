using System.Net.Sockets;

namespace Lakou.Load.Brokers;

/// <summary>
/// Workers that each do one thing after another: publish a batch and, if they are takers, take a batch of each subscription. Then as many events are
/// taken as are published, so that no queue grows and nobody waits for an event that never comes.
/// </summary>
/// <param name="most">No more than this many events.</param>
internal sealed class ClosedLoop(IBroker broker, int batch, int subscriptions, bool areTakers, TimeSpan length, long most)
{
    // For what is on its way when the time is up.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(10);

    private readonly TimeProvider _clock = TimeProvider.System;
    private readonly Summary _summary = new();
    private long _left = most;
    private readonly Lock _endGate = new();
    private TimeSpan _ended;
    private long _start;

    public async Task<Summary> RunAsync(int workers)
    {
        var open = new List<IWorker>();
        for (var i = 0; i < workers; i++)
        {
            open.Add(await broker.OpenAsync(batch, subscriptions, areTakers));
        }

        Console.WriteLine("BEGIN"); // whoever reads the broker's processor time leaves the opening out
        var cpu = Environment.CpuUsage.TotalTime;
        _start = _clock.GetTimestamp();
        var work = open.ConvertAll(WorkAsync);
        await Task.WhenAny(Task.WhenAll(work), Task.Delay(length > TimeSpan.MaxValue - Grace ? Timeout.InfiniteTimeSpan : length + Grace, _clock));
        _summary.Elapsed = _ended;
        _summary.Cpu = Environment.CpuUsage.TotalTime - cpu;
        _summary.Timeout += work.Count(one => !one.IsCompleted);
        return _summary;
    }

    // Closing at its end gives back what a broker has pushed to it and others wait for.
    private async Task WorkAsync(IWorker worker)
    {
        await using (worker)
        {
            try
            {
                for (var begun = _clock.GetElapsedTime(_start); begun < length && Interlocked.Add(ref _left, -batch) >= 0;)
                {
                    await worker.PublishAsync();
                    for (var subscription = 0; areTakers && subscription < subscriptions; subscription++)
                    {
                        await worker.TakeAsync(subscription);
                    }

                    var now = _clock.GetElapsedTime(_start);
                    Interlocked.Add(ref _summary.Requests, batch);
                    _summary.Latencies.Add(now - begun);
                    begun = now;
                }
            }
            catch (Exception e) when (e is BrokerException or IOException or SocketException)
            {
                Console.Error.WriteLine(e.Message);
                Interlocked.Increment(ref _summary.Status);
            }

            lock (_endGate)
            {
                _ended = _clock.GetElapsedTime(_start);
            }
        }
    }
}
