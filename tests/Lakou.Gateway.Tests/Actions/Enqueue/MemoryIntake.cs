using System.Buffers;
using System.Collections.Concurrent;
using System.Text;
using Lakou.Core.Events;

namespace Lakou.Gateway.Tests.Actions.Enqueue;

/// <summary>A backbone that keeps what it is given in memory.</summary>
internal sealed class MemoryIntake : IEventIntake
{
    private readonly ConcurrentQueue<(EventSubmission Submission, string Body)> _accepted = new();
    private readonly SemaphoreSlim _arrived = new(0);

    /// <summary>What was accepted, in order; bodies in Latin-1.</summary>
    public IReadOnlyList<(EventSubmission Submission, string Body)> Accepted => [.. _accepted];

    /// <summary>What it answers; the number counts from 0.</summary>
    public Func<EventSubmission, int, EventReceipt> Answer { get; set; } = static (submission, number) => new()
    {
        IsBatch = submission.ContentType == "application/cloudevents-batch+json",
        Events = [new(Encoding.ASCII.GetBytes($"id-{number}"), 3, (ulong)number)],
    };

    /// <summary>Before it answers; by default it takes a while on another thread, as a disk does.</summary>
    public Func<CancellationToken, Task> Work { get; set; } = static _ => Task.Run(static () => { });

    /// <summary>Waits until a submission is being worked on.</summary>
    public Task ArrivedAsync() => _arrived.WaitAsync(TimeSpan.FromSeconds(30));

    public async ValueTask<EventReceipt> AcceptAsync(EventSubmission submission, CancellationToken cancellation)
    {
        _arrived.Release();
        await Work(cancellation).ConfigureAwait(false);
        var receipt = Answer(submission, _accepted.Count);
        if (receipt.Fault is null)
        {
            // Read as late as may be, so that a body that is given back too early shows.
            _accepted.Enqueue((submission, Encoding.Latin1.GetString(submission.Body.ToArray())));
        }

        return receipt;
    }
}
