namespace Lakou.Core.Metrics;

/// <summary>
/// How many there are of something that comes and goes; announced as a gauge.
/// Apart from <see cref="Gauge"/> because it is written by every core at once, and a set would race with the counting.
/// </summary>
public sealed class Level : Metric
{
    private readonly Stripes _cells = new(1);

    internal Level(byte[] labels)
        : base(labels)
    {
    }

    public long Value => _cells.Sum(0);

    public void Increment() => Interlocked.Increment(ref _cells.Row()[0]);

    public void Decrement() => Interlocked.Decrement(ref _cells.Row()[0]);

    internal override void Write(ExpositionWriter output, byte[] name) => output.Sample(name, Labels, Value);
}
