using Lakou.Core.Metrics;

namespace Lakou.Core.Tests.Metrics;

public sealed class RecordingTests
{
    private const int Threads = 8;
    private const int Rounds = 20_000;

    private readonly MetricRegistry _registry = new();

    [Fact]
    public void No_increment_is_lost_between_threads()
    {
        Counter counter = _registry.Counter("things_total", "Things");
        Level level = _registry.LevelFamily("in_flight", "In flight", []).With();
        InParallel(() =>
        {
            counter.Increment();
            counter.Add(2);
            level.Increment();
            level.Increment();
            level.Decrement();
        });

        Assert.Equal(3L * Threads * Rounds, counter.Value);
        Assert.Equal(Threads * Rounds, level.Value);
    }

    [Fact]
    public void No_observation_and_no_part_of_the_sum_is_lost_between_threads()
    {
        Histogram histogram = _registry.HistogramFamily("size", "Size", [], new HistogramBuckets(1, 2)).With();
        InParallel(() => histogram.Observe(0.5)); // a binary fraction: the sum is exact

        Assert.Equal(Threads * Rounds, histogram.Count);
        Assert.Equal(Threads * Rounds * 0.5, histogram.Sum);
    }

    [Fact]
    public void In_every_scrape_the_count_equals_the_last_bucket_and_buckets_never_fall()
    {
        Histogram histogram = _registry.HistogramFamily("size", "Size", [], new HistogramBuckets(1, 2)).With();
        using var done = new CancellationTokenSource();
        var writer = new Thread(() =>
        {
            for (int i = 0; !done.IsCancellationRequested; i++)
            {
                histogram.Observe(i % 4);
            }
        });
        writer.Start();
        try
        {
            for (int i = 0; i < 200; i++)
            {
                Dictionary<string, double> scrape = Exposition.Text(_registry).Split('\n')
                    .Where(line => line.StartsWith("size", StringComparison.Ordinal))
                    .ToDictionary(line => line.Split(' ')[0], line => double.Parse(line.Split(' ')[1]));
                Assert.Equal(scrape["size_bucket{le=\"+Inf\"}"], scrape["size_count"]);
                Assert.True(scrape["size_bucket{le=\"1\"}"] <= scrape["size_bucket{le=\"2\"}"]);
                Assert.True(scrape["size_bucket{le=\"2\"}"] <= scrape["size_bucket{le=\"+Inf\"}"]);
            }
        }
        finally
        {
            done.Cancel();
            writer.Join();
        }
    }

    [Fact]
    public void A_value_on_a_bound_belongs_to_that_bucket()
    {
        Histogram histogram = _registry.HistogramFamily("size", "Size", [], new HistogramBuckets(1, 2)).With();
        histogram.Observe(1);
        histogram.Observe(1.5);
        histogram.Observe(2.5);

        Assert.Equal(1, Exposition.Value(_registry, "size_bucket{le=\"1\"}"));
        Assert.Equal(2, Exposition.Value(_registry, "size_bucket{le=\"2\"}"));
        Assert.Equal(3, Exposition.Value(_registry, "size_bucket{le=\"+Inf\"}"));
        Assert.Equal(5, Exposition.Value(_registry, "size_sum"));
    }

    [Fact]
    public void Bounds_must_ascend()
    {
        Assert.Throws<ArgumentException>(() => new HistogramBuckets(1, 1));
        Assert.Throws<ArgumentException>(() => new HistogramBuckets(1, double.PositiveInfinity));
    }

    [Fact]
    public void Recording_allocates_nothing()
    {
        Counter counter = _registry.Counter("things_total", "Things");
        Histogram histogram = _registry.HistogramFamily("size", "Size", [], HistogramBuckets.Seconds).With();
        Record(); // first call: code is compiled

        long before = GC.GetAllocatedBytesForCurrentThread();
        Record();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Record()
        {
            for (int i = 0; i < 1000; i++)
            {
                counter.Increment();
                histogram.Observe(TimeSpan.FromMilliseconds(3));
            }
        }
    }

    private static void InParallel(Action action)
    {
        Thread[] threads = [.. Enumerable.Range(0, Threads).Select(_ => new Thread(() =>
        {
            for (int i = 0; i < Rounds; i++)
            {
                action();
            }
        }))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
    }
}
