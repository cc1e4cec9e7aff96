using System.Text;

namespace Lakou.Core.Metrics;

/// <summary>Upper bounds of a histogram's buckets, ascending, without +Inf, which is always added.</summary>
public sealed class HistogramBuckets
{
    public HistogramBuckets(params double[] bounds)
    {
        for (int i = 0; i < bounds.Length; i++)
        {
            if (!double.IsFinite(bounds[i]) || (i > 0 && bounds[i] <= bounds[i - 1]))
            {
                throw new ArgumentException("Bounds are finite and ascending.", nameof(bounds));
            }
        }

        Bounds = bounds;
        Texts = [.. bounds.Select(bound => Encoding.ASCII.GetBytes(bound.ToString("R"))), "+Inf"u8.ToArray()];
    }

    /// <summary>
    /// Seconds. The default buckets of the official Prometheus clients (0.005 … 10), with 0.001 and 0.0025 below:
    /// a gateway beside its services answers most requests in less than 5 ms.
    /// </summary>
    public static HistogramBuckets Seconds { get; } = new(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10);

    internal double[] Bounds { get; }

    internal byte[][] Texts { get; }
}
