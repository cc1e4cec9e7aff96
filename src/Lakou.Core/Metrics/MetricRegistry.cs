using System.Buffers;

namespace Lakou.Core.Metrics;

/// <summary>
/// All families of a process, in the order of their creation. Written by hand because no Prometheus client is to be had
/// for this runtime; tested against promtool.
/// </summary>
public sealed class MetricRegistry
{
    /// <summary>
    /// Bound on the children of a family. Prometheus warns of families above some thousands of series; 10,000 is also the number
    /// of routes that a gateway must carry.
    /// </summary>
    public const int DefaultMaxChildren = 10_000;

    private readonly Lock _gate = new();
    private readonly List<MetricFamily> _families = [];
    private readonly MetricFamily<Counter> _overflows;

    public MetricRegistry() =>
        _overflows = CounterFamily("lakou_metric_children_overflowed_total", "Times that a full family gave out its child named other", ["metric"]);

    /// <summary>Content type of what <see cref="Write"/> writes.</summary>
    public static string ContentType => "text/plain; version=0.0.4; charset=utf-8";

    public Counter Counter(string name, string help) => CounterFamily(name, help, []).With();

    public MetricFamily<Counter> CounterFamily(string name, string help, string[] labels, int maxChildren = DefaultMaxChildren) =>
        Add(new(name, MetricKind.Counter, labels, help), maxChildren, text => new Counter(text));

    public Gauge Gauge(string name, string help) => GaugeFamily(name, help, []).With();

    public MetricFamily<Gauge> GaugeFamily(string name, string help, string[] labels, int maxChildren = DefaultMaxChildren) =>
        Add(new(name, MetricKind.Gauge, labels, help), maxChildren, text => new Gauge(text));

    public MetricFamily<Level> LevelFamily(string name, string help, string[] labels, int maxChildren = DefaultMaxChildren) =>
        Add(new(name, MetricKind.Gauge, labels, help), maxChildren, text => new Level(text));

    public MetricFamily<Histogram> HistogramFamily(string name, string help, string[] labels, HistogramBuckets buckets, int maxChildren = DefaultMaxChildren) =>
        Add(new(name, MetricKind.Histogram, labels, help), maxChildren, text => new Histogram(text, buckets));

    /// <summary>Every family, for a reference page.</summary>
    public IReadOnlyList<MetricDescription> Describe() => [.. Families().Select(family => family.Description)];

    /// <summary>The text exposition format 0.0.4. A family without children is left out.</summary>
    public void Write(IBufferWriter<byte> output)
    {
        var writer = new ExpositionWriter(output);
        foreach (MetricFamily family in Families())
        {
            family.Write(writer);
        }
    }

    private MetricFamily<T> Add<T>(MetricDescription description, int maxChildren, Func<byte[], T> create)
        where T : Metric
    {
        description.Check();
        var family = new MetricFamily<T>(description, maxChildren, create, () => _overflows.With(description.Name).Increment());
        lock (_gate)
        {
            if (_families.Exists(other => other.Description.Name == description.Name))
            {
                throw new InvalidOperationException($"{description.Name} exists already.");
            }

            _families.Add(family);
        }

        return family;
    }

    private MetricFamily[] Families()
    {
        lock (_gate)
        {
            return [.. _families];
        }
    }
}
