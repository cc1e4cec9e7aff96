namespace Lakou.Core.Metrics;

/// <summary>How a family is announced in its TYPE line.</summary>
public enum MetricKind
{
    Counter,
    Gauge,
    Histogram,
}

/// <summary>
/// One child of a family: one tuple of label values and what was recorded for it.
/// Obtained once, kept by whoever records, safe from any thread.
/// </summary>
public abstract class Metric
{
    private protected Metric(byte[] labels) => Labels = labels;

    /// <summary>The labels as they are written between the braces: <c>route="orders",status="2xx"</c>; empty without labels.</summary>
    private protected byte[] Labels { get; }

    internal abstract void Write(ExpositionWriter output, byte[] name);
}
