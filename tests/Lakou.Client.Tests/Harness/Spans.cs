using System.Collections.Concurrent;
using System.Diagnostics;

namespace Lakou.Client.Tests.Harness;

/// <summary>Spans of the client, as an exporter would see them. Those of other tests are among them.</summary>
internal static class Spans
{
    public static IDisposable Listen(out IReadOnlyCollection<Activity> spans)
    {
        var ended = new ConcurrentQueue<Activity>();
        spans = ended;
        var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == LakouClient.ActivitySourceName,
            Sample = static (ref _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = ended.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        return listener;
    }
}
