namespace Lakou.Core.Metrics;

/// <summary>A value that is set, or asked for when it is written. What is counted up and down is a <see cref="Level"/>.</summary>
public sealed class Gauge : Metric
{
    private double _value;
    private Func<double>? _source;

    internal Gauge(byte[] labels)
        : base(labels)
    {
    }

    public double Value => _source?.Invoke() ?? Volatile.Read(ref _value);

    public void Set(double value) => Volatile.Write(ref _value, value);

    /// <summary>From now on the value is asked for when it is written; what was set is not shown.</summary>
    public void Follow(Func<double> source) => _source = source;

    internal override void Write(ExpositionWriter output, byte[] name) => output.Sample(name, Labels, Value);
}
