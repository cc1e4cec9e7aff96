using System.Diagnostics;

namespace Lakou.Core.Metrics;

/// <summary>Goes up only; starts at zero with the process.</summary>
public sealed class Counter : Metric
{
    private readonly Stripes _cells = new(1);
    private Func<double>? _source;

    internal Counter(byte[] labels)
        : base(labels)
    {
    }

    public double Value => _source?.Invoke() ?? _cells.Sum(0);

    public void Increment() => Interlocked.Increment(ref _cells.Row()[0]);

    /// <param name="amount">Zero or more.</param>
    public void Add(long amount)
    {
        Debug.Assert(amount >= 0, "a counter never goes down");
        Interlocked.Add(ref _cells.Row()[0], amount);
    }

    /// <summary>From now on the value is asked for when it is written; what was counted here is not shown.</summary>
    public void Follow(Func<double> source) => _source = source;

    internal override void Write(ExpositionWriter output, byte[] name) => output.Sample(name, Labels, Value);
}
